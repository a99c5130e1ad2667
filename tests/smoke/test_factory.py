"""The whole factory on the CPU: what a run makes, what it finds again, and what it does when the world is in its way."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from factory import config, pipeline, registry
from factory.cli import main

STAGES = [stage.makes for stage in pipeline.STAGES if stage.makes not in ("start", "pairs")]
SMOKE = ("base=tiny", "profile=smoke")


def times(runs: Path) -> dict[str, int]:
    """When every file of every product was written."""
    return {str(path): path.stat().st_mtime_ns for path in (runs / "sql").glob("*-*/**/*") if path.is_file()}


def versions(words: tuple[str, ...]) -> list:
    """The versions in the registry of that configuration."""
    settings = config.load(words).registry
    with registry.client(settings) as ours:
        return registry.versions(ours, settings.model)


# --- what a run makes -------------------------------------------------------------------------------------------------


def test_one_run_makes_every_product(full) -> None:
    for stage in STAGES:
        folder = full.product(stage)
        listed = json.loads((folder / "manifest.json").read_text())["payload"]
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert there == {*listed, "manifest.json", "facts.json"}
        assert f"{stage:<10} made" in full.done.out
    assert "registered made  factory.sql.tiny version 1" in full.done.out


def test_the_gate_holds_on_too_small_an_exam_on_one_line(full) -> None:
    assert full.done.code == 5
    assert full.done.complaint.startswith("factory: factory.sql.tiny version 1: 24 exam rows, at least 100 wanted")


def test_the_version_carries_its_evidence(full) -> None:
    (version,) = versions(full.words)
    assert version.tags["validation_status"] == "failed" and version.tags["base"] == "tiny"
    assert {f"{stage}_key" for stage in STAGES} <= version.tags.keys()
    assert version.tags["adapter_key"].startswith(full.product("adapter").name.removeprefix("adapter-"))


def test_a_sweep_over_seeds_is_summed_up(factory, beside) -> None:
    """The first seed is found up to the checkup, the second made anew; nothing of the sweep itself is left."""
    runs, words = beside("checkup")
    done = factory("sweep", "seed=0,1", *words, "runtime.jobs=1", "~compare.arms.full", "~compare.arms.random")
    assert done.code == 5, done.err
    assert len(versions(words)) == 2 and len(list((runs / "sql").glob("report-*"))) == 2
    head, line, *notes = done.out.splitlines()[-5:]
    assert head.split()[:4] == ["setting", "seeds", "score", "deviation"]
    assert line.split()[:3] == ["as", "configured", "2"]
    assert any("others for each seed (evaluate.rows=24)" in note for note in notes), done.out
    assert not (runs / "sweeps").exists()


def test_a_second_run_finds_everything_and_makes_nothing(full, factory) -> None:
    before = times(full.runs)
    done = factory("run", *full.words)
    assert done.code == 5 and times(full.runs) == before
    ends = [line.split() for line in done.out.splitlines() if not line.startswith(" ")]
    assert [(words[0], words[1]) for words in ends if words[0] in STAGES] == [(stage, "found") for stage in STAGES]
    assert "registered found  factory.sql.tiny version 1" in done.out
    assert len(versions(full.words)) == 1
    assert done.cpu < 6, f"{done.cpu:.1f} CPU-seconds to do nothing"


# --- what a change redoes ---------------------------------------------------------------------------------------------


ADAPTER = {"adapter", "report", "checkup", "random", "comparison"}
"""What hangs on how an adapter is trained; training every weight has a rate of its own and an unquantised base."""


@pytest.mark.parametrize(
    ("override", "redone"),
    [
        ("generate.rows=121", set(STAGES)),
        ("filter.near_duplicate.threshold=0.8", set(STAGES[1:])),
        ("~filter.near_duplicate", set(STAGES[1:])),
        ("tokenize.max_length=500", set(STAGES) - {"examples", "kept"}),
        ("train.learning_rate=1e-3", ADAPTER),
        ("train.steps=23", ADAPTER | {"full"}),
        ("base.weights.quantisation.double=false", ADAPTER),
        ("evaluate.rows=20", {"report", "checkup", "comparison"}),
        ("checkup.rows=20", {"checkup"}),
        ("checkup=planted", {"tokens", "checkup"} | ADAPTER | {"full"}),
        ("compare.arms.full.learning_rate=2e-3", {"full", "comparison"}),
        ("compare.arms.nearest.ngram=3", {"comparison"}),
        ("seed=1", set(STAGES)),
        ("runtime.workers=3", set()),
        ("runtime.threads=2", set()),
        ("runtime.jobs=1", set()),
        ("runtime.device=cpu", set()),
        ("registry.gate.min_rows=1", set()),
    ],
)
def test_a_change_redoes_its_stage_and_what_follows(override: str, redone: set[str]) -> None:
    before, after = (
        {step.made.stage: step.made.key for step in pipeline.steps(config.load([*SMOKE, *more]))}
        for more in ((), (override,))
    )
    assert {name for name in STAGES if before[name] != after[name]} == redone


@pytest.mark.parametrize("arm", ["random", "full"])
def test_an_arm_that_is_left_out_is_not_trained(arm: str) -> None:
    names = [step.made.stage for step in pipeline.steps(config.load([*SMOKE, f"~compare.arms.{arm}"]))]
    assert names == [name for name in STAGES if name != arm]


# --- the same bytes ---------------------------------------------------------------------------------------------------


def test_the_same_run_from_nothing_gives_the_same_bytes(full, factory, payload, tmp_path: Path) -> None:
    """The shared run had two workers, this one has one."""
    words = (*full.words, f"runtime.runs={tmp_path}", "runtime.workers=1")
    assert factory("train", *words).code == 0
    for stage in STAGES[:4]:
        assert payload(tmp_path, stage) == full.payload(stage)


def test_another_seed_gives_other_bytes(full, factory, payload, tmp_path: Path) -> None:
    words = (*full.words, f"runtime.runs={tmp_path}", "seed=1", "train.steps=6")
    assert factory("train", *words).code == 0
    for stage, name in (
        ("examples", "examples.parquet"),
        ("tokens", "tokens.arrow"),
        ("adapter", "adapter/adapter_model.safetensors"),
    ):
        assert payload(tmp_path, stage)[name] != full.payload(stage)[name]


# --- in the way -------------------------------------------------------------------------------------------------------


def test_after_ctrl_c_the_next_run_goes_on(full, start, factory, beside, payload) -> None:
    runs, words = beside("tokens")
    work = runs / "sql" / full.product("adapter").name / "work" / "checkpoints"
    running = start("train", *words)
    running.waits_for((work / "checkpoint-6" / "complete").exists)
    running.interrupt()
    done = running.done()
    assert done.code == 130
    assert done.complaint == "factory: interrupted: nothing half-made counts, the same command goes on where it was"
    done = factory("train", *words)
    assert done.code == 0 and "resuming at checkpoint-" in done.out
    assert payload(runs, "adapter") == full.payload("adapter")


def test_of_two_runs_on_one_folder_one_gives_way(full, start, factory, beside, payload) -> None:
    runs, words = beside("tokens")
    first = start("train", *words)
    first.waits_for((runs / "sql" / full.product("adapter").name / "work").exists)
    second = factory("train", *words)
    assert second.code == 3
    assert second.complaint.endswith("another run is making this now - wait for it, then run again")
    assert first.done().code == 0
    assert payload(runs, "adapter") == full.payload("adapter")


@pytest.mark.parametrize(("verb", "until", "tight"), [("generate", None, "40k"), ("train", "tokens", "700k")])
def test_a_full_disk_costs_nothing_but_the_wait(
    verb: str, until: str | None, tight: str, full, start, beside, payload, tmp_path: Path
) -> None:
    """On a real file system without room, in a mount namespace of its own; then it grows."""
    words = beside(until)[1] if until else (*full.words, "runtime.workers=1")
    runs, kept = tmp_path / "small", tmp_path / "kept"
    script = f"""mount -t tmpfs -o size={tight} tmpfs {runs} || exit 77
        cp -r {tmp_path}/runs/. {runs} 2>/dev/null
        "$@"; echo "first $?" >&2
        mount -o remount,size=100m {runs}
        "$@"; code=$?; cp -r {runs} {kept}; exit $code"""
    runs.mkdir()
    done = start(
        verb,
        *words,
        f"runtime.runs={runs}",
        before=["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"],
    ).done()
    if "unshare" in done.err or done.code == 77:
        pytest.skip(f"no mount namespaces for this user: {done.err}")
    assert done.err.count("\n") == 2, done.err
    complaint, first = done.err.splitlines()
    assert first == "first 3" and "the disk is full - free some space and run again" in complaint
    assert done.code == 0
    stage = pipeline.VERBS[verb]
    assert payload(kept, stage) == full.payload(stage)


def test_without_its_database_the_registry_is_filled_again_and_nothing_is_made(full, factory, beside) -> None:
    runs, words = beside("comparison")
    shutil.copytree(full.runs / "mlartifacts", runs / "mlartifacts")
    before = times(runs)
    done = factory("run", *words)
    assert done.code == 5 and "registered made  factory.sql.tiny version 1" in done.out
    assert times(runs) == before


def test_a_locked_registry_is_one_line_and_the_next_run_registers(full, factory, beside) -> None:
    runs, words = beside("comparison")
    assert versions(words) == []  # makes the database
    other = sqlite3.connect(runs / "mlflow.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    before, started = times(runs), time.monotonic()
    done = factory("register", *words)
    assert done.code == 3 and "database is locked" in done.complaint
    assert time.monotonic() - started < 40
    other.execute("ROLLBACK")
    done = factory("register", *words)
    assert done.code == 5 and "registered made" in done.out
    assert times(runs) == before and len(versions(words)) == 1


def test_a_server_that_is_away_is_one_line(full, factory, beside) -> None:
    _, words = beside("comparison")
    started = time.monotonic()
    done = factory("register", *words, "registry.tracking_uri=http://127.0.0.1:9")
    assert done.code == 3 and "nothing is lost: run again when it answers" in done.complaint
    assert time.monotonic() - started < 30


# --- on another base --------------------------------------------------------------------------------------------------


def test_an_adapter_is_refused_on_another_recipe(full, chosen: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["ask", *full.words, f"registry.alias={chosen}", "base.weights.quantisation.double=false", "How many?"])
        == 2
    )
    (line,) = capsys.readouterr().err.splitlines()
    assert ", quantisation: trained on " in line and "load the base it was trained on" in line


def test_an_adapter_is_refused_on_another_base(
    full, chosen: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same name, the same tokenizer, other weights."""
    other = tmp_path / "other"
    shutil.copytree(config.data_dir() / "base" / "tiny", other)
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    assert main(["ask", *full.words, f"registry.alias={chosen}", f"base.weights.path={other}", "How many?"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert ", base_weights: trained on " in line
