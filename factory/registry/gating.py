"""What the gate is told by the registry: who holds the alias, how many sat the same exam before, what it gives back."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from factory import config
from factory import gate as checks
from factory.gate import Champion, Verdict
from factory.registry.door import KEY, holder, versions
from factory.registry.evidence import report_of
from factory.registry.given_back import found
from factory.rows import read_table
from factory.store import Made

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

GATE = "factory.gate"


def gate(ours: MlflowClient, planned: Mapping[str, Made], asked: config.Config) -> Verdict:
    """Whether this report earns the alias: against the base, and against who holds it now."""
    key, exam, settings = planned["report"].key, report_of(planned)["exam"], asked.registry
    every = versions(ours, settings.model)
    others = [one for one in every if one.tags.get(KEY) != key]
    before = sum(one.tags.get("exam") == exam for one in others)
    held = holder(ours, settings.model, settings.alias)
    champion = None if held is None or held.tags.get(KEY) == key else champion_of(ours, held)
    stored = [found(settings, one.source, files(planned["adapter"])) for one in every if one.tags.get(KEY) == key]
    return checks.gate(planned, asked, champion, before, stored)


def files(adapter: Made) -> dict[str, str]:
    """Name to sha256 of an adapter's files, as a version holds them."""
    payload = adapter.manifest["payload"]
    return {Path(name).name: digest for name, digest in payload.items() if name.startswith("adapter/")}


def champion_of(ours: MlflowClient, version: ModelVersion) -> Champion:
    """A version as one that others are held against."""
    with tempfile.TemporaryDirectory() as folder:
        rows = read_table(Path(ours.download_artifacts(version.run_id, "report/answers.parquet", folder)))
    return Champion(version.version, version.tags["exam"], {row["id"]: row["adapter_score"] for row in rows})


def stored_verdict(version: ModelVersion) -> Verdict:
    """The verdict a version was registered with."""
    return checks.read(version.tags[GATE])
