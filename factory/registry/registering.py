"""Registers a report: a run with the evidence, a model with the adapter, and last of all the version with its tags.

Idempotent by the report's key: the registry itself is asked, never a folder. What an interrupted registration left (a run
without a version) is cleared by the next.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from factory import config
from factory.errors import Mistake
from factory.gate import Verdict, written
from factory.registry import gating
from factory.registry.card import fill, methods
from factory.registry.door import ADDRESS, KEY, aliases, client, find, held_by, model_of, writing
from factory.registry.events import CANDIDATE, REASON, RETIRED, move
from factory.registry.evidence import COMPARED, log_comparison, log_evidence, report_of, scores
from factory.registry.gating import GATE, stored_verdict
from factory.registry.given_back import refuse_others
from factory.store import Events, Made

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion

MOVED = "factory.alias"
"""The alias that registering gave a version: without it, the registration was interrupted before its end."""


@dataclass(frozen=True)
class Registered:
    """A version as registered: its name and number, the gate's verdict, and whether it was there already."""

    model: str
    version: str
    verdict: Verdict
    aliases: tuple[str, ...]
    found: bool


def register(planned: Mapping[str, Made], asked: config.Config, events: Events) -> Registered:
    """The version of this report: the one that is there, or a new one.

    Champion where the gate passes, candidate where it does not: an event either way. One process at a time, so that the
    champion it is held against is the one it replaces, and no report is registered twice.
    """
    settings, report = asked.registry, planned["report"]
    with client(settings) as ours, writing(settings):
        version = find(ours, settings.model, report.key)
        found = version is not None
        if version is None:
            events("registering")
            verdict = gating.gate(ours, planned, asked)
            version = create(ours, planned, asked, verdict)
        if "comparison" in planned and version.tags.get(COMPARED) != planned["comparison"].key:
            log_comparison(ours, version, planned["comparison"])
        verdict = stored_verdict(version)
        if MOVED not in version.tags and RETIRED not in version.tags:
            alias, why = (
                (settings.alias, "the gate passes") if verdict.passed else (CANDIDATE, "; ".join(verdict.reasons))
            )
            move(ours, version, "register", alias, held_by(ours, settings.model, alias), why[:REASON])
            ours.set_model_version_tag(settings.model, version.version, MOVED, alias)
        held = aliases(ours, settings.model)
        return Registered(
            settings.model, str(version.version), verdict, tuple(held.get(str(version.version), ())), found
        )


def create(ours: MlflowClient, planned: Mapping[str, Made], asked: config.Config, verdict: Verdict) -> ModelVersion:
    """A run with the evidence, a model with the adapter, and last of all the version."""
    settings, key, specialist = asked.registry, planned["report"].key, asked.specialist.name
    experiment = experiment_id(ours, settings)
    run = begin(ours, experiment, key, f"{specialist}-{asked.base.name}-{key[:10]}")
    log_evidence(ours, run, planned, asked)
    model = ours.create_logged_model(
        experiment,
        name=specialist,
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
                dataset_name=f"{specialist}-exam",
                dataset_digest=report_of(planned)["exam"][:32],
            )
    with tempfile.TemporaryDirectory() as folder:
        files, about = fill(Path(folder), planned, asked), f"{specialist} adapters on {asked.base.name}"
        return publish(ours, settings, run, model, files, tags(planned, asked, verdict), about)


def begin(ours: MlflowClient, experiment: str, key: str, name: str) -> str:
    """The id of a new run for that report; what an interrupted registration of it left is deleted."""
    for left in ours.search_runs([experiment], f"tags.`{KEY}` = '{key}'"):
        ours.delete_run(left.info.run_id)
    for old in ours.search_logged_models([experiment], f"tags.`{KEY}` = '{key}'"):
        ours.delete_logged_model(old.model_id)
    return ours.create_run(experiment, run_name=name, tags={KEY: key}).info.run_id


def publish(
    ours: MlflowClient,
    settings: config.Registry,
    run: str,
    model: LoggedModel,
    files: Path,
    tags: Mapping[str, str],
    about: str,
) -> ModelVersion:
    """The files of a version to their place, and then the version, whole in one call; the registered model with the first.

    Unavailable where the place gives back other files.
    """
    ours.log_model_artifacts(model.model_id, str(files))
    ours.finalize_logged_model(model.model_id, "READY")
    refuse_others(settings, f"models:/{model.model_id}", files)
    ours.set_terminated(run, "FINISHED")
    if model_of(ours, settings.model) is None:
        ours.create_registered_model(settings.model, description=about)
    return ours.create_model_version(
        settings.model, source=f"models:/{model.model_id}", run_id=run, model_id=model.model_id, tags=dict(tags)
    )


def experiment_id(ours: MlflowClient, settings: config.Registry) -> str:
    """The experiment of this name, made if it is not there; a local artifact folder becomes an absolute path."""
    found = ours.get_experiment_by_name(settings.experiment)
    if found and found.lifecycle_stage == "deleted":
        hint = "restore it there, or write another registry.experiment"
        raise Mistake(f"registry.experiment={settings.experiment}", "is deleted in MLflow", hint)
    if found:
        return found.experiment_id
    place = settings.artifact_location
    if place and not re.match(ADDRESS, place):
        place = Path(place).resolve().as_uri()
    return ours.create_experiment(settings.experiment, artifact_location=place)


def tags(planned: Mapping[str, Made], asked: config.Config, verdict: Verdict) -> dict[str, str]:
    """What a version says of itself: keys, digests, scores, the gate's verdict."""
    report, contract = report_of(planned), json.loads(planned["adapter"].file("adapter/contract.json").read_text())
    figures = {name: f"{report[name]['value']:.6f}" for name in ("base", "adapter")}
    between = report["difference"]
    return {
        KEY: planned["report"].key,
        GATE: written(verdict),
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
        "difference": f"{between['value']:+.6f} [{between['low']:+.6f}, {between['high']:+.6f}]",
        "validation_status": "passed" if verdict.passed else "failed",
        **{f"{name}_key": made.key for name, made in planned.items() if name != "comparison"},
    }
