"""Whole gates of an adapter that is no better than its base: how many of them promote it by chance.

    python -m tests.contract.check_gate 1000
    python -m tests.contract.check_gate 1000 "sql: 20"      those worlds alone whose name begins so

Base and adapter have the same distribution of scores, families differ and their rows resemble each other. Everything else
about the version is in order, so that nothing but chance decides; what reads the same files for the same answer (the rows
that were trained on, held against the exam) is asked once, and then remembered.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
from scipy.stats import binomtest

from factory import gate
from factory.gate import Finding
from tests.contract.check_statistics import World, sizes
from tests.planted import ASKED, planted

ALLOWED = 0.05
"""The share of null adapters that may be promoted."""


def nulls() -> Iterator[World]:
    """Every shipped exam where nothing is gained: right or wrong in families that differ much, rare right answers, graded."""
    for name, rows in sizes().items():
        yield World(f"{name}: 20 % and 20 %, correlation 0.3", rows, 0.2, 0.2, 0.3)
        yield World(f"{name}: 2 % and 2 %", rows, 0.02, 0.02, 0.02)
        yield World(f"{name}: 43 % and 43 %, graded", rows, 0.43, 0.43, 0.05, graded=True)


def gates(world: World, count: int, seed: int = 13) -> Counter[str]:
    """What so many gates say, each of an exam of its own."""
    rng, said, known = np.random.default_rng(seed), Counter[str](), apart()
    with tempfile.TemporaryDirectory() as place, patch.object(gate, "apart", lambda *_: known):
        for _ in range(count):
            names = ("base_score", "adapter_score", "family")
            three = zip(*world.sat(rng), strict=True)
            rows = [{"id": str(i)} | dict(zip(names, one, strict=True)) for i, one in enumerate(three)]
            said[gate.gate(planted(Path(place), rows), ASKED).word] += 1
    return said


@cache
def apart() -> list[Finding]:
    """What the gate finds about the rows that were trained on: the same ones in every gate."""
    with tempfile.TemporaryDirectory() as place:
        return list(gate.apart(planted(Path(place)), ASKED))


def promoted(said: Counter[str]) -> tuple[float, float, float]:
    """The share that is promoted, with its exact 95 % interval (Clopper and Pearson 1934)."""
    found = binomtest(said["PROMOTE"], said.total())
    interval = found.proportion_ci(0.95, method="exact")
    return said["PROMOTE"] / said.total(), float(interval.low), float(interval.high)


def main(words: list[str]) -> int:
    """Prints the share of every world; 1 where one is above what is allowed, beyond chance."""
    count, started, above = int(words[0]) if words else 1000, time.process_time(), 0
    for world in nulls():
        if not world.name.startswith(words[1] if len(words) > 1 else ""):
            continue
        said = gates(world, count)
        share, low, high = promoted(said)
        above += low > ALLOWED
        print(f"{world.name:45} promoted {share:.1%} [{low:.1%}, {high:.1%}]  {dict(said)}", flush=True)
    print(f"{time.process_time() - started:.0f} CPU-seconds")
    return int(above > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
