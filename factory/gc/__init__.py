"""What nobody needs any more: products, measurements, pages, fetched copies, versions made again, half registrations.

    products        in the folders of specialists, found by key
    measured        cells of `interference`, sittings of `suite`, pages of `report`, work of `pretrain`
    copies          fetched adapters, and versions made again
    registrations   what interrupted ones left in MLflow

Needed is what a version that is not retired, or that holds an alias, was made from or measured by; what the configurations
that are named would find; and whatever a process is at.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from factory import pipeline, registry
from factory.config import Config
from factory.errors import Unavailable
from factory.gc.folders import Left, held, locks, remove, size
from factory.gc.measured import adapters, measurements, pages, trainings
from factory.gc.registrations import every, registrations
from factory.registry.measured import SAT
from factory.store import Made

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

PRODUCTS = tuple(stage.makes for stage in pipeline.STAGES if stage.makes != "start")


@dataclass(frozen=True)
class Needs:
    """The keys of the products that are needed; the versions: alive, and of them those that fetched copies serve.

    `runs` are MLflow's runs of those that are alive, `bases` the weights that they and the configurations stand on.
    """

    keys: set[str]
    alive: set[tuple[str, str]]
    served: set[tuple[str, str]]
    runs: set[str] = field(default_factory=set)
    bases: set[str] = field(default_factory=set)


def left(asked: Mapping[str, Config], bases: Collection[Path]) -> list[Left]:
    """What nobody needs, of the specialists that are named and their registered models.

    `bases` are the folders in which the base of each configuration is trained, should it be.
    """
    first = next(iter(asked.values()))
    runs = Path(first.runtime.runs)
    with registry.client(first.registry) as ours:
        models = [model.name for model in every(ours.search_registered_models)]
        versions = {name: registry.versions(ours, name) for name in models}
        needs = needed(ours, asked, versions)
        everyone = [version for of in versions.values() for version in of]
        found = [
            *(one for name in asked for one in products(runs / name, needs)),
            *measurements(runs, asked, needs, adapters(ours, runs, asked, needs)),
            *pages(runs, asked, needs),
            *trainings(runs, bases),
            *copies(runs, asked, needs),
            *(one for config in asked.values() for one in registrations(ours, config, everyone)),
        ]
    return list(dict.fromkeys(found))


def removed(found: Sequence[Left], asked: Mapping[str, Config]) -> Iterator[tuple[Left, str]]:
    """Removes it, one after another; each with why it was left after all, or nothing."""
    with registry.client(next(iter(asked.values())).registry):
        for one in found:
            try:
                one.remove()
            except Unavailable as busy:
                yield one, busy.what
            else:
                yield one, ""


def needed(ours: MlflowClient, asked: Mapping[str, Config], versions: Mapping[str, Sequence[ModelVersion]]) -> Needs:
    """What the versions of all registered models were made from, and what the configurations would find."""
    needs = Needs(set(), set(), set())
    for model, of in versions.items():
        by_alias = set(registry.aliases(ours, model))
        numbered = {str(version.version): version for version in of}
        waiting = [
            number for number, version in numbered.items() if number in by_alias or registry.RETIRED not in version.tags
        ]
        while waiting:
            version = numbered.get(waiting.pop())
            if version is None or (model, str(version.version)) in needs.alive:
                continue
            needs.alive.add((model, str(version.version)))
            by = [value for name, value in version.tags.items() if name.endswith("_key") or name.startswith(SAT)]
            needs.keys.update(by)
            needs.bases.add(version.tags.get("base_weights", ""))
            needs.runs.add(version.run_id)
            start = ours.get_run(version.run_id).data.params.get("train.start", "None")
            waiting += [start] if start.isdigit() else []  # what its training went on from
        needs.served.update((model, number) for number in by_alias)
    for config in asked.values():
        until = "report" if config.train.method == "full" else "comparison"
        planned = list(pipeline.steps(config, until))
        needs.keys.update(step.made.key for step in planned)
        needs.bases.update(step.given["weights"].digest for step in planned if "weights" in step.given)
        if config.train.start is not None:
            needs.served.add((config.registry.model, str(config.train.start)))
    return needs


def products(folder: Path, needs: Needs) -> Iterator[Left]:
    """The products in a specialist's folder, whole or half-made, that nobody needs and no process holds."""
    wanted = {key[:10] for key in needs.keys}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        stage, _, key = path.name.rpartition("-")
        if stage not in PRODUCTS or not path.is_dir() or key in wanted or held(path):
            continue
        half = "" if Made(stage, key, path).complete else "left by an interrupted run; "
        yield Left(
            str(path), f"{half}no version, alias or named configuration needs it", size(path), partial(remove, path)
        )


def copies(runs: Path, asked: Mapping[str, Config], needs: Needs) -> Iterator[Left]:
    """Fetched adapters that no alias gives out any more, and versions made again whose own products are here."""
    models = {config.registry.model: name for name, config in asked.items()}
    if any(map(held, locks(runs))):
        return  # a run may be reading one
    for kind in ("fetched", "reproduced"):
        for path in sorted((runs / kind).glob("*-*")):
            model, _, number = path.name.rpartition("-")
            if model not in models or any(map(held, locks(path))):
                continue
            end, one = partial(shutil.rmtree, path), (model, number)
            if kind == "fetched" and one not in needs.served:
                yield Left(str(path), "fetched, and no alias gives it out", size(path), end)
            elif kind == "reproduced" and one not in needs.alive:
                yield Left(str(path), "made again from a version that nobody needs", size(path), end)
            elif kind == "reproduced" and twice(path, runs, models[model]):
                yield Left(str(path), "made again, and its own products are here", size(path), end)


def twice(path: Path, runs: Path, specialist: str) -> bool:
    """Whether all that was made again is among the products of the runs folder."""
    again = [one for one in (path / specialist).glob("*-*") if Made("", "", one).complete]
    return all(Made("", "", runs / specialist / one.name).complete for one in again)
