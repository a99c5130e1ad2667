"""A training tells beforehand whether it fits, and leaves a good checkpoint when it is told to stop."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest


def steps(work: Path) -> list[int]:
    """The steps of the complete checkpoints."""
    return sorted(int(path.parent.name.rpartition("-")[2]) for path in work.glob("checkpoints/checkpoint-*/complete"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_told_to_stop_it_writes_a_checkpoint_and_goes_on_from_it(
    number: int, full, start, factory, beside, payload
) -> None:
    """Within ten seconds, at a step of its own; the resumed training comes to the bytes of the undisturbed one."""
    runs, words = beside("tokens")
    work = runs / "sql" / full.product("adapter").name / "work"
    running = start("train", *words)
    running.waits_for(lambda: steps(work))
    time.sleep(0.2)
    told = time.monotonic()
    os.kill(running.process.pid, number)
    done = running.done()
    assert time.monotonic() - told < 10
    if (full.product("adapter").name in done.out and "adapter    made" in done.out) or done.code == 0:
        pytest.skip("the training was faster than the signal")
    assert done.code == 130 and done.complaint.startswith("factory: interrupted")
    found = steps(work)
    done = factory("train", *words)
    assert done.code == 0 and f"resuming at checkpoint-{found[-1]}" in done.out
    assert payload(runs, "adapter") == full.payload("adapter")


def test_a_probe_says_what_a_training_takes(factory, beside) -> None:
    _, words = beside("tokens")
    done = factory("plan", "--probe", *words)
    assert done.code == 0, done.err
    assert "a step" in done.out and "foretold" in done.out and "longest answers" in done.out and " fits" in done.out
    ladder = done.out.partition("for less memory")[2]
    assert "train.gradient_checkpointing=true" in ladder and "train.lora.rank=8 tokenize.max_length=" in ladder


@pytest.mark.parametrize("verb", [("plan", "--probe"), ("train",)], ids=" ".join)
def test_what_does_not_fit_is_refused_before_it_starts(verb: tuple[str, ...], factory, beside) -> None:
    runs, words = beside("tokens")
    done = factory(*verb, *words, "runtime.memory=300")
    assert done.code == 2 and "train: does not fit: " in done.complaint, done.err
    assert not list(runs.glob("sql/adapter-*/work/checkpoints/*"))


def test_a_probe_wants_tokens(factory, tmp_path: Path) -> None:
    done = factory("plan", "--probe", "base=tiny", "profile=smoke", f"runtime.runs={tmp_path}")
    assert done.code == 2 and done.complaint.endswith("make them first: factory tokenize")


def test_what_was_foretold_is_kept_beside_what_was(full) -> None:
    fit = json.loads((full.product("adapter") / "facts.json").read_text())["fit"]
    assert fit["foretold"] > 0 and (fit["peak"] is None or fit["peak"] > 0) and fit["seconds_per_step"] > 0
