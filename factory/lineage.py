"""Where a version came from: what the registry remembers of it, and what of that is on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from factory import registry
from factory.config import Config
from factory.errors import Mistake
from factory.rows import read_table
from factory.store import Made

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Recorded(Made):
    """A product as its version remembers it; its folder on this machine may be gone."""

    remembered: Mapping[str, Any]
    made_with: Mapping[str, Any]

    @property
    def manifest(self) -> dict[str, Any]:
        """What was asked and what came of it, as the registry has it: files here are held against that."""
        return dict(self.remembered)

    @property
    def facts(self) -> dict[str, Any]:
        """What made it; empty where it was registered before that was logged."""
        return {"made_with": dict(self.made_with)}


@dataclass(frozen=True)
class Origin:
    """A version and what was logged with it: tags, configuration, products, answers, moves of its aliases, metrics."""

    model: str
    number: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    run: str
    config: Mapping[str, Any]
    products: Mapping[str, Recorded]
    answers: list[dict[str, Any]]
    events: tuple[registry.Event, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The version as it is named in a line."""
        return f"{self.model} version {self.number}"

    @property
    def begun_from(self) -> str | None:
        """The number of the version that its training went on from."""
        start = self.config["train"].get("start")
        return None if start is None else str(start)


def origin(asked: Config, name: str) -> Origin:
    """The version of that number or alias, of the registered model of this configuration; Mistake where there is none."""
    settings = asked.registry
    with registry.client(settings) as ours, TemporaryDirectory() as folder:
        version = registry.chosen(ours, settings, name)
        number, run = str(version.version), version.run_id
        held = registry.aliases(ours, settings.model).get(number, [])
        made_with = logged(ours, run, "made_with.json", folder) or {}
        config, manifests = (logged(ours, run, f"{part}.json", folder) for part in ("config", "manifests"))
        if config is None or manifests is None:
            what = "its run has no config.json and manifests.json"
            raise Mistake(f"{settings.model} version {number}", what, "it was not registered by the factory")
        mine = (Path(asked.runtime.runs), reproduced(asked, settings.model, number))
        places = [runs / config["specialist"]["name"] for runs in mine]
        products = {
            stage: Recorded(stage, one["key"], place(places, stage, one["key"]), one, made_with.get(stage, {}))
            for stage, one in manifests.items()
        }
        answers = read_table(Path(ours.download_artifacts(run, "report/answers.parquet", folder)))
        past = tuple(one for one in registry.history(ours, settings.model) if number in (one.before, one.after))
        figures, tags = ours.get_run(run).data.metrics, dict(version.tags)
        return Origin(settings.model, number, tuple(held), tags, run, config, products, answers, past, figures)


def logged(ours: MlflowClient, run: str, file: str, folder: str) -> dict[str, Any] | None:
    """A JSON file of a run; None where it has none of that name."""
    if file not in {one.path for one in ours.list_artifacts(run)}:
        return None
    return json.loads(Path(ours.download_artifacts(run, file, folder)).read_text())


def reproduced(asked: Config, model: str, number: str) -> Path:
    """The runs folder that a version is made again in."""
    return Path(asked.runtime.runs) / "reproduced" / f"{model}-{number}"


def place(places: list[Path], stage: str, key: str) -> Path:
    """The folder of a product: the first of the places that has it, or where it would be."""
    found = [Made(stage, key, root / folder_name(stage, key)) for root in places]
    return next((made for made in found if made.complete), found[0]).folder


def folder_name(stage: str, key: str) -> str:
    """The name of a product's folder; the first training of two is an adapter like any other."""
    return f"{'adapter' if stage == 'start' else stage}-{key[:10]}"
