"""Many processes and one registry, on sqlite, on a real Postgres, and behind a real MLflow server; kills in between.

`python -m tests.registries` does more of it, and the whole smoke run on a server.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from multiprocessing.context import BaseContext
from pathlib import Path
from threading import Barrier

import pytest

from factory import config, registry
from factory.cli import main
from factory.errors import Mistake
from factory.registry import door, events
from tests import registries
from tests.postgres import fresh, missing, mlflow_server, postgres
from tests.products import WORDS, register


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    with registries.patient():
        yield


@pytest.fixture(scope="module")
def processes() -> BaseContext:
    return registries.forked()


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    if why := missing():
        pytest.skip(why)
    with postgres() as address:
        yield address


@pytest.fixture(scope="session")
def server(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(fresh(store, "served"), tmp_path_factory.mktemp("served")) as address:
        yield address


@pytest.fixture
def where(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    """The words for a fresh registry of each kind; behind the server, which is one, fresh by its names."""
    words = (f"runtime.runs={tmp_path}", registries.QUICK)
    if request.param == "sqlite":
        return words
    if request.param == "server":
        own = (f"registry.model={tmp_path.name}", f"registry.experiment={tmp_path.name}")
        return (*words, *own, f"registry.tracking_uri={request.getfixturevalue('server')}", registries.HERE)
    address = fresh(request.getfixturevalue("store"), tmp_path.name)
    if request.param == "postgres":
        return (*words, f"registry.tracking_uri={address}")
    files = f"{request.getfixturevalue('server')}/api/2.0/mlflow-artifacts/artifacts/files"
    driver = address.replace("postgresql:", "postgresql+psycopg:")
    return (*words, f"registry.tracking_uri={driver}", f"registry.artifact_location={files}")


@pytest.mark.parametrize("where", ["sqlite", "postgres", "server"], indirect=True)
def test_eight_at_once_are_eight_versions_and_one_champion(where, processes, tmp_path: Path) -> None:
    registries.eight(where, tmp_path, processes)


@pytest.mark.parametrize(
    ("where", "moments"),
    [("sqlite", registries.KILLS), ("postgres", registries.MOMENTS[1:5])],
    indirect=["where"],
    ids=["sqlite", "postgres"],
)
def test_kills_leave_no_half_version(where, moments, processes, tmp_path: Path) -> None:
    registries.kills(where, tmp_path, processes, moments)


@pytest.mark.parametrize("where", ["postgres with files on a server", "server"], indirect=True)
def test_the_registrys_verbs_work_there(where, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, score in (("one", 0.4), ("two", 0.5)):
        register(tmp_path, where, name, score)
    words = (*WORDS, *where)
    assert main(["rollback", "--why", "a look", *words]) == 0
    assert main(["retire", "2", *words]) == 0
    assert main(["registry", *words]) == 0
    out = capsys.readouterr().out
    assert "version 1 holds champion, before it version 2" in out and "rollback champion: 2 -> 1" in out
    files, version = registry.fetch(config.load(list(words)).registry, "champion", tmp_path / "fetched")
    made = tmp_path / "sql/adapter-one/adapter/adapter_model.safetensors"
    assert (files / made.name).read_bytes() == made.read_bytes()
    with registry.client(config.load(list(words)).registry) as ours:
        assert ours.get_run(version.run_id).info.artifact_uri.startswith(("mlflow-artifacts:", "http:"))
    assert not (tmp_path / "mlartifacts").exists()


@pytest.mark.parametrize("where", ["postgres", "server"], indirect=True)
def test_two_promotions_at_once(where, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "three"):
        register(tmp_path, where, name, 0.4)
    settings, both, real = config.load([*WORDS, *where]).registry, Barrier(2), door.writing

    def together(*words):
        both.wait(60)  # each has seen who holds it; now they write
        return real(*words)

    monkeypatch.setattr(events, "writing", together)
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(registries.promoted, [settings, settings], ["1", "2"]))
    assert sorted(said) == ["done", "overtaken"]
    rows = registry.fleet(settings).models()[settings.model]
    (champion,) = (row.version for row in rows if "champion" in row.aliases)
    assert said[champion - 1] == "done"


def test_a_server_that_goes_away_in_the_middle(store, tmp_path: Path) -> None:
    registries.server_dies(["create_model_version"], fresh(store, "goes"), tmp_path)


def test_a_database_that_cuts_its_connections_in_the_middle(store, tmp_path: Path) -> None:
    registries.connections_cut(["log_inputs", "set_registered_model_alias"], fresh(store, "cut"), tmp_path)


@pytest.mark.parametrize("where", ["postgres"], indirect=True)
def test_a_postgres_of_an_older_or_newer_mlflow_is_one_line(where) -> None:
    import mlflow
    import psycopg
    from alembic.script import ScriptDirectory

    settings = config.load([*WORDS, *where]).registry
    with registry.client(settings):
        older = ScriptDirectory(Path(mlflow.__file__).parent / "store/db_migrations").get_revision("head").down_revision
    again = settings.tracking_uri.replace("postgresql:", "postgresql+psycopg:")  # MLflow keeps a store per address
    for revision in (older, "feedc0ffee11"):
        with psycopg.connect(settings.tracking_uri, autocommit=True) as held:
            held.execute("UPDATE alembic_version SET version_num = %s", [revision])
        with pytest.raises(Mistake) as error, registry.client(settings.model_copy(update={"tracking_uri": again})):
            pass
        assert f"has the schema {revision} of another MLflow than this one" in str(error.value)
        assert f"if it is older, save it and run: mlflow db upgrade {again}" in str(error.value)


def test_a_database_of_another_mlflow_is_one_line(tmp_path: Path, factory) -> None:
    words = (*WORDS, f"runtime.runs={tmp_path}")
    register(tmp_path, words[-1:], "one", 0.4)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as db, db:
        db.execute("UPDATE alembic_version SET version_num = 'feedc0ffee11'")
    done = factory("registry", *words)
    assert done.code == 2, done.err
    assert "has the schema feedc0ffee11 of another MLflow than this one" in done.complaint
    assert "mlflow db upgrade" in done.complaint
