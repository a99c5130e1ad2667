"""Registers a report: a run with the evidence, a model with the adapter, and last of all the version with its tags.

Idempotent by the report's key: the registry itself is asked, never a folder. What an interrupted registration left (a run
without a version) is cleared by the next.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from factory import config
from factory.registry import gating
from factory.registry.card import fill, methods
from factory.registry.door import KEY, aliases, client, find
from factory.registry.evidence import COMPARED, log_comparison, log_evidence, report_of, scores
from factory.registry.gating import GATE, Verdict, stored_verdict
from factory.store import Events, Made

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

MOVED = "factory.alias"


@dataclass(frozen=True)
class Registered:
    """A version as registered: its name and number, the gate's verdict, and whether it was there already."""

    model: str
    version: str
    verdict: Verdict
    aliases: tuple[str, ...]
    found: bool


def register(planned: Mapping[str, Made], asked: config.Config, events: Events) -> Registered:
    """The version of this report: the one that is there, or a new one; the alias moves when the gate passes."""
    settings, report = asked.registry, planned["report"]
    with client(settings) as ours:
        version = find(ours, settings.model, report.key)
        found = version is not None
        if version is None:
            events("registering")
            verdict = gating.gate(ours, planned, settings)
            version = create(ours, planned, asked, verdict)
        if "comparison" in planned and version.tags.get(COMPARED) != planned["comparison"].key:
            log_comparison(ours, version, planned["comparison"])
        verdict = stored_verdict(version)
        if verdict.passed and MOVED not in version.tags:
            ours.set_registered_model_alias(settings.model, settings.alias, version.version)
            ours.set_model_version_tag(settings.model, version.version, MOVED, settings.alias)
        held = aliases(ours, settings.model)
        return Registered(
            settings.model, str(version.version), verdict, tuple(held.get(str(version.version), ())), found
        )


def create(ours: MlflowClient, planned: Mapping[str, Made], asked: config.Config, verdict: Verdict) -> ModelVersion:
    """A run with the evidence, a model with the adapter, and last of all the version."""
    settings, key = asked.registry, planned["report"].key
    experiment = experiment_id(ours, settings)
    for left in ours.search_runs([experiment], f"tags.`{KEY}` = '{key}'"):
        ours.delete_run(left.info.run_id)
    for left in ours.search_logged_models([experiment], f"tags.`{KEY}` = '{key}'"):
        ours.delete_logged_model(left.model_id)
    run = ours.create_run(
        experiment, run_name=f"{asked.specialist.name}-{asked.base.name}-{key[:10]}", tags={KEY: key}
    ).info.run_id
    log_evidence(ours, run, planned, asked)
    model = ours.create_logged_model(
        experiment,
        name=asked.specialist.name,
        source_run_id=run,
        model_type="lora-adapter",
        tags={KEY: key},
        params={"base": asked.base.name, "rank": str(asked.train.lora.rank)},
    )
    for name, value in scores(report_of(planned)).items():
        if name.count(".") == 1:
            ours.log_metric(
                run,
                name,
                value,
                model_id=model.model_id,
                dataset_name=f"{asked.specialist.name}-exam",
                dataset_digest=report_of(planned)["exam"][:32],
            )
    with tempfile.TemporaryDirectory() as folder:
        ours.log_model_artifacts(model.model_id, str(fill(Path(folder), planned, asked)))
    ours.finalize_logged_model(model.model_id, "READY")
    ours.set_terminated(run, "FINISHED")
    if not any(
        registered.name == settings.model for registered in ours.search_registered_models(f"name = '{settings.model}'")
    ):
        ours.create_registered_model(
            settings.model, description=f"{asked.specialist.name} adapters on {asked.base.name}"
        )
    return ours.create_model_version(
        settings.model,
        source=f"models:/{model.model_id}",
        run_id=run,
        model_id=model.model_id,
        tags=tags(planned, asked, verdict),
    )


def experiment_id(ours: MlflowClient, settings: config.Registry) -> str:
    """The experiment of this name, made if it is not there; a local artifact folder becomes an absolute path."""
    found = ours.get_experiment_by_name(settings.experiment)
    if found:
        return found.experiment_id
    place = settings.artifact_location
    return ours.create_experiment(
        settings.experiment, artifact_location=place if "://" in place else Path(place).resolve().as_uri()
    )


def tags(planned: Mapping[str, Made], asked: config.Config, verdict: Verdict) -> dict[str, str]:
    """What a version says of itself: keys, digests, scores, the gate's verdict."""
    report, contract = report_of(planned), json.loads(planned["adapter"].file("adapter/contract.json").read_text())
    figures = {name: f"{report[name]['value']:.4f}" for name in ("base", "adapter")}
    between = report["difference"]
    return {
        KEY: planned["report"].key,
        GATE: json.dumps({"passed": verdict.passed, "reasons": verdict.reasons}),
        "specialist": asked.specialist.name,
        "base": asked.base.name,
        "base_weights": contract["base_weights"],
        "tokenizer": contract["tokenizer"],
        "quantisation": json.dumps(contract["quantisation"]),
        "exam": report["exam"],
        "exam_rows": str(report["rows"]),
        "rank": str(asked.train.lora.rank),
        "method": " + ".join(methods(asked.train)),
        "serving": json.dumps(contract["serving"]),
        "adapter_bytes": str(planned["adapter"].manifest["counts"]["adapter_bytes"]),
        "score_base": figures["base"],
        "score_adapter": figures["adapter"],
        "difference": f"{between['value']:+.4f} [{between['low']:+.4f}, {between['high']:+.4f}]",
        "validation_status": "passed" if verdict.passed else "failed",
        **{f"{name}_key": made.key for name, made in planned.items() if name != "comparison"},
    }
