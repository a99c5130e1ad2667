"""The only door to MLflow: register a version with its evidence, gate it, browse, fetch.

A version holds the adapter only; its base is named by digest. It is created last, in one write with all its tags, so
that there is no half version; what an interrupted registration left (a run without a version) is cleared by the next.
Registering is idempotent by the report's key and asks the registry itself, never a folder.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory import config
from factory import gate as gating
from factory.errors import Mistake, Unavailable, closest
from factory.gate import Champion, Verdict
from factory.rows import read_jsonl, read_table
from factory.store import Events, Made, locked

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

KEY = "factory.key"
GATE = "factory.gate"
MOVED = "factory.alias"
COMPARED = "comparison_key"
"""The comparison that a version carries: it may come, or come anew, after the version."""
OURS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "BAD_REQUEST")
"""MLflow's codes for what was asked wrongly: a bug of ours, not a registry that is away."""
CHARTED = 10
"""Values a cut may have to become metrics, each a chart in MLflow."""
PARAMETERS = 100
"""MLflow takes at most this many parameters, and metrics, in one call."""


@dataclass(frozen=True)
class Registered:
    """A version as registered: its name and number, the gate's verdict, and whether it was there already."""

    model: str
    version: str
    verdict: Verdict
    aliases: tuple[str, ...]
    found: bool


@contextmanager
def client(settings: config.Registry) -> Iterator[MlflowClient]:
    """A client of the tracking server or database, its schema migrated under a lock; Unavailable where it cannot be had."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Some of the client's own calls look here and not at the address it was given.
    os.environ["MLFLOW_TRACKING_URI"] = os.environ["MLFLOW_REGISTRY_URI"] = settings.tracking_uri
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with migrating(settings.tracking_uri):
            ours = connected(settings.tracking_uri)
        yield ours
    except (MlflowException, RequestException, SQLAlchemyError) as error:
        if getattr(error, "error_code", None) in OURS:
            raise
        said = " ".join(str(error).split())[:160]
        raise Unavailable(
            f"registry {settings.tracking_uri}",
            f"cannot be used now: {said}",
            "nothing is lost: run again when it answers",
        ) from error


def connected(uri: str) -> MlflowClient:
    """A client that has reached its server or database once; Mistake where MLflow knows no such kind of address."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        ours = MlflowClient(uri, uri)
        ours.search_registered_models(max_results=1)
    except MlflowException as error:
        if error.error_code in OURS:
            hint = "write sqlite:///path/of/a.db, postgresql://..., or http://host:port"
            raise Mistake(f"registry.tracking_uri={uri}", "MLflow knows no such kind of address", hint) from error
        raise
    return ours


@contextmanager
def migrating(uri: str) -> Iterator[None]:
    """A fresh sqlite database is created by one process at a time; measured: four at once break each other's migration."""
    if not uri.startswith("sqlite:///"):
        yield
        return
    path = Path(uri.removeprefix("sqlite:///"))
    with locked(path, wait=True):
        yield


def register(planned: Mapping[str, Made], asked: config.Config, events: Events) -> Registered:
    """The version of this report: the one that is there, or a new one; the alias moves when the gate passes."""
    settings, report = asked.registry, planned["report"]
    with client(settings) as ours:
        version = find(ours, settings.model, report.key)
        found = version is not None
        if version is None:
            events("registering")
            verdict = gate(ours, planned, asked)
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


def find(ours: MlflowClient, model: str, key: str) -> ModelVersion | None:
    """The version registered from the report of that key, or None."""
    return next((version for version in versions(ours, model) if version.tags.get(KEY) == key), None)


def versions(ours: MlflowClient, model: str) -> list[ModelVersion]:
    """All versions of a model, the newest first."""
    found, token = [], None
    while True:
        page = ours.search_model_versions(f"name = '{model}'", page_token=token)
        found += page
        token = page.token
        if not token:
            return sorted(found, key=lambda version: -int(version.version))


def aliases(ours: MlflowClient, model: str) -> dict[str, list[str]]:
    """Version to its aliases; MLflow leaves them out of searches."""
    held: dict[str, list[str]] = {}
    for alias, version in ours.get_registered_model(model).aliases.items():
        held.setdefault(str(version), []).append(alias)
    return held


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


def experiment_id(ours: MlflowClient, settings: config.Registry) -> str:
    """The experiment of this name, made if it is not there; a local artifact folder becomes an absolute path."""
    found = ours.get_experiment_by_name(settings.experiment)
    if found:
        return found.experiment_id
    place = settings.artifact_location
    return ours.create_experiment(
        settings.experiment, artifact_location=place if "://" in place else Path(place).resolve().as_uri()
    )


def log_evidence(ours: MlflowClient, run: str, planned: Mapping[str, Made], asked: config.Config) -> None:
    """Parameters, training curve, scores, data digests and the report itself."""
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
    cuts = [Metric(name, value, now, 0) for name, value in scores(report_of(planned)).items() if name.count(".") != 1]
    for part in chunks(points + cuts):
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
    ours.log_artifact(run, str(planned["adapter"].file("curve.jsonl")), "train")
    ours.log_dict(run, asked.dump(), "config.json")
    ours.log_dict(run, {name: made.manifest for name, made in planned.items()}, "manifests.json")
    ours.log_dict(run, {name: made.facts["made_with"] for name, made in planned.items()}, "made_with.json")


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


def tags(planned: Mapping[str, Made], asked: config.Config, verdict: Verdict) -> dict[str, str]:
    """What a version says of itself: keys, digests, scores, the gate's verdict."""
    report, contract = report_of(planned), json.loads(planned["adapter"].file("adapter/contract.json").read_text())
    figures = {name: f"{report[name]['value']:.4f}" for name in ("base", "adapter")}
    between = report["difference"]
    return {
        KEY: planned["report"].key,
        GATE: gating.written(verdict),
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


def fill(folder: Path, planned: Mapping[str, Made], asked: config.Config) -> Path:
    """The files of a version: the adapter in PEFT format, its contract, and a card that Hugging Face can read."""
    adapter = planned["adapter"]
    for name in adapter.manifest["payload"]:
        if name.startswith("adapter/"):
            (folder / Path(name).name).write_bytes(adapter.file(name).read_bytes())
    (folder / "README.md").write_text(card(asked, report_of(planned)))
    return folder


def card(asked: config.Config, report: Mapping[str, Any]) -> str:
    """The model card of a version."""
    between = report["difference"]
    return f"""---
base_model: {asked.base.weights.path}
base_model_relation: adapter
library_name: peft
license: {asked.base.licence.lower()}
---

# {asked.specialist.name} on {asked.base.name}
{f"{chr(10)}{report['notice']}{chr(10)}" if report["notice"] else ""}
A LoRA adapter of rank {asked.train.lora.rank}, trained by {", then ".join(methods(asked.train))} on {of_what(asked)}.

Exam: {report["rows"]} rows of {report["families"]} families that are in no training data. Base {report["base"]["value"]:.1%},
adapter {report["adapter"]["value"]:.1%}, difference {between["value"]:+.1%}
({report["confidence"]:.0%} interval over families {between["low"]:+.1%} to {between["high"]:+.1%}).

`contract.json` names the base's weights, tokenizer and quantisation by digest; on anything else these figures mean nothing.
"""


def methods(train: config.Train) -> list[str]:
    """What a training was, one after another."""
    first = {"qlora": "QLoRA", "lora": "LoRA", "full": "full tuning"}[train.method]
    return [first, *(["DPO"] if train.prefer else [])]


def of_what(asked: config.Config) -> str:
    """What the training rows were."""
    if asked.source.kind == "drawn":
        return f"{asked.generate.rows} synthetic examples asked for"
    return f"rows of {asked.source.dataset or Path(str(asked.source.train)).name}"


def gate(ours: MlflowClient, planned: Mapping[str, Made], asked: config.Config) -> Verdict:
    """Whether this report earns the alias: against the base, and against who holds it now."""
    key, exam, settings = planned["report"].key, report_of(planned)["exam"], asked.registry
    others = [one for one in versions(ours, settings.model) if one.tags.get(KEY) != key]
    before = sum(one.tags.get("exam") == exam for one in others)
    held = holder(ours, settings.model, settings.alias)
    champion = None if held is None or held.tags.get(KEY) == key else champion_of(ours, held)
    return gating.gate(planned, asked, champion, before)


def champion_of(ours: MlflowClient, version: ModelVersion) -> Champion:
    """A version as one that others are held against."""
    with tempfile.TemporaryDirectory() as folder:
        rows = read_table(Path(ours.download_artifacts(version.run_id, "report/answers.parquet", folder)))
    return Champion(version.version, version.tags["exam"], {row["id"]: row["adapter_score"] for row in rows})


def holder(ours: MlflowClient, model: str, alias: str) -> ModelVersion | None:
    """The version that holds an alias, or None."""
    number = next((r.aliases.get(alias) for r in ours.search_registered_models(f"name = '{model}'")), None)
    if number is None and any(r.name == model for r in ours.search_registered_models(f"name = '{model}'")):
        number = ours.get_registered_model(model).aliases.get(alias)
    return ours.get_model_version(model, str(number)) if number is not None else None


def numbered(ours: MlflowClient, model: str, number: str) -> ModelVersion | None:
    """The version of that number, or None."""
    return next((version for version in versions(ours, model) if str(version.version) == number), None)


def stored_verdict(version: ModelVersion) -> Verdict:
    """The verdict a version was registered with."""
    return gating.read(version.tags[GATE])


def fetch(settings: config.Registry, alias: str, folder: Path) -> tuple[Path, ModelVersion]:
    """The adapter's files of the version that holds an alias or has a number, and the version; Mistake where none does."""
    with client(settings) as ours:
        known = [model.name for model in ours.search_registered_models()]
        if settings.model not in known:
            raise Mistake(
                settings.model,
                "no such registered model",
                closest(settings.model, known) if known else "run `factory run` first",
            )
        version = numbered(ours, settings.model, alias) if alias.isdigit() else holder(ours, settings.model, alias)
        if version is None and alias.isdigit():
            numbers = sorted(int(one.version) for one in versions(ours, settings.model))
            raise Mistake(
                f"{settings.model} version {alias}", "no such version", f"have: {', '.join(map(str, numbers))}"
            )
        if version is None:
            have = sorted(ours.get_registered_model(settings.model).aliases)
            raise Mistake(
                f"{settings.model}@{alias}",
                "no version holds this alias",
                closest(alias, have) if have else "the gate let none pass yet",
            )
        from mlflow.artifacts import download_artifacts

        place = folder / f"{settings.model}-{version.version}"
        return Path(
            download_artifacts(artifact_uri=version.source, dst_path=str(place), tracking_uri=settings.tracking_uri)
        ), version


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
