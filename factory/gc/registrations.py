"""What interrupted registrations left in MLflow, and what was deleted there and is still stored."""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from factory import registry
from factory.config import Config
from factory.gc.folders import Left, size

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

DELETED = "deleted, and still stored"
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
"""Stores that MLflow's own `gc` opens by their address; behind a server it is for the server's keeper."""


def registrations(ours: MlflowClient, config: Config, versions: Sequence[ModelVersion]) -> Iterator[Left]:
    """What interrupted registrations left in the experiment, and what was deleted there and is still stored."""
    from mlflow.entities import ViewType

    experiment = ours.get_experiment_by_name(config.registry.experiment)
    if experiment is None:
        return
    runs, models = {one.run_id for one in versions}, {one.source.rpartition("/")[2] for one in versions}
    before, where = 1000 * (time.time() - config.lineage.settled), [experiment.experiment_id]
    at = registry.address(config.registry.tracking_uri)
    database = at if at.startswith(DATABASES) else None
    why = "a registration that left no version" + ("" if database else "; its files wait for the server's mlflow gc")
    for run in every(ours.search_runs, where, run_view_type=ViewType.ALL):
        gone = run.info.lifecycle_stage == "deleted"
        if registry.KEY not in run.data.tags or run.info.run_id in runs:
            continue
        if (gone and database) or (not gone and run.info.start_time < before):
            end = partial(end_run, ours, database, run.info.run_id, gone)
            yield Left(f"run {run.info.run_id}", DELETED if gone else why, of_uri(run.info.artifact_uri), end)
    for model in every(ours.search_logged_models, where):
        if model.model_id not in models and registry.KEY in model.tags and model.creation_timestamp < before:
            end = partial(end_model, ours, database, model.model_id, False)
            yield Left(f"model {model.model_id}", why, of_uri(model.artifact_location), end)
    for model in deleted_models(database, experiment.experiment_id) if database else ():
        end = partial(end_model, ours, database, model.model_id, True)
        yield Left(f"model {model.model_id}", DELETED, of_uri(model.artifact_location), end)


def deleted_models(database: str, experiment: str) -> Iterator[Any]:
    """The logged models of an experiment that were deleted and are still stored; MLflow's client does not list them."""
    from mlflow.tracking._tracking_service.utils import _get_store

    store = _get_store(database)
    for one in store._get_deleted_logged_models():
        model = store.get_logged_model(one, allow_deleted=True)
        if model.experiment_id == experiment:
            yield model


def end_run(ours: MlflowClient, database: str | None, run: str, gone: bool) -> None:
    """Deletes a run, and where the database is here ends it: from there, and from the disk."""
    if not gone:
        ours.delete_run(run)
    if database:
        purge(database, [run], [])


def end_model(ours: MlflowClient, database: str | None, model: str, gone: bool) -> None:
    """The same of a logged model."""
    if not gone:
        ours.delete_logged_model(model)
    if database:
        purge(database, [], [model])


def purge(database: str, runs: list[str], models: list[str]) -> None:
    """What `mlflow gc` does, for these alone: the command itself takes all that was ever deleted, whole experiments too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the command line of MLflow imports all it has
        from mlflow.cli import _gc_tracking_resources
    from mlflow.tracking._tracking_service.utils import _get_store

    with redirect_stdout(io.StringIO()):
        _gc_tracking_resources(
            backend_store=_get_store(database),
            run_ids=runs,
            experiment_ids=None,
            logged_model_ids=models,
            older_than=None,
            time_delta=0,
            skip_experiments=True,
            skip_logged_models=not models,
        )


def every(search: Callable[..., Any], *words: Any, **more: Any) -> Iterator[Any]:
    """All pages of a search."""
    token = None
    while True:
        page = search(*words, page_token=token, **more)
        yield from page
        token = page.token
        if not token:
            return


def of_uri(uri: str) -> int | None:
    """The bytes at an address; None where it is not on this machine."""
    parts = urlparse(uri)
    return size(Path(unquote(parts.path))) if parts.scheme in ("", "file") else None
