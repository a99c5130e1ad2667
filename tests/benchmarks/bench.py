"""Speed as ratios, each against a named alternative in the same run; printed, never asserted. `make bench`.

Pairs run in turn (A B A B ...), so that a drifting machine hits both; the median of the pairwise ratios is quoted.
"""

from __future__ import annotations

import logging
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from factory import config, models
from factory.display import console
from factory.filters import exact_duplicate, near_duplicate
from factory.made_with import made_with
from factory.pipeline import Step, steps
from factory.rows import read_examples
from factory.store import Made, run

PAIRS = 3


def quiet(*_: object, **__: object) -> None:
    """Progress nobody watches."""


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def ratio(name: str, ours: Callable[[], object], other: str, theirs: Callable[[], object]) -> None:
    """Prints how much longer the alternative takes."""
    compare(name, lambda: seconds(ours), other, lambda: seconds(theirs))


def compare(name: str, ours: Callable[[], float], other: str, theirs: Callable[[], float]) -> None:
    """Prints two figures of seconds, measured in turn, and their ratio."""
    pairs = [(ours(), theirs()) for _ in range(PAIRS)]
    times = [statistics.median(column) for column in zip(*pairs, strict=True)]
    found = statistics.median(b / a for a, b in pairs)
    console.print(f"{name}: {times[0]:.2f} s; {other}: {times[1]:.2f} s; ratio {found:.2f} (median of {PAIRS} pairs)")


def make(overrides: Sequence[str], until: str, root: Path) -> Made:
    """The product of a configuration, in a folder of its own, from nothing; earlier products are reused from `root`."""
    asked = config.load([*overrides, f"runtime.runs={root}"])
    models.go_offline(asked.runtime)
    for step in steps(asked, until):
        run(step.stage, step.given, step.made, asked.runtime, quiet, {})
    return step.made


def fresh(overrides: Sequence[str], until: str, root: Path) -> None:
    """Makes the last product anew, the earlier ones found."""
    asked = config.load([*overrides, f"runtime.runs={root}"])
    step: Step = list(steps(asked, until))[-1]
    shutil.rmtree(step.made.folder, ignore_errors=True)
    run(step.stage, step.given, step.made, asked.runtime, quiet, {})


LEVERS = {
    "rows grouped by length": ("train.group_by_length=true", "at random", "train.group_by_length=false"),
    "rows padded": ("train.packing=false", "packed", "train.packing=true"),
    "logits from the first trained position on": ("train.head=sliced", "TRL's head", "train.head=chunked"),
    "4-bit values unpacked once": (
        "base.weights.quantisation.unpacked=true",
        "in every pass",
        "base.weights.quantisation.unpacked=false",
    ),
    "NF4, unpacked": ("train=qlora", "the plain base (LoRA)", "train=lora"),
    "activations kept": ("train.gradient_checkpointing=false", "made again", "train.gradient_checkpointing=true"),
    "float32": ("train.precision=float32", "bfloat16", "train.precision=bfloat16"),
    "freed memory kept": ("runtime.release=null", "given back at once", "runtime.release=1"),
}
"""What the configuration of the embedded base chooses, and what it chooses against."""


def step_seconds(overrides: Sequence[str], root: Path) -> float:
    """Seconds of a step of training, made anew in a process of its own, the start-up left out."""
    words = [*overrides, f"runtime.runs={root}", "runtime.threads=1"]
    step = list(steps(config.load(words), "adapter"))[-1]
    shutil.rmtree(step.made.folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "factory", "train", *words], check=True, capture_output=True)
    return step.made.facts["fit"]["seconds_per_step"]


def main() -> None:
    """All pairs."""
    logging.captureWarnings(True)
    asked = config.load([])
    for name, value in made_with(asked.runtime).items():
        console.print(f"{name} {value}", end="  ")
    console.print()
    with tempfile.TemporaryDirectory() as folder:
        root, small = Path(folder), ["generate.rows=600", "train.steps=12", "train.checkpoint_every=1000"]
        make(small, "tokens", root)
        ratio(
            "generate with 2 workers",
            lambda: fresh([*small, "runtime.workers=2"], "examples", root),
            "with 1",
            lambda: fresh([*small, "runtime.workers=1"], "examples", root),
        )
        for name, (ours, other, theirs) in LEVERS.items():
            compare(
                f"a step of training, {name}",
                partial(step_seconds, [*small, ours], root),
                other,
                partial(step_seconds, [*small, theirs], root),
            )
        rows = read_examples(make(small, "examples", root).file("examples.parquet"))
        near, exact = config.NearDuplicate(threshold=0.9, permutations=128, budget=1), config.ExactDuplicate(budget=1)
        ratio(
            "near-duplicate filter",
            lambda: near_duplicate.check(rows, near, [], quiet),
            "exact-duplicate filter (the floor: one hash a row)",
            lambda: exact_duplicate.check(rows, exact, [], quiet),
        )


if __name__ == "__main__":
    main()
