"""Many processes and one registry, on sqlite, on a real Postgres, and behind a real MLflow server; kills in between."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest

from factory import config, registry
from factory.cli import main
from factory.errors import Unavailable
from tests.postgres import free_port, missing, mlflow_server, postgres
from tests.products import WORDS, register

KILLS = (
    *range(1, 15),
    "create_logged_model",
    "log_model_artifacts",
    "create_model_version",
    "set_registered_model_tag",
    "set_registered_model_alias",
    "set_model_version_tag",
)


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """A busy machine answers late; and the processes below import MLflow before they are told to be silent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("MLFLOW_LOGGING_LEVEL", "WARNING")
        yield


@pytest.fixture(scope="module")
def processes() -> BaseContext:
    """Processes of their own, each forked from one that has imported MLflow."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["mlflow", "tests.products", "factory.registry"])
    return context


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    if why := missing():
        pytest.skip(why)
    with postgres() as address:
        yield address


@pytest.fixture
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """The words for a fresh registry of each kind."""
    words = (f"runtime.runs={tmp_path}",)
    if request.param == "sqlite":
        yield words
    elif request.param == "postgres":
        yield (*words, f"registry.tracking_uri={fresh(request.getfixturevalue('store'), tmp_path.name)}")
    else:
        address = fresh(request.getfixturevalue("store"), tmp_path.name)
        with mlflow_server(address, tmp_path) as server:
            yield (*words, f"registry.tracking_uri={server}", "registry.artifact_location=null")


def fresh(store: str, name: str) -> str:
    """An empty database of its own on that server."""
    import psycopg

    name = "".join(letter for letter in name.lower() if letter.isalnum())
    with psycopg.connect(store, autocommit=True) as held:
        held.execute(f"CREATE DATABASE {name}")
    return f"{store.rpartition('/')[0]}/{name}"


@pytest.mark.parametrize("where", ["sqlite", "postgres", "server"], indirect=True)
def test_eight_at_once_are_eight_versions_and_one_champion(where, processes, tmp_path: Path) -> None:
    scores = [0.3 + n / 1000 for n in range(8)]  # closer than the gate minds, in whatever order they come
    with ProcessPoolExecutor(8, processes) as pool:
        numbers = [pool.submit(register, tmp_path, where, f"report{n}", score) for n, score in enumerate(scores)]
        found = sorted(int(one.result()) for one in numbers)
    assert found == list(range(1, 9))
    whole = registry.fleet(config.load([*WORDS, *where]).registry)
    assert [row.version for row in whole.rows] == found and {row.score for row in whole.rows} == {*map(rounded, scores)}
    held = [alias for row in whole.rows for alias in row.aliases]
    assert held == ["champion"]
    (past,) = whole.events.values()
    assert len(past) == 8 and {event["outcome"] for event in past} == {"done"}
    assert [event["before"] for event in past] == [None, *(event["after"] for event in past[:-1])]


def rounded(score: float) -> float:
    return float(f"{score:.4f}")


@pytest.mark.parametrize("where", ["sqlite", "postgres"], indirect=True)
def test_twenty_kills_leave_no_half_version(where, processes, tmp_path: Path) -> None:
    """Before one call more to MLflow each time; what a kill left is cleared by the next, and the last is not killed."""
    settings = config.load([*WORDS, *where]).registry
    for dies in (*KILLS, ""):
        shutil.rmtree(tmp_path / "sql", ignore_errors=True)
        process = processes.Process(target=register, args=(tmp_path, where, "one", 0.4, dies))
        process.start()
        process.join()
        assert process.exitcode == (-9 if dies else 0), f"call {dies}"
        with registry.client(settings) as ours:
            assert [len(version.tags) >= 20 for version in registry.versions(ours, settings.model)] in ([], [True])
    with registry.client(settings) as ours:
        (version,) = registry.versions(ours, settings.model)
        assert version.tags["factory.alias"] == "champion" and len(version.tags) > 20
        assert registry.aliases(ours, settings.model) == {"1": ["champion"]}
        experiment = [ours.get_experiment_by_name(settings.experiment).experiment_id]
        assert [run.info.run_id for run in ours.search_runs(experiment)] == [version.run_id]
        assert len(ours.search_logged_models(experiment)) == 1


@pytest.mark.parametrize("where", ["postgres", "server"], indirect=True)
def test_the_registrys_verbs_work_there(where, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, score in (("one", 0.4), ("two", 0.5)):
        register(tmp_path, where, name, score)
    words = (*WORDS, *where)
    assert main(["rollback", "--why", "a look", *words]) == 0
    assert main(["retire", "2", *words]) == 0
    assert main(["registry", *words]) == 0
    out = capsys.readouterr().out
    assert "version 1 holds champion, before it version 2" in out and "rollback champion: 2 -> 1" in out
    files, _ = registry.fetch(config.load(list(words)).registry, "champion", tmp_path / "fetched")
    assert (files / "adapter_model.safetensors").read_text() == "weights of one"


def test_a_server_that_goes_away_in_the_middle(store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, no version; when it is back, the next run completes what was begun."""
    from mlflow import MlflowClient

    where, port, real = fresh(store, "goes"), free_port(), MlflowClient.log_inputs
    words = (
        f"runtime.runs={tmp_path}",
        f"registry.tracking_uri=http://127.0.0.1:{port}",
        "registry.artifact_location=null",
    )
    with ExitStack() as up, monkeypatch.context() as patch:
        up.enter_context(mlflow_server(where, tmp_path, port))
        patch.setattr(MlflowClient, "log_inputs", lambda *given: (up.close(), real(*given)))
        with pytest.raises(Unavailable, match="nothing is lost: run again when it answers"):
            register(tmp_path, words, "one", 0.4)
    shutil.rmtree(tmp_path / "sql")
    with mlflow_server(where, tmp_path, port):
        assert register(tmp_path, words, "one", 0.4) == "1"
        whole = registry.fleet(config.load([*WORDS, *words]).registry)
    assert [(row.version, row.aliases) for row in whole.rows] == [(1, ("champion",))]


def test_a_database_of_another_mlflow_is_one_line(tmp_path: Path, factory) -> None:
    words = (*WORDS, f"runtime.runs={tmp_path}")
    register(tmp_path, words[-1:], "one", 0.4)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as db, db:
        db.execute("UPDATE alembic_version SET version_num = 'feedc0ffee11'")
    done = factory("registry", *words)
    assert done.code == 2, done.err
    assert "has the schema feedc0ffee11 of another MLflow than this one" in done.complaint
    assert "mlflow db upgrade" in done.complaint
