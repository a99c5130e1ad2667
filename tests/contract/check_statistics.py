"""Intervals, power and the gate against simulated exams whose truth is known:

python tests/contract/check_statistics.py 1000
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from factory.stats import mean_interval, over_seeds, paired_bootstrap, seen

CONFIDENCE, POWER = 0.95, 0.8
RESAMPLES = 2000


@dataclass(frozen=True)
class World:
    """An exam without end: the rows of its families, how often base and adapter are right, how alike a family's rows are.

    Families differ in both rates (beta distributed, with that correlation), and half of the luck of a row is shared by base
    and adapter. `graded`: a score is a beta of the same mean, not right or wrong.
    """

    name: str
    sizes: Sequence[int]
    base: float
    adapter: float
    alike: float
    graded: bool = False

    def sat(self, rng: np.random.Generator) -> tuple[list[float], list[float], list[str]]:
        """One exam drawn from it: both scores of every row, and its family."""
        place = np.repeat(np.arange(len(self.sizes)), self.sizes)
        base, adapter = (self.rates(mean, rng)[place] for mean in (self.base, self.adapter))
        if self.graded:
            first, second = (rng.beta(2 * rate, 2 * (1 - rate)) for rate in (base, adapter))
        else:
            luck = rng.random(len(place))
            other = np.where(rng.random(len(place)) < 0.5, luck, rng.random(len(place)))
            first, second = (luck < base).astype(float), (other < adapter).astype(float)
        return first.tolist(), second.tolist(), place.astype(str).tolist()

    def rates(self, mean: float, rng: np.random.Generator) -> np.ndarray:
        """The rate of every family."""
        if not self.alike or mean in (0, 1):
            return np.full(len(self.sizes), float(mean))
        strength = (1 - self.alike) / self.alike
        return np.clip(rng.beta(mean * strength, (1 - mean) * strength, len(self.sizes)), 1e-6, 1 - 1e-6)


@dataclass(frozen=True)
class Reruns:
    """A recipe on an exam, run with several seeds: the adapter's rates move by `spread` from seed to seed, all alike.

    The base is one for all seeds, and so is a row's luck, but for a share `own` of rows whose luck is the seed's.
    """

    world: World
    seeds: int
    spread: float
    own: float = 0.3

    def sat(self, rng: np.random.Generator) -> tuple[list[list[float]], list[list[str]]]:
        """The gains of every seed on one exam drawn from it, and the families."""
        world = self.world
        place = np.repeat(np.arange(len(world.sizes)), world.sizes)
        base, adapter = (world.rates(mean, rng)[place] for mean in (world.base, world.adapter))
        shared, luck = rng.random((2, len(place)))
        found = []
        for moved in rng.normal(0, self.spread, self.seeds):
            theirs = np.where(rng.random(len(place)) < self.own, rng.random(len(place)), luck)
            found.append(((theirs < adapter + moved).astype(float) - (shared < base)).tolist())
        return found, [place.astype(str).tolist()] * self.seeds


def sizes() -> dict[str, list[int]]:
    """Rows per family: thirty families of ten, and the shipped exams."""
    from factory.rows import read_exam
    from factory.specialist import find

    return {"30 of 10": [10] * 30} | {
        name: sorted(Counter(row.family for row in read_exam(find(name).exam)).values())
        for name in ("sql", "medical", "creative")
    }


def worlds() -> Iterator[World]:
    """Every exam with: no difference, gains like those of the README, scores that are graded, and gains too rare to see."""
    for name, rows in sizes().items():
        yield World(f"{name}: 20 % and 20 %", rows, 0.2, 0.2, 0.3)
        yield World(f"{name}: 50 % and 60 %, rows alone", rows, 0.5, 0.6, 0.0)
        yield World(f"{name}: 20 % and 35 %", rows, 0.2, 0.35, 0.1)
        yield World(f"{name}: 7 % and 43 %, graded", rows, 0.07, 0.43, 0.05, graded=True)
        yield World(f"{name}: 2 % and 2 %", rows, 0.02, 0.02, 0.02)
        yield World(f"{name}: 0 % and 2 %", rows, 0.0, 0.02, 0.02)


def coverage(world: World, exams: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The share of intervals that hold the truth, and of those that lie above it: what would promote by chance."""
    rng, inside, above, truth = np.random.default_rng(11), 0, 0, world.adapter - world.base
    for exam in range(exams):
        found = paired_bootstrap(*world.sat(rng), resamples, CONFIDENCE, exam)
        inside += found.low <= truth <= found.high
        above += found.low > truth
    return inside / exams, above / exams


def coverage_over_seeds(reruns: Reruns, exams: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The share of intervals over seeds that hold the truth, and of those of one seed's report."""
    rng, inside, alone, truth = np.random.default_rng(13), 0, 0, reruns.world.adapter - reruns.world.base
    for exam in range(exams):
        gains, families = reruns.sat(rng)
        found = over_seeds(gains, families, resamples, CONFIDENCE, exam)
        one = mean_interval(gains[0], families[0], resamples, CONFIDENCE, exam)
        inside += found.low <= truth <= found.high
        alone += one.low <= truth <= one.high
    return inside / exams, alone / exams


def power(world: World, exams: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The smallest detectable difference as foretold from one large null exam, and how often such a one is seen."""
    rng = np.random.default_rng(12)
    large = replace(world, sizes=list(world.sizes) * 40)
    design = replace(seen(*large.sat(rng)).of(len(world.sizes)), rows=sum(world.sizes))
    least = design.detectable(CONFIDENCE, POWER)
    better = replace(world, adapter=world.base + least)
    hits = [paired_bootstrap(*better.sat(rng), resamples, CONFIDENCE, exam).low > 0 for exam in range(exams)]
    return least, sum(hits) / exams


def main(words: list[str]) -> int:
    """Prints coverage of every world and the power of every exam; 1 where an interval covers less than 90 % that should 95."""
    exams, low, started = int(words[0]) if words else 1000, 0, time.process_time()
    for world in worlds():
        inside, above = coverage(world, exams)
        low += inside < 0.9 and world.base > 0
        print(f"{world.name:40} covered {inside:6.1%}, above the truth {above:5.1%}", flush=True)
    for name, rows in sizes().items():
        least, hit = power(World(name, rows, 0.3, 0.3, 0.05), exams)
        print(f"{name:40} {100 * least:.1f} points should be seen in {POWER:.0%}, are in {hit:.1%}", flush=True)
    for name, seeds, spread in product(("30 of 10", "sql", "medical"), (2, 3, 5), (0.0, 0.02, 0.05, 0.1)):
        reruns = Reruns(World(name, sizes()[name], 0.2, 0.35, 0.1), seeds, spread)
        inside, alone = coverage_over_seeds(reruns, exams)
        low += inside < 0.9
        what = f"{name}: {seeds} seeds, {100 * spread:g} points apart"
        print(f"{what:40} covered {inside:6.1%}, by one seed's report {alone:6.1%}", flush=True)
    print(f"{time.process_time() - started:.0f} CPU-seconds")
    return int(low > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
