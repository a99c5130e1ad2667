"""Speed as ratios, each against a named alternative in the same run; printed, never asserted. `make bench`.

Pairs run in turn (A B A B ...), so that a drifting machine hits both; the median of the pairwise ratios is quoted.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
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
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(PAIRS)]
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
    for path in sorted(step.made.folder.rglob("*"), reverse=True) if step.made.folder.exists() else ():
        path.rmdir() if path.is_dir() else path.unlink()
    run(step.stage, step.given, step.made, asked.runtime, quiet, {})


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
        grouped, random = ([*small, f"train.group_by_length={value}"] for value in ("true", "false"))
        ratio(
            "train, rows grouped by length",
            lambda: fresh(grouped, "adapter", root),
            "rows at random",
            lambda: fresh(random, "adapter", root),
        )
        plain = [*small, "base.weights.quantisation.kind=none"]
        ratio(
            "train on the NF4 base",
            lambda: fresh(random, "adapter", root),
            "on the float32 base (LoRA)",
            lambda: fresh(plain, "adapter", root),
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
