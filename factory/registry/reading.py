"""What the registry holds of a version, read back: of its run the evidence, of its model the card. Nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from factory import config
from factory.errors import Absent, Unavailable
from factory.registry.door import address, client
from factory.registry.index import gone
from factory.rows import read_jsonl, read_table

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

PAGES = ("report", "comparison")
CARD = "README.md"


@dataclass(frozen=True)
class Evidence:
    """What a version was registered with; of an older or a foreign one some of it is empty."""

    config: Mapping[str, Any]
    manifests: Mapping[str, Mapping[str, Any]]  #: product -> its manifest
    made_with: Mapping[str, Any]  #: product -> what made it
    report: Mapping[str, Any]
    curve: list[dict[str, Any]]
    answers: list[dict[str, Any]]  #: a row per row of the exam, with the answers of base and adapter
    pages: Mapping[str, str]  #: report and comparison, as HTML
    card: str  #: the model card, Markdown with a head in YAML

    def wanted(self, what: str, where: str) -> Any:
        """One part of it; Absent where the registry does not hold it."""
        part = getattr(self, what)
        if not part:
            raise Absent(where, f"the registry holds no {what} of it", "its run was deleted, or others registered it")
        return part


def evidence(settings: config.Registry, model: str, number: int) -> Evidence:
    """The evidence of a version; Absent where there is no such version, Unavailable where the registry is away."""
    if gone(settings):
        raise Unavailable(f"registry {settings.tracking_uri}", "the file is gone", "put it back, or run `factory run`")
    with client(settings) as ours, TemporaryDirectory() as folder:
        version = found(ours, model, number)
        run = files(ours, version, folder)
        report = read(run / "report/report.json", parsed)
        return Evidence(
            **{name: read(run / f"{name}.json", parsed) or {} for name in ("config", "manifests", "made_with")},
            report=report or {},
            curve=read(run / "train/curve.jsonl", lambda path: list(read_jsonl(path))) or [],
            answers=read(run / "report/answers.parquet", read_table) or [],
            pages={name: text for name in PAGES if (text := read(run / f"{name}/{name}.html", Path.read_text))},
            card=card(ours, settings, version, folder),
        )


def found(ours: MlflowClient, model: str, number: int) -> ModelVersion:
    """A version by model and number; Absent where MLflow has none."""
    from mlflow.exceptions import MlflowException

    try:
        return ours.get_model_version(model, str(number))
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise Absent(f"{model} version {number}", "no such version", "factory registry shows those there are") from None


def files(ours: MlflowClient, version: ModelVersion, folder: str) -> Path:
    """The files of a version's run; an empty folder where it has no run, or none any more."""
    from mlflow.exceptions import MlflowException

    nothing = Path(folder) / "nothing"
    if not version.run_id:
        return nothing
    try:
        return Path(ours.download_artifacts(version.run_id, "", folder))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return nothing


def card(ours: MlflowClient, settings: config.Registry, version: ModelVersion, folder: str) -> str:
    """The card among a version's files; the weights beside it are left where they are."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    model = version.source.rpartition("/")[2]
    try:
        place = f"{ours.get_logged_model(model).artifact_location}/{CARD}"
        at = address(settings.tracking_uri)
        return Path(download_artifacts(artifact_uri=place, dst_path=folder, tracking_uri=at)).read_text()
    except (MlflowException, OSError):
        return ""  # deleted there, or it never had one: pages say so


def read(path: Path, how: Callable[[Path], Any]) -> Any:
    """A file as it is read; None where the run has none."""
    return how(path) if path.exists() else None


def parsed(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text())
