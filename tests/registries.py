"""The registry on sqlite, on a real Postgres and behind a real MLflow server: many at once, kills, outages, a whole run.

python -m tests.registries                  all of it, a quarter of an hour on two cores
python -m tests.registries eight kills      parts of it: eight, kills, machines, outages, smoke

eight       eight processes register at once in a fresh registry
kills       twenty SIGKILLs in the middle of registering
machines    eight machines behind one MLflow server, which share no lock, register and then promote at once
outages     the server dies in the middle of registering, or the database cuts every connection
smoke       the smoke run and every verb of the registry, through an MLflow server on Postgres
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest

from factory import config, registry
from factory.errors import Mistake, Unavailable
from tests.postgres import free_port, fresh, missing, mlflow_server, postgres
from tests.products import WORDS, before, register

Words = tuple[str, ...]
MOMENTS = (
    "create_logged_model",
    "log_model_artifacts",
    "create_model_version",
    "set_registered_model_tag",
    "set_registered_model_alias",
    "set_model_version_tag",
)
"""Calls to MLflow with something to lose on both sides."""
KILLS = (*range(1, 15), *MOMENTS)
HERE = "registry.artifact_location=null"
"""Files go where the server keeps them."""
QUICK = "registry.gate.contamination.marks=false"
"""Half of a registration's time is the reading of the whole exam, and nothing here is about it."""


@contextmanager
def patient() -> Iterator[None]:
    """A busy machine answers late; and the processes below import MLflow before they are told to be silent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("MLFLOW_LOGGING_LEVEL", "WARNING")
        yield


def forked() -> BaseContext:
    """Processes of their own, each forked from one that has imported what they need."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.ready"])
    return context


# --- many at once -----------------------------------------------------------------------------------------------------


def eight(words: Words, runs: Path, processes: BaseContext) -> str:
    """Eight registrations at once in a fresh registry: none lost, versions distinct, one champion, one history."""
    scores = [0.3 + n / 1000 for n in range(8)]  # closer than the gate minds, in whatever order they come
    with ProcessPoolExecutor(8, processes) as pool:
        numbers = [pool.submit(register, runs, words, f"report{n}", score) for n, score in enumerate(scores)]
        found = sorted(int(one.result()) for one in numbers)
    assert found == list(range(1, 9))
    settings = config.load([*WORDS, *words]).registry
    every = registry.fleet(settings)
    rows, past = every.models()[settings.model], every.events[settings.model]
    assert [row.version for row in rows] == found
    assert {row.score for row in rows} == {float(f"{score:.6f}") for score in scores}
    assert [alias for row in rows for alias in row.aliases] == ["champion"]
    assert len(past) == 8 and {event["outcome"] for event in past} == {"done"}
    assert [event["before"] for event in past] == [None, *(event["after"] for event in past[:-1])]
    return "8 versions, 1 champion, one chain of 8 events"


def kills(words: Words, runs: Path, processes: BaseContext, moments: Sequence[int | str] = KILLS) -> str:
    """A SIGKILL before one call more to MLflow each time; what it left is cleared by the next, the last is not killed."""
    settings = config.load([*WORDS, *words]).registry
    for dies in (*moments, ""):
        process = processes.Process(target=register, args=(runs, words, "one", 0.4, dies))
        process.start()
        process.join()
        assert process.exitcode == (-9 if dies else 0), f"call {dies}"
        assert whole(settings) <= 1
    return f"{len(moments)} kills, no half version; {one_of_all(settings)}"


def whole(settings: config.Registry) -> int:
    """How many versions there are, each with all its tags."""
    with registry.client(settings) as ours:
        found = registry.versions(ours, settings.model)
    assert all(len(version.tags) >= 20 for version in found)
    return len(found)


def one_of_all(settings: config.Registry) -> str:
    """One version, champion, complete; and one live run and one live model: nothing else is left."""
    with registry.client(settings) as ours:
        (version,) = registry.versions(ours, settings.model)
        assert version.tags["factory.alias"] == "champion" and len(version.tags) > 20
        assert registry.aliases(ours, settings.model) == {"1": ["champion"]}
        experiment = [ours.get_experiment_by_name(settings.experiment).experiment_id]
        assert [run.info.run_id for run in ours.search_runs(experiment)] == [version.run_id]
        assert len(ours.search_logged_models(experiment)) == 1
    return "1 version, 1 run, 1 model at the end"


# --- machines without a common lock -----------------------------------------------------------------------------------


def elsewhere(place: Path, act: Callable[..., object], *given: object) -> tuple[int, str]:
    """Does it as another machine would, whose lock files are its own; how often it was told to ask again, and what came."""
    tempfile.tempdir = str(place)
    for asked in range(20):
        try:
            return asked, str(act(*given))
        except Unavailable as error:
            said = str(error)
    return 20, said


def promoted(settings: config.Registry, number: str) -> str:
    """What came of making that version champion."""
    try:
        return registry.promote(settings, number, "champion", "a look").outcome
    except Unavailable:
        return "overtaken"
    except Mistake:
        return "champion already"


def machines(words: Words, runs: Path, processes: BaseContext) -> str:
    """Eight machines behind a server register at once, then promote at once: what holds without a lock."""
    places = [runs / f"machine{n}" for n in range(8)]
    with ProcessPoolExecutor(8, processes) as pool:
        for place in places:
            place.mkdir()
        came = [
            pool.submit(elsewhere, place, register, place, (*words, f"runtime.runs={place}"), f"report{n}", 0.3)
            for n, place in enumerate(places)
        ]
        again, numbers = zip(*(one.result() for one in came), strict=True)
        assert sorted(numbers) == [str(n) for n in range(1, 9)], numbers
        settings = config.load([*WORDS, *words]).registry
        assert whole(settings) == 8
        came = [
            pool.submit(elsewhere, place, promoted, settings, number)
            for place, number in zip(places, numbers, strict=True)
        ]
        ends = Counter(one.result()[1] for one in came)
    with registry.client(settings) as ours:
        (held,) = (number for number, names in registry.aliases(ours, settings.model).items() if "champion" in names)
        past = registry.history(ours, settings.model)
    assert any(event.after == held and event.outcome == "done" for event in past)
    return f"8 versions after {sum(again)} repeats, 1 champion; of 8 promotions {dict(ends)}"


# --- outages ----------------------------------------------------------------------------------------------------------


def server_dies(moments: Sequence[str], store: str, folder: Path) -> str:
    """A server that is killed before that call: Unavailable and no half version; when it is back, the next run completes."""
    port = free_port()
    for_all = (f"runtime.runs={folder}", QUICK, f"registry.tracking_uri=http://127.0.0.1:{port}", HERE)
    with ExitStack() as up:
        up.enter_context(mlflow_server(store, folder, port))
        for moment in moments:
            words = (*for_all, f"registry.model={moment}", f"registry.experiment={moment}")
            settings = config.load([*WORDS, *words]).registry
            with before(moment, up.close), pytest.raises(Unavailable, match="nothing is lost: run again when it"):
                register(folder, words, "one", 0.4)
            up.enter_context(mlflow_server(store, folder, port))
            assert whole(settings) <= 1
            assert register(folder, words, "one", 0.4) == "1"
            end = one_of_all(settings)
    return f"{len(moments)} times, no half version; {end}"


def connections_cut(moments: Sequence[str], store: str, folder: Path) -> str:
    """The database cuts every connection before that call, the one with the lock too: said, and the next run completes."""
    import psycopg

    def cut() -> None:
        with psycopg.connect(store, autocommit=True) as other:
            every = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            other.execute(f"{every} AND pid <> pg_backend_pid()")

    for_all = (f"runtime.runs={folder}", QUICK, f"registry.tracking_uri={store}")
    for moment in moments:
        words = (*for_all, f"registry.model={moment}", f"registry.experiment={moment}")
        settings = config.load([*WORDS, *words]).registry
        with before(moment, cut), pytest.raises(Unavailable, match="nothing is lost: run again when it answers"):
            register(folder, words, "one", 0.4)
        assert whole(settings) <= 1
        assert register(folder, words, "one", 0.4) == "1"
        end = one_of_all(settings)
    return f"{len(moments)} times, no half version; {end}"


# --- all of it --------------------------------------------------------------------------------------------------------


def parts(store: str, folder: Path) -> Iterator[tuple[str, str, Callable[[], str]]]:
    """Every part of the drill, with the registry it is about."""
    processes = forked()

    def place(name: str) -> Path:
        made = folder / name
        made.mkdir()
        return made

    def on(kind: str, act: Callable[[Words, Path, BaseContext], str]) -> Callable[[], str]:
        def done() -> str:
            runs = place(f"{act.__name__}{kind}")
            words = (f"runtime.runs={runs}", QUICK)
            if kind == "sqlite":
                return act(words, runs, processes)
            address = fresh(store, runs.name)
            if kind == "Postgres":
                return act((*words, f"registry.tracking_uri={address}"), runs, processes)
            with mlflow_server(address, runs) as server:
                return act((*words, f"registry.tracking_uri={server}", HERE), runs, processes)

        return done

    for act in (eight, kills):
        for kind in ("sqlite", "Postgres", "server"):
            yield act.__name__, kind, on(kind, act)
    yield "machines", "server", on("server", machines)
    moments = ("create_run", "log_inputs", *MOMENTS)
    yield "outages", "server", lambda: server_dies(moments, fresh(store, "dies"), place("dies"))
    yield "outages", "Postgres", lambda: connections_cut(moments, fresh(store, "cut"), place("cut"))
    from tests import served

    yield "smoke", "server", lambda: served.run(fresh(store, "smoke"), place("smoke"))


def main() -> None:
    """The parts that are asked for; each with what came of it and its seconds."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("parts", nargs="*", metavar="PART", help="eight, kills, machines, outages, smoke")
    wanted = reader.parse_args().parts
    if why := missing():
        sys.exit(why)
    with patient(), tempfile.TemporaryDirectory() as folder, postgres() as store:
        for part, kind, act in parts(store, Path(folder)):
            if not wanted or part in wanted:
                start = time.monotonic()
                print(f"{part:10}{kind:10}", end="", flush=True)
                print(f"{act()}, {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
