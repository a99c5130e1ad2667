"""The evidence of a version, in its run: parameters, training curve, scores, digests of the data, report, comparison."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory import config
from factory.rows import read_jsonl
from factory.store import Made

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

COMPARED = "comparison_key"
"""The comparison that a version carries: it may come, or come anew, after the version."""
SECONDS = "seconds_per_answer"
"""Metrics of base and adapter: what an answer took in a batch of the exam, on the machine that evaluated."""
CHARTED = 10
"""Values a cut may have to become metrics, each a chart in MLflow."""
PARAMETERS = 100
"""MLflow takes at most this many parameters, and metrics, in one call."""


def log_evidence(ours: MlflowClient, run: str, planned: Mapping[str, Made], asked: config.Config) -> None:
    """Parameters, training curve, scores, data digests, the report itself and the checkup."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

    now = int(Path(planned["report"].folder / "manifest.json").stat().st_mtime * 1000)
    for part in chunks([Param(name, str(value)[:6000]) for name, value in flat(asked.dump())]):
        ours.log_batch(run, params=part)
    points = [
        Metric(f"train.{name}", value, now, point["step"])
        for point in read_jsonl(planned["adapter"].file("curve.jsonl"))
        for name, value in point.items()
        if name != "step"
    ]
    seconds = planned["report"].facts.get("seconds_per_answer", {})
    costs = [Metric(f"{SECONDS}.{side}", value, now, 0) for side, value in seconds.items()]
    cuts = [Metric(name, value, now, 0) for name, value in scores(report_of(planned)).items() if name.count(".") != 1]
    cuts += [Metric(name, value, now, 0) for name, value in lost(planned["checkup"]).items()]
    for part in chunks(points + cuts + costs):
        ours.log_batch(run, metrics=part)
    kept = planned["kept"]
    ours.log_inputs(
        run,
        [
            DatasetInput(
                Dataset(f"{asked.specialist.name}-kept", kept.key[:32], "local", kept.folder.name),
                [InputTag("mlflow.data.context", "training")],
            )
        ],
    )
    for name in ("report.json", "report.html", "answers.parquet"):
        ours.log_artifact(run, str(planned["report"].file(name)), "report")
    ours.log_artifact(run, str(planned["checkup"].file("checkup.json")), "checkup")
    ours.log_artifact(run, str(planned["adapter"].file("curve.jsonl")), "train")
    ours.log_dict(run, asked.dump(), "config.json")
    ours.log_dict(run, {name: made.manifest for name, made in planned.items()}, "manifests.json")
    ours.log_dict(run, {name: made.facts.get("made_with", {}) for name, made in planned.items()}, "made_with.json")


def report_of(planned: Mapping[str, Made]) -> dict[str, Any]:
    """The report's content."""
    return json.loads(planned["report"].file("report.json").read_text())


def scores(report: Mapping[str, Any]) -> dict[str, float]:
    """The report's figures as flat metrics, overall and by the cuts of few values; all cuts are in report.json.

    A metric is a chart in MLflow: five for each of 28 query patterns would bury the training curve.
    """
    cuts = [(label, values) for label, values in report["cuts"].items() if len(values) <= CHARTED]
    parts = {"exam": report} | {
        f"exam.{label}.{value}": part for label, values in cuts for value, part in values.items()
    }
    found = {}
    for name, part in parts.items():
        where = name.replace(" ", "_")
        found |= {f"{where}.{score}": part[score]["value"] for score in ("base", "adapter", "difference")}
        found |= {f"{where}.difference_{end}": part["difference"][end] for end in ("low", "high")}
    return found | {"exam.mcnemar_p": report["mcnemar"]["p"], "exam.rows": report["rows"], "alive": report["alive"]}


def lost(checkup: Made) -> dict[str, float]:
    """What the adapter lost of what the base knew as flat metrics: nats per token."""
    found = json.loads(checkup.file("checkup.json").read_text())["loss"]
    names = {name: re.sub(r"[^a-z]+", "_", name) for name in found}
    return {
        f"lost.{names[name]}": one["adapter"] - one["base"] for name, one in found.items() if one["base"] is not None
    }


def log_comparison(ours: MlflowClient, version: ModelVersion, comparison: Made) -> None:
    """The comparison as metrics, page and figures of the version's run; its key as a tag, last."""
    from mlflow.entities import Metric

    now = int((comparison.folder / "manifest.json").stat().st_mtime * 1000)
    arms = json.loads(comparison.file("comparison.json").read_text())["arms"]
    metrics = [Metric(name, value, now, 0) for name, value in leads(arms).items()]
    for part in chunks(metrics):
        ours.log_batch(version.run_id, metrics=part)
    for name in ("comparison.json", "comparison.html", "answers.parquet"):
        ours.log_artifact(version.run_id, str(comparison.file(name)), "comparison")
    ours.set_model_version_tag(version.name, version.version, COMPARED, comparison.key)


def leads(arms: Mapping[str, Any]) -> dict[str, float]:
    """The arms that could be had as flat metrics: score, the adapter's lead and its interval."""
    found = {}
    for name, arm in arms.items():
        if arm["lead"]:
            found[f"compare.{name}"] = arm["score"]["value"]
            found[f"compare.{name}.lead"] = arm["lead"]["value"]
            found |= {f"compare.{name}.lead_{end}": arm["lead"][end] for end in ("low", "high")}
    return found


def flat(tree: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, Any]]:
    """Nested configuration as dotted names and values."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{under}{name}.")
        else:
            yield f"{under}{name}", value


def chunks(things: list[Any]) -> Iterator[list[Any]]:
    """Lists short enough for one call to MLflow."""
    for start in range(0, len(things), PARAMETERS):
        yield things[start : start + PARAMETERS]
