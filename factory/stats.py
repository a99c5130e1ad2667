"""Intervals and tests for paired scores: the same rows, answered twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval."""

    value: float
    low: float
    high: float


def paired_bootstrap(
    first: Sequence[float], second: Sequence[float], groups: Sequence[str], resamples: int, confidence: float, seed: int
) -> Interval:
    """Mean of `second - first` with a percentile interval from resampling whole groups (Davison and Hinkley 1997, 3.8).

    Rows of one group (a schema family) are not independent, so groups are drawn, not rows; each group weighs by its rows.
    """
    names = sorted(set(groups))
    place = {name: i for i, name in enumerate(names)}
    sums, sizes = np.zeros(len(names)), np.zeros(len(names))
    for a, b, group in zip(first, second, groups, strict=True):
        sums[place[group]] += b - a
        sizes[place[group]] += 1
    drawn = np.random.default_rng(seed).integers(0, len(names), (resamples, len(names)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(sums.sum() / sizes.sum()), float(low), float(high))


def mean_interval(
    scores: Sequence[float], groups: Sequence[str], resamples: int, confidence: float, seed: int
) -> Interval:
    """The mean of scores with its interval over groups."""
    return paired_bootstrap([0.0] * len(scores), scores, groups, resamples, confidence, seed)


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
