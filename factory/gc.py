"""What nobody needs any more: products, fetched copies, versions made again, and what half registrations left.

Needed is what a version that is not retired, or that holds an alias, was made from; what the configurations that are named
would find; and whatever a process is at.
"""

from __future__ import annotations

import io
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from factory import pipeline, registry
from factory.config import Config
from factory.errors import Unavailable
from factory.store import Made, locked

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

PRODUCTS = tuple(stage.makes for stage in pipeline.STAGES if stage.makes != "start")
DELETED = "deleted, and still stored"
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
"""Stores that MLflow's own `gc` opens by their address; behind a server it is for the server's keeper."""


@dataclass(frozen=True)
class Left:
    """Something that nobody needs: what it is, why, its bytes (none: not on this machine), and how it goes."""

    what: str
    why: str
    bytes: int | None
    remove: Callable[[], None] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Needs:
    """The keys of the products that are needed, and the versions: alive, and of them those that fetched copies serve."""

    keys: set[str]
    alive: set[tuple[str, str]]
    served: set[tuple[str, str]]


def left(asked: Mapping[str, Config]) -> list[Left]:
    """What nobody needs, of the specialists that are named and their registered models."""
    first = next(iter(asked.values()))
    runs = Path(first.runtime.runs)
    with registry.client(first.registry) as ours:
        models = [model.name for model in every(ours.search_registered_models)]
        versions = {name: registry.versions(ours, name) for name in models}
        needs = needed(ours, asked, versions)
        everyone = [version for of in versions.values() for version in of]
        found = [
            *(one for name in asked for one in products(runs / name, needs)),
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
            needs.keys.update(value for name, value in version.tags.items() if name.endswith("_key"))
            start = ours.get_run(version.run_id).data.params.get("train.start", "None")
            waiting += [start] if start.isdigit() else []  # what its training went on from
        needs.served.update((model, number) for number in by_alias)
    for config in asked.values():
        until = "report" if config.train.method == "full" else "comparison"
        needs.keys.update(step.made.key for step in pipeline.steps(config, until))
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


def registrations(ours: MlflowClient, config: Config, versions: Sequence[ModelVersion]) -> Iterator[Left]:
    """What interrupted registrations left in the experiment, and what was deleted there and is still stored."""
    from mlflow.entities import ViewType

    experiment = ours.get_experiment_by_name(config.registry.experiment)
    if experiment is None:
        return
    runs, models = {one.run_id for one in versions}, {one.source.rpartition("/")[2] for one in versions}
    before, where = 1000 * (time.time() - config.lineage.settled), [experiment.experiment_id]
    at = registry.address(config.registry.tracking_uri)
    database = at if at.startswith(DATABASES) else None
    why = "a registration that left no version" + ("" if database else "; its files wait for the server's mlflow gc")
    for run in every(ours.search_runs, where, run_view_type=ViewType.ALL):
        gone = run.info.lifecycle_stage == "deleted"
        if registry.KEY not in run.data.tags or run.info.run_id in runs:
            continue
        if (gone and database) or (not gone and run.info.start_time < before):
            end = partial(end_run, ours, database, run.info.run_id, gone)
            yield Left(f"run {run.info.run_id}", DELETED if gone else why, of_uri(run.info.artifact_uri), end)
    for model in every(ours.search_logged_models, where):
        if model.model_id not in models and registry.KEY in model.tags and model.creation_timestamp < before:
            end = partial(end_model, ours, database, model.model_id, False)
            yield Left(f"model {model.model_id}", why, of_uri(model.artifact_location), end)
    for model in deleted_models(database, experiment.experiment_id) if database else ():
        end = partial(end_model, ours, database, model.model_id, True)
        yield Left(f"model {model.model_id}", DELETED, of_uri(model.artifact_location), end)


def deleted_models(database: str, experiment: str) -> Iterator[Any]:
    """The logged models of an experiment that were deleted and are still stored; MLflow's client does not list them."""
    from mlflow.tracking._tracking_service.utils import _get_store

    store = _get_store(database)
    for one in store._get_deleted_logged_models():
        model = store.get_logged_model(one, allow_deleted=True)
        if model.experiment_id == experiment:
            yield model


def end_run(ours: MlflowClient, database: str | None, run: str, gone: bool) -> None:
    """Deletes a run, and where the database is here ends it: from there, and from the disk."""
    if not gone:
        ours.delete_run(run)
    if database:
        purge(database, [run], [])


def end_model(ours: MlflowClient, database: str | None, model: str, gone: bool) -> None:
    """The same of a logged model."""
    if not gone:
        ours.delete_logged_model(model)
    if database:
        purge(database, [], [model])


def purge(database: str, runs: list[str], models: list[str]) -> None:
    """What `mlflow gc` does, for these alone: the command itself takes all that was ever deleted, whole experiments too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the command line of MLflow imports all it has
        from mlflow.cli import _gc_tracking_resources
    from mlflow.tracking._tracking_service.utils import _get_store

    with redirect_stdout(io.StringIO()):
        _gc_tracking_resources(
            backend_store=_get_store(database),
            run_ids=runs,
            experiment_ids=None,
            logged_model_ids=models,
            older_than=None,
            time_delta=0,
            skip_experiments=True,
            skip_logged_models=not models,
        )


def every(search: Callable[..., Any], *words: Any, **more: Any) -> Iterator[Any]:
    """All pages of a search."""
    token = None
    while True:
        page = search(*words, page_token=token, **more)
        yield from page
        token = page.token
        if not token:
            return


def held(folder: Path) -> bool:
    """Whether a process is at this folder."""
    if not lock_of(folder).exists():
        return False
    try:
        with locked(folder):
            return False
    except Unavailable:
        return True


def lock_of(folder: Path) -> Path:
    """The lock file of a folder."""
    return folder.with_name(f".{folder.name}.lock")


def locks(runs: Path) -> Iterator[Path]:
    """The folders below a runs folder that have a lock file."""
    return (lock.with_name(lock.name[1:-5]) for lock in runs.glob("*/.*.lock"))


def remove(folder: Path) -> None:
    """Removes a product's folder and its lock file; Unavailable where a process has taken it since."""
    with locked(folder):
        shutil.rmtree(folder)
        lock_of(folder).unlink()


def of_uri(uri: str) -> int | None:
    """The bytes at an address; None where it is not on this machine."""
    parts = urlparse(uri)
    return size(Path(unquote(parts.path))) if parts.scheme in ("", "file") else None


def size(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
