"""Intervals, tests and power for paired scores: the same rows, answered twice.

Rows of one family (a schema, a complaint, a plan) are not independent, so everything here counts families, not rows; only
McNemar's test takes rows as they are. What was measured of it: docs/decisions/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

MOST = 10**6
"""Families from which nobody is told how many would be enough."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval."""

    value: float
    low: float
    high: float


def paired_bootstrap(
    first: Sequence[float], second: Sequence[float], groups: Sequence[str], resamples: int, confidence: float, seed: int
) -> Interval:
    """Mean of `second - first` with a percentile interval from resampling whole groups, widened for few groups.

    Groups are drawn, not rows, and each weighs by its rows (Davison and Hinkley 1997, 3.8). With n groups the plain
    percentiles are too near: resampled means spread by sqrt((n-1)/n) too little, and as a normal, not as Student's t
    (Hesterberg 2015, 4.1). Both factors move the ends away from the mean, never beyond what a row can differ by as seen.
    One group has no spread that could be seen: an interval without width.
    """
    gains = differences(first, second)
    sums, sizes = by_group(gains, groups)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (resamples, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    ends = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    value = float(sums.sum() / sizes.sum())
    low, high = np.clip(value + widened(len(sums), confidence) * (ends - value), gains.min(), gains.max())
    return Interval(value, float(low), float(high))


def differences(first: Sequence[float], second: Sequence[float]) -> np.ndarray:
    """`second - first`, row by row."""
    return np.array([b - a for a, b in zip(first, second, strict=True)], float)


def by_group(gains: np.ndarray, groups: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the rows of every group, in the order of their names."""
    names, place = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(place) != len(gains):
        raise ValueError(f"{len(gains)} scores and {len(place)} groups: every argument is one per row")
    return np.bincount(place, gains, len(names)), np.bincount(place, minlength=len(names)).astype(float)


def widened(groups: int, confidence: float) -> float:
    """How much farther the ends of a percentile interval lie for so few groups: 1.29 for 8 at 95 %, 1.05 for 34."""
    from scipy.special import ndtri, stdtrit

    if groups < 2:
        return 1.0
    level = (1 + confidence) / 2
    return float(stdtrit(groups - 1, level) / ndtri(level) * math.sqrt(groups / (groups - 1)))


def mean_interval(
    scores: Sequence[float], groups: Sequence[str], resamples: int, confidence: float, seed: int
) -> Interval:
    """The mean of scores with its interval over groups."""
    return paired_bootstrap([0.0] * len(scores), scores, groups, resamples, confidence, seed)


def bootstrap(
    statistic: Callable[[np.ndarray], float], groups: Sequence[str], resamples: int, confidence: float, seed: int
) -> Interval:
    """Any figure of rows with an interval as `paired_bootstrap` has it; `statistic` is given how often each row counts.

    The ends are not held within what the figure can be.
    """
    names, place = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    drawn = np.random.default_rng(seed).integers(0, len(names), (resamples, len(names)))
    value = statistic(np.ones(len(place)))
    seen = [statistic(np.bincount(one, minlength=len(names))[place].astype(float)) for one in drawn]
    ends = np.quantile(seen, [(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = value + widened(len(names), confidence) * (ends - value)
    return Interval(float(value), float(low), float(high))


def over_seeds(
    gains: Sequence[Sequence[float]], groups: Sequence[Sequence[str]], resamples: int, confidence: float, seed: int
) -> Interval:
    """The mean gain over seeds, each with the gains and groups of its rows, with an interval for another seed and other groups.

    How far the ends lie is what groups make of the mean over seeds (`paired_bootstrap`) and, squared and added, Student's t
    times the standard error of the seeds' means. Seeds are too few to be drawn: three of them cover 78 to 94 % where 95
    are said. What seeds and groups make together is in both parts, so it covers rather more. One seed has no spread.
    """
    flat, named = [gain for each in gains for gain in each], [group for each in groups for group in each]
    found = mean_interval(flat, named, resamples, confidence, seed)
    reach = t_of(len(gains), confidence) * deviation([float(np.mean(each)) for each in gains]) / math.sqrt(len(gains))
    ends = (
        found.value - math.hypot(found.value - found.low, reach),
        found.value + math.hypot(found.high - found.value, reach),
    )
    low, high = np.clip(ends, min(flat), max(flat))
    return Interval(found.value, float(low), float(high))


def t_of(number: int, confidence: float) -> float:
    """Student's t for the mean of so many: 4.30 for 3 at 95 %."""
    from scipy.special import stdtrit

    return float(stdtrit(number - 1, (1 + confidence) / 2)) if number > 1 else 0.0


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of what these are a sample of; 0 of one, which has none that could be seen."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


@dataclass(frozen=True)
class McNemar:
    """Rows only the second got right, rows only the first did, and the exact two-sided p-value."""

    gained: int
    lost: int
    p: float


def mcnemar(first: Sequence[float], second: Sequence[float]) -> McNemar:
    """McNemar's exact test on right (score 1) against not right (McNemar 1947; exact binomial form)."""
    from scipy.stats import binomtest

    pairs = [(a >= 1, b >= 1) for a, b in zip(first, second, strict=True)]
    gained, lost = sum(b and not a for a, b in pairs), sum(a and not b for a, b in pairs)
    return McNemar(gained, lost, float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0)


def sign_flips(
    first: Sequence[float], second: Sequence[float], groups: Sequence[str], resamples: int, seed: int
) -> float:
    """Two-sided p of no difference, for graded scores: the sum of the gains when whole groups change sides (Fisher 1935).

    Exact where all sides are no more than `resamples`; else over so many random ones, of which the seen one is counted as
    one more, so that p is never 0 (Phipson and Smyth 2010).
    """
    sums, _ = by_group(differences(first, second), groups)
    every = 2 ** len(sums) <= resamples
    if every:
        sides = (np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums))) & 1
    else:
        sides = np.random.default_rng(seed).integers(0, 2, (resamples, len(sums)))
    hits = int((abs((1 - 2 * sides) @ sums) >= abs(sums.sum()) - 1e-9).sum())
    return hits / len(sides) if every else (hits + 1) / (resamples + 1)


def shared(confidence: float, tries: int) -> float:
    """The confidence of each of so many intervals that all of them together have this one (Sidak 1967)."""
    return confidence ** (1 / tries)


@dataclass(frozen=True)
class Design:
    """What an exam can tell: its rows and families, and how rows' differences spread and resemble each other.

    `like`: the rows of a row's own family, itself counted, on the average over rows. `spread`: the standard deviation of a
    row's difference. `correlation`: of two rows of one family.
    """

    rows: int
    families: int
    like: float
    spread: float
    correlation: float

    @property
    def effective_rows(self) -> float:
        """The independent rows that would tell as much (Kish 1965: rows / (1 + (like - 1) correlation))."""
        return self.rows / (1 + (self.like - 1) * self.correlation)

    def detectable(self, confidence: float, power: float) -> float:
        """The smallest true difference that an interval of that confidence excludes zero for, with that power (Bloom 1995)."""
        from scipy.special import stdtrit

        if self.families < 2:
            return math.inf
        times = stdtrit(self.families - 1, (1 + confidence) / 2) + stdtrit(self.families - 1, power)
        return float(times * self.spread / math.sqrt(self.effective_rows))

    def of(self, families: int) -> Design:
        """The same kind of exam with another number of families."""
        return replace(self, families=families, rows=round(self.rows * families / self.families))

    def wanted(self, difference: float, confidence: float, power: float) -> Design | None:
        """The smallest exam of this kind that a difference would be seen on; None where no number of families would do."""
        low, high = 1, 2
        while self.of(high).detectable(confidence, power) > difference:
            low, high = high, 2 * high
            if high > MOST:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            enough = self.of(middle).detectable(confidence, power) <= difference
            low, high = (low, middle) if enough else (middle, high)
        return self.of(high)


def foreseen(groups: Sequence[str], spread: float, correlation: float) -> Design:
    """The design of an exam that nobody sat yet, under assumptions."""
    _, sizes = by_group(np.zeros(len(groups)), groups)
    return Design(len(groups), len(sizes), float((sizes**2).sum() / sizes.sum()), spread, correlation)


def seen(first: Sequence[float], second: Sequence[float], groups: Sequence[str]) -> Design:
    """The design of an exam as it was sat: the correlation by analysis of variance (Donner 1986), none where it is below 0."""
    gains = differences(first, second)
    sums, sizes = by_group(gains, groups)
    rows, families = len(gains), len(sizes)
    spread = float(gains.std(ddof=1)) if rows > 1 else 0.0
    if families < 2 or rows == families or not spread:
        return foreseen(groups, spread, 0.0)
    means = sums / sizes
    between = float((sizes * (means - gains.mean()) ** 2).sum()) / (families - 1)
    within = float((gains**2).sum() - (sizes * means**2).sum()) / (rows - families)
    usual = (rows - (sizes**2).sum() / rows) / (families - 1)
    return foreseen(groups, spread, max(0.0, float((between - within) / (between + (usual - 1) * within))))
