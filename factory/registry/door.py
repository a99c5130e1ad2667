"""The door to MLflow: a client on a migrated database, the versions of a model and their aliases, an adapter's files."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING

from factory import config
from factory.errors import Mistake, Unavailable, closest
from factory.store import locked

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

KEY = "factory.key"
OURS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "BAD_REQUEST")
"""MLflow's codes for what was asked wrongly: a bug of ours, not a registry that is away."""
SERVERS = ("postgresql", "mysql", "mssql")
"""Databases that need a driver, and a lock that other machines see."""
ADDRESS = r"[a-z][a-z0-9+.-]*:"
"""How a place of files begins that is no folder."""
STORES = "mlflow.store.artifact"
"""Where MLflow speaks to S3 and its like, each by a library with errors of its own."""
LIBRARIES = {
    "botocore": "boto3",
    "google": "google-cloud-storage",
    "azure": "azure-identity azure-storage-blob azure-storage-file-datalake",
}
"""What is installed for a module that is missing there, where it has another name."""
NO_STORE = "Could not find a registered artifact repository"
"""How MLflow begins where an address is of no kind of store that it knows."""


@contextmanager
def client(settings: config.Registry) -> Iterator[MlflowClient]:
    """A client of the tracking server or database, its schema migrated under a lock; Unavailable where it cannot be had."""
    with told(settings):
        needs_its_driver(settings.tracking_uri)
        with migrating(settings.tracking_uri):
            ours = connected(address(settings.tracking_uri))
        yield ours


@contextmanager
def told(settings: config.Registry) -> Iterator[None]:
    """MLflow set up for these settings; what it, its database or its artifact store throws becomes one line."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("PGCONNECT_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Some of the client's own calls look here and not at the address it was given.
    os.environ["MLFLOW_TRACKING_URI"] = os.environ["MLFLOW_REGISTRY_URI"] = address(settings.tracking_uri)
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    store = f"artifact store of registry {settings.tracking_uri}"
    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError) as error:
        if str(error).startswith(NO_STORE):
            hint = "write a folder, s3://bucket/path, or null: what the server has"
            raise Mistake(store, "MLflow knows no such kind of address", hint) from error
        if of_the_store(error):
            raise away(store, error) from error
        code = getattr(error, "error_code", None)
        if code in OURS:
            raise
        if code == "ENDPOINT_NOT_FOUND":
            what = "answers, but not as an MLflow server of version 3 does"
            raise Mistake(
                f"registry.tracking_uri={settings.tracking_uri}", what, "is it that server's address?"
            ) from error
        raise away(f"registry {settings.tracking_uri}", error) from error
    except Exception as error:
        if not of_the_store(error):
            raise
        if isinstance(error, ModuleNotFoundError):
            needed = LIBRARIES.get(str(error.name).split(".")[0], str(error.name))
            raise Mistake(store, f"needs {needed}, which is not installed", f"pip install {needed}") from error
        raise away(store, error) from error


def away(where: str, error: Exception) -> Unavailable:
    """The line about a registry, or a store, that cannot be used now."""
    said = " ".join(str(error).split())[:160]
    return Unavailable(where, f"cannot be used now: {said}", "nothing is lost: run again when it answers")


def of_the_store(error: Exception) -> bool:
    """Whether an error came out of where the files of versions lie."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return any(frame.f_globals.get("__name__", "").startswith(STORES) for frame in frames)


def ready(settings: config.Registry) -> None:
    """Looks whether a version could be registered, before hours go into it; Mistake or Unavailable where not.

    The registry must answer, and so must the place of its experiment's files. A sqlite file is not made for that.
    """
    place = settings.artifact_location
    if there(settings):
        with client(settings) as ours:
            found = ours.get_experiment_by_name(settings.experiment)
            place = found.artifact_location if found else place
    if place and re.match(ADDRESS, place):
        with told(settings):
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

            get_artifact_repository(place, tracking_uri=address(settings.tracking_uri)).list_artifacts()


def there(settings: config.Registry) -> bool:
    """Whether there is a registry to ask: of a sqlite file whether it was made, of anything else it is taken for granted."""
    path = settings.tracking_uri.removeprefix("sqlite:///")
    return path == settings.tracking_uri or Path(path).exists()


def address(uri: str) -> str:
    """The address with a whole path: MLflow keeps one store per address for the process, whatever the folder it is in."""
    path = uri.removeprefix("sqlite:///")
    return f"sqlite:///{Path(path).absolute()}" if path != uri else uri


def needs_its_driver(uri: str) -> None:
    """Mistake where the address of a database is none, or its driver is not installed."""
    if not uri.startswith(SERVERS):
        return
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(uri).get_dialect().import_dbapi()
    except ArgumentError as error:
        raise no_address(uri) from error
    except ModuleNotFoundError as error:
        extra = "'factory-slm[postgres]'" if error.name == "psycopg" else str(error.name)
        raise Mistake(
            f"registry.tracking_uri={uri}", f"needs {error.name}, which is not installed", f"pip install {extra}"
        ) from error


def no_address(uri: str) -> Mistake:
    """The line about an address that leads to no registry."""
    hint = "write sqlite:///path/of/a.db, postgresql://..., or http://host:port"
    return Mistake(f"registry.tracking_uri={uri}", "MLflow knows no such kind of address", hint)


def connected(uri: str) -> MlflowClient:
    """A client that has reached its server or database once.

    Mistake where MLflow knows no such kind of address, or the database has the schema of another MLflow.
    """
    from alembic.util.exc import CommandError
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        ours = MlflowClient(uri, uri)
        ours.search_registered_models(max_results=1)
    except CommandError as error:
        raise another_schema(uri, str(error)) from error
    except MlflowException as error:
        if "database schema" in str(error):
            raise another_schema(uri, str(error)) from error
        if error.error_code in OURS:
            raise no_address(uri) from error
        raise
    return ours


def another_schema(uri: str, said: str) -> Mistake:
    """The line about a database that another version of MLflow made."""
    from mlflow.version import VERSION

    found = re.search(r"found version (\w+)|identified by '(\w+)'", said)
    revision = f" {found[1] or found[2]}" if found else ""
    return Mistake(
        f"registry {uri}",
        f"has the schema{revision} of another MLflow than this one, {VERSION}",
        f"if it is older, save it and run: mlflow db upgrade {uri}; if it is newer, install the MLflow that made it",
    )


@contextmanager
def migrating(uri: str) -> Iterator[None]:
    """A fresh database is created by one process at a time; measured: four at once break each other's migration."""
    if not uri.startswith(("sqlite:///", *SERVERS)):
        yield  # a server migrates its own
        return
    with alone(uri, ""):
        yield


@contextmanager
def alone(uri: str, name: str = "-writing") -> Iterator[None]:
    """Keeps other processes out: for a migration, or for writes that must see no other's in between.

    sqlite: a lock file beside the database. Postgres: an advisory lock, which holds for every machine. For any other
    address a lock file of this machine; what another machine does in between is found afterwards (`events.move`).
    """
    if uri.startswith("postgresql"):
        with advisory(uri, name):
            yield
        return
    path = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///"):
        path = Path(tempfile.gettempdir(), f"factory-{os.getuid()}-{hashlib.sha256(uri.encode()).hexdigest()[:16]}")
    with locked(path.with_name(path.name + name), wait=True):
        yield


@contextmanager
def writing(settings: config.Registry) -> Iterator[None]:
    """Alone with the registry; what tables read of it (`index`) is out of date afterwards, and goes."""
    with alone(settings.tracking_uri):
        try:
            yield
        finally:
            Path(settings.index).unlink(missing_ok=True)


@contextmanager
def advisory(uri: str, name: str) -> Iterator[None]:
    """A lock of the Postgres server; it ends with the connection, so also with this process.

    Let go of by name: where the connection was cut, what was written inside may not have been alone, and it is said.
    """
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    key = int.from_bytes(hashlib.sha256(f"factory{name}".encode()).digest()[:8], signed=True)
    with create_engine(uri, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as held:
        held.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
        yield
        held.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})


def find(ours: MlflowClient, model: str, key: str) -> ModelVersion | None:
    """The version registered from the report of that key, or None."""
    return next((version for version in versions(ours, model) if version.tags.get(KEY) == key), None)


def versions(ours: MlflowClient, model: str | None = None) -> list[ModelVersion]:
    """All versions of a model, or of every model, the newest first."""
    found, token = [], None
    while True:
        page = ours.search_model_versions(f"name = '{model}'" if model else None, max_results=1000, page_token=token)
        found += page
        token = page.token
        if not token:
            return sorted(found, key=lambda version: (version.name, -int(version.version)))


def model_of(ours: MlflowClient, name: str) -> RegisteredModel | None:
    """The registered model of that name with its aliases, which MLflow leaves out of searches; or None."""
    there = any(one.name == name for one in ours.search_registered_models(f"name = '{name}'"))
    return ours.get_registered_model(name) if there else None


def names(ours: MlflowClient) -> list[str]:
    """The names of all registered models."""
    found, token = [], None
    while True:
        page = ours.search_registered_models(max_results=100, page_token=token)
        found += [model.name for model in page]
        token = page.token
        if not token:
            return found


def aliases(ours: MlflowClient, model: str) -> dict[str, list[str]]:
    """Version to its aliases."""
    held: dict[str, list[str]] = {}
    for alias, version in ours.get_registered_model(model).aliases.items():
        held.setdefault(str(version), []).append(alias)
    return held


def held_by(ours: MlflowClient, model: str, alias: str) -> str | None:
    """The number of the version that holds an alias, or None."""
    found = model_of(ours, model)
    number = found.aliases.get(alias) if found else None
    return None if number is None else str(number)


def holder(ours: MlflowClient, model: str, alias: str) -> ModelVersion | None:
    """The version that holds an alias, or None."""
    number = held_by(ours, model, alias)
    return ours.get_model_version(model, number) if number is not None else None


def chosen(ours: MlflowClient, settings: config.Registry, wanted: str) -> ModelVersion:
    """The version that has a number or holds an alias; Mistake where none does."""
    model = model_of(ours, settings.model)
    if model is None:
        known = names(ours)
        hint = closest(settings.model, known) if known else "run `factory run` first"
        raise Mistake(settings.model, "no such registered model", hint)
    if wanted.isdigit():
        have = {str(one.version): one for one in versions(ours, settings.model)}
        if wanted not in have:
            numbers = ", ".join(sorted(have, key=int)) or "none"
            raise Mistake(f"{settings.model} version {wanted}", "no such version", f"have: {numbers}")
        return have[wanted]
    if wanted not in model.aliases:
        none = "" if settings.alias in model.aliases else "the gate let none pass yet; "
        raise Mistake(
            f"{settings.model}@{wanted}",
            "no version holds this alias",
            f"{none}{closest(wanted, sorted(model.aliases))}",
        )
    return ours.get_model_version(settings.model, str(model.aliases[wanted]))


def fetch(settings: config.Registry, alias: str, folder: Path) -> tuple[Path, ModelVersion]:
    """The adapter's files of the version that holds an alias or has a number, and the version; Mistake where none does."""
    with client(settings) as ours:
        version = chosen(ours, settings, alias)
        from mlflow.artifacts import download_artifacts

        place = folder / f"{settings.model}-{version.version}"
        return Path(
            download_artifacts(
                artifact_uri=version.source, dst_path=str(place), tracking_uri=address(settings.tracking_uri)
            )
        ), version
