"""What a version came to on a suite: metrics of its run and of its logged model, with the digest of the set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from factory import config
from factory.registry.door import client, versions, writing
from factory.registry.evidence import chunks
from factory.store import Made

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

SAT = "suite."
"""Begins the tag of a version that says by which product it was measured on a suite; it is written last."""


def log_suite(
    settings: config.Registry, sat: Made, *, adapter: str | None = None, number: str | None = None
) -> list[str]:
    """The versions of that adapter's key, or of that number, that carry this sitting; those that did not are given it."""
    with client(settings) as ours, writing(settings):
        mine = [
            version
            for version in versions(ours, settings.model)
            if str(version.version) == number or (adapter is not None and version.tags.get("adapter_key") == adapter)
        ]
        for version in mine:
            if version.tags.get(SAT + sat.stage) != sat.key:
                log(ours, version, sat)
        return sorted((str(version.version) for version in mine), key=int)


def log(ours: MlflowClient, version: ModelVersion, sat: Made) -> None:
    """The figures as metrics of run and model, the files as artifacts of the run, and the tag."""
    from mlflow.entities import Metric

    found = json.loads(sat.file("suite.json").read_text())
    now = int((sat.folder / "manifest.json").stat().st_mtime * 1000)
    about = {"dataset_name": sat.stage, "dataset_digest": found["sets"][:32], "model_id": model_of(version)}
    metrics = [Metric(name, value, now, 0, **about) for name, value in metrics_of(sat.stage, found).items()]
    for part in chunks(metrics):
        ours.log_batch(version.run_id, metrics=part)
    for name in ("suite.json", "answers.parquet"):
        ours.log_artifact(version.run_id, str(sat.file(name)), f"suites/{sat.stage}")
    ours.set_model_version_tag(version.name, version.version, SAT + sat.stage, sat.key)


def model_of(version: ModelVersion) -> str:
    """The id of a version's logged model: its own field is empty in the registry's answers, its source is not."""
    return version.source.rpartition("/")[2]


def metrics_of(name: str, found: Mapping[str, Any]) -> dict[str, float]:
    """A sitting as flat metrics: the score, its interval, what is behind it, its parts, pass@k, floors and set figures."""
    if found["value"] is None:
        return {}
    ends = {end: found[end] for end in ("low", "high", "rows", "groups", "effective_rows")}
    parts = {part: one["value"] for part, one in found["parts"].items()}
    parts |= {f"pass at {k}": one["value"] for k, one in found["pass_at"].items()}
    parts |= {f"floor {floor}": one["value"] for floor, one in found["floors"].items()}
    flat = {f"{SAT}{name}": found["value"]} | {f"{SAT}{name}.{what}": value for what, value in ends.items()}
    named = {written(what): value for what, value in (parts | found["survey"]).items()}
    return flat | {f"{SAT}{name}.{what}": float(value) for what, value in named.items()}


def written(text: str) -> str:
    """A figure's name as MLflow takes one."""
    return "".join(letter if letter.isalnum() or letter in "_-./" else "_" for letter in text)
