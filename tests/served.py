"""The smoke run and every verb of the registry through an MLflow server, with its files on the server: one after another."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from factory import config, registry
from factory.cli import main
from tests.postgres import free_port, mlflow_server
from tests.products import before

SMOKE = ("specialist=sql", "base=tiny", "profile=smoke", "runtime.workers=1", "runtime.threads=1", "runtime.jobs=1")
MODEL = "factory.sql.tiny"


class Killed(BaseException):
    """Stands for a kill, in a process that goes on."""


def said(code: int, *words: str) -> str:
    """What a verb says, which must end so."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        came = main(words)
    assert came == code, f"{words[0]} ended with {came}: {err.getvalue()}"
    assert code in (0, 70) or len(err.getvalue().splitlines()) == 1, err.getvalue()
    return out.getvalue() + err.getvalue()


def run(store: str, folder: Path) -> str:
    """All of it on a fresh database; what was done."""
    port = free_port()
    words = (*SMOKE, f"runtime.runs={folder / 'runs'}", f"registry.tracking_uri=http://127.0.0.1:{port}")
    words = (*words, "registry.artifact_location=null")
    with ExitStack() as up:
        up.enter_context(mlflow_server(store, folder, port))
        done = [*made(words, folder), *moved(words), *carried(words, folder), *traced(words, folder), *cleared(words)]
    done += away(words)
    with mlflow_server(store, folder, port):
        assert f"{MODEL} version 1" in said(5, "register", *words)
    return ", ".join(dict.fromkeys(done))


def made(words: tuple[str, ...], folder: Path) -> Iterator[str]:
    """The run, in a process of its own, twice; its files are on the server and nowhere else."""
    for how in ("made", "found"):
        came = subprocess.run([sys.executable, "-m", "factory", "run", *words], capture_output=True, text=True)
        assert came.returncode == 5 and len(came.stderr.splitlines()) == 1, came.stderr
        assert f"registered {how}" in came.stdout.replace("  ", " ") and "View run" not in came.stdout, came.stdout
        yield "run"
    assert not (folder / "runs/mlartifacts").exists() and list(
        (folder / "artifacts").rglob("adapter_model.safetensors")
    )
    settings = config.load(list(words)).registry
    with registry.client(settings) as ours:
        (version,) = registry.versions(ours, MODEL)
        assert ours.get_run(version.run_id).info.artifact_uri.startswith("mlflow-artifacts:")
    said(5, "gate", *words)
    yield "gate"


def moved(words: tuple[str, ...]) -> Iterator[str]:
    """Promotion, an answer, a second version, and back; what the registry shows of it."""
    why = ("--why", "a look")
    assert "version 1 holds champion" in said(0, "promote", "candidate", *why, *words)
    said(0, "ask", "How many lamps are there?", *words)
    assert f"{MODEL} version 2" in said(5, "register", "evaluate.rows=12", *words)
    assert "version 2 holds challenger" in said(0, "promote", "2", "--to", "challenger", *words)
    assert "version 2 holds champion, before it version 1" in said(0, "promote", "2", *why, *words)
    assert "version 1 holds champion, before it version 2" in said(0, "rollback", *why, *words)
    assert "is retired" in said(0, "retire", "2", *why, *words)
    assert "is retired" in said(2, "promote", "2", *why, *words)
    assert "rollback champion: 2 -> 1" in said(0, "registry", *words)
    (model,) = json.loads(said(0, "registry", "--json", *words))["models"]
    assert model["shown"] == 1 and [row["aliases"] for row in model["versions"]] == [["champion"], []]
    assert {event["outcome"] for event in model["events"]} == {"done"}
    yield from ("promote", "ask", "rollback", "retire", "registry")


def carried(words: tuple[str, ...], folder: Path) -> Iterator[str]:
    """A bundle from the server to a sqlite file, from there as a bundle again, and back: it is known."""
    first, second = folder / "first.zip", folder / "second.zip"
    there = (*SMOKE, f"runtime.runs={folder / 'elsewhere'}")
    said(0, "bundle", "champion", str(first), *words)
    assert "version 1, made" in said(0, "import", str(first), *there)
    said(0, "bundle", "1", str(second), *there)
    assert second.read_bytes() == first.read_bytes()
    assert "version 1, found" in said(0, "import", str(second), *words)
    own = (*words, "registry.model=again", "registry.experiment=again")
    assert f"{MODEL} version 1, found" in said(0, "import", str(second), *own), "a bundle says its own names"
    yield from ("bundle", "import")


def traced(words: tuple[str, ...], folder: Path) -> Iterator[str]:
    """Where the version comes from, row by row, and made again."""
    assert "version 1, champion" in said(0, "why", "champion", *words)
    assert len(json.loads(said(0, "why", "champion", "3", "--json", *words))["nearest"]) == 5
    yield "why"
    assert "identical" in said(0, "reproduce", "champion", "--to", str(folder / "again"), *words)
    yield "reproduce"


def cleared(words: tuple[str, ...]) -> Iterator[str]:
    """What a kill in the middle of registering left is deleted; files that the server keeps are its keeper's."""
    other = ("evaluate.rows=13", "lineage.settled=0", *words)
    with before("create_model_version", lambda: (_ for _ in ()).throw(Killed)):
        try:
            said(0, "register", *other)
        except Killed:
            pass
        else:
            raise AssertionError("it was not killed")
    listed = said(0, "gc", *other)
    assert "a registration that left no version; its files wait" in listed, listed
    gone = said(0, "gc", "--remove", *other)
    found = re.search(r"in all (\d+), .*: (\d+) removed$", gone.strip())
    assert found and found[1] == found[2] and len(re.findall(r"^(?:run|model) ", gone, re.MULTILINE)) == 2, gone
    left = said(0, "gc", *other)
    assert left.startswith("nothing: "), left
    assert "version 1" in said(0, "why", "champion", *words)
    assert "champion" in said(0, "registry", *words)  # and reads what is shown while it is away
    yield "gc"


def away(words: tuple[str, ...]) -> Iterator[str]:
    """Each verb while the server is away: 3 and one line; tables show what was read last."""
    for verb in (
        ["run"],
        ["register"],
        ["gate"],
        ["promote", "1"],
        ["rollback"],
        ["retire", "1"],
        ["ask", "a"],
        ["gc"],
    ):
        said(3, *verb, *words)
    for verb in (["bundle", "1", "x.zip"], ["why"], ["reproduce"]):
        said(3, *verb, *words)
    said(0, "registry", *words)
    yield "11 verbs end with 3 while it is away"
