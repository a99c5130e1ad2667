"""The gate: whether a report earns the alias, against the base and against the present champion."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from factory import config
from factory.registry.door import KEY, holder
from factory.registry.evidence import report_of
from factory.rows import read_examples, read_table
from factory.stats import paired_bootstrap
from factory.store import Made

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

GATE = "factory.gate"


@dataclass(frozen=True)
class Verdict:
    """What the gate says, with a reason for every no."""

    passed: bool
    reasons: tuple[str, ...]


def gate(ours: MlflowClient, planned: Mapping[str, Made], settings: config.Registry) -> Verdict:
    """Whether this report earns the alias, against the base and against the present champion on the same rows."""
    report, wanted = report_of(planned), settings.gate
    reasons = []
    if report["rows"] < wanted.min_rows:
        reasons.append(f"{report['rows']} exam rows, at least {wanted.min_rows} wanted")
    if report["difference"]["low"] <= wanted.margin:
        reasons.append(
            f"the interval over the base starts at {report['difference']['low']:+.4f}, above {wanted.margin:g} wanted"
        )
    if report["alive"] <= 0:
        reasons.append("the adapter changes no logit")
    seen = {
        row.family
        for row in read_examples(planned["kept"].file("kept.parquet"), ["id", "messages", "answer", "family"])
    }
    if shared := sorted(seen & {row["family"] for row in read_table(planned["report"].file("answers.parquet"))}):
        reasons.append(f"families of the exam are in the training data: {', '.join(shared[:3])}")
    reasons += against_champion(ours, planned, settings)
    return Verdict(not reasons, tuple(reasons))


def against_champion(ours: MlflowClient, planned: Mapping[str, Made], settings: config.Registry) -> list[str]:
    """Why the present champion stays, if it does: the new one is worse on the same rows beyond the interval."""
    champion = holder(ours, settings.model, settings.alias)
    if champion is None or champion.tags.get(KEY) == planned["report"].key:
        return []
    report = report_of(planned)
    if champion.tags.get("exam") != report["exam"]:
        return []
    with tempfile.TemporaryDirectory() as folder:
        theirs = {
            row["id"]: row
            for row in read_table(Path(ours.download_artifacts(champion.run_id, "report/answers.parquet", folder)))
        }
    rows = [row for row in read_table(planned["report"].file("answers.parquet")) if row["id"] in theirs]
    if not rows:
        return [f"shares no exam row with version {champion.version}, which holds {settings.alias}"]
    found = paired_bootstrap(
        [theirs[row["id"]]["adapter_score"] for row in rows],
        [row["adapter_score"] for row in rows],
        [row["family"] for row in rows],
        2000,
        report["confidence"],
        0,
    )
    if found.high < -settings.gate.champion_margin:
        return [f"worse than version {champion.version} ({settings.alias}) by {-found.value:.4f} on {len(rows)} rows"]
    return []


def stored_verdict(version: ModelVersion) -> Verdict:
    """The verdict a version was registered with."""
    said = json.loads(version.tags[GATE])
    return Verdict(said["passed"], tuple(said["reasons"]))
