"""The door to MLflow: a client on a migrated database, the versions of a model and their aliases, an adapter's files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from factory import config
from factory.errors import Mistake, Unavailable, closest
from factory.store import locked

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

KEY = "factory.key"
OURS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "BAD_REQUEST")
"""MLflow's codes for what was asked wrongly: a bug of ours, not a registry that is away."""


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


def holder(ours: MlflowClient, model: str, alias: str) -> ModelVersion | None:
    """The version that holds an alias, or None."""
    number = next((r.aliases.get(alias) for r in ours.search_registered_models(f"name = '{model}'")), None)
    if number is None and any(r.name == model for r in ours.search_registered_models(f"name = '{model}'")):
        number = ours.get_registered_model(model).aliases.get(alias)
    return ours.get_model_version(model, str(number)) if number is not None else None


def numbered(ours: MlflowClient, model: str, number: str) -> ModelVersion | None:
    """The version of that number, or None."""
    return next((version for version in versions(ours, model) if str(version.version) == number), None)


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
