"""What a judge's verdicts come to, and what they are worth: plain numbers of plain words, nothing is asked here.

A verdict is A, B or a tie. Every pair is judged in both orders; one whose verdict changes with the order is undecided, and
counts as half a win like a tie (Zheng et al. 2023, MT-bench). All intervals resample whole families.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from factory.stats import Interval, bootstrap, mean_interval

A, B, TIE, UNDECIDED = "A", "B", "tie", "undecided"
WORDS = (A, B, TIE)
POINTS = {A: 1.0, B: 0.0, TIE: 0.5, UNDECIDED: 0.5}
STEPS, CLOSE = 50, 1e-9
"""Of Newton's method: at most so many, until a step is so small."""
How = tuple[int, float, int]
"""Resamples, confidence and seed of the intervals."""


def decided(orders: tuple[str, str]) -> str:
    """What the verdicts in both orders come to: what they agree on, or undecided."""
    return orders[0] if orders[0] == orders[1] else UNDECIDED


def preferred(first: float, second: float) -> str:
    """Which of two scores is higher."""
    return A if first > second else B if second > first else TIE


def win_rate(verdicts: Sequence[str], families: Sequence[str], how: How) -> Interval:
    """The share of pairs that A wins; half of those that nobody does."""
    return mean_interval([POINTS[word] for word in verdicts], families, *how)


@dataclass(frozen=True)
class Position:
    """How far verdicts hang on the order: of `pairs`, those with another verdict in the other order, and what leans where.

    `first` and `second` are the flips that name the same place both times; the rest of them is half a tie. `share` is that
    of the first place among all verdicts that name one: a judge that ignores the order has half. None where none names one.
    """

    pairs: int
    flips: int
    first: int
    second: int
    share: Interval | None

    @property
    def leans(self) -> str:
        """To which place: where the interval of its share does not hold a half."""
        if self.share is None or self.share.low <= 0.5 <= self.share.high:
            return "neither"
        return "first" if self.share.low > 0.5 else "second"


def position(orders: Sequence[tuple[str, str]], families: Sequence[str], how: How) -> Position:
    """Of verdicts with A told first and with B told first."""
    named = [
        (float(word == told_first), family)
        for pair, family in zip(orders, families, strict=True)
        for word, told_first in zip(pair, (A, B), strict=True)
        if word != TIE
    ]
    share = mean_interval(*map(list, zip(*named, strict=True)), *how) if named else None
    return Position(
        pairs=len(orders),
        flips=sum(decided(pair) == UNDECIDED for pair in orders),
        first=orders.count((A, B)),
        second=orders.count((B, A)),
        share=share,
    )


def at_equal_length(
    verdicts: Sequence[str], lengths: Sequence[tuple[int, int]], families: Sequence[str], how: How
) -> Interval:
    """The win rate of A if both answers were as long, as length-controlled AlpacaEval has it (Dubois et al. 2024).

    A logistic regression of the verdict on tanh(difference in characters / its standard deviation), read where the
    difference is 0. Their term of a prompt's difficulty needs many models beside each other, and is left out.
    """
    gaps = np.array([a - b for a, b in lengths], float)
    gaps = np.tanh(gaps / (gaps.std() or 1.0))
    points = np.array([POINTS[word] for word in verdicts])
    odds = bootstrap(lambda weights: log_odds(gaps, points, weights), families, *how)
    return Interval(*(float(share(one)) for one in (odds.value, odds.low, odds.high)))


@dataclass(frozen=True)
class Longer:
    """The decided pairs of unequal length, and the share of them that goes to the longer answer."""

    pairs: int
    share: Interval | None


def longer(verdicts: Sequence[str], lengths: Sequence[tuple[int, int]], families: Sequence[str], how: How) -> Longer:
    """Whether the longer answer wins."""
    wins = [
        (float((word == A) == (a > b)), family)
        for word, (a, b), family in zip(verdicts, lengths, families, strict=True)
        if a != b and word in (A, B)
    ]
    return Longer(len(wins), mean_interval(*map(list, zip(*wins, strict=True)), *how) if wins else None)


def log_odds(gaps: np.ndarray, points: np.ndarray, weights: np.ndarray) -> float:
    """The log-odds of a win where the gap is 0, by Newton's method.

    The slope has a penalty of half its square; one tie without a gap is added, so that 20 wins of 20 are not for certain.
    """
    gaps, points, weights = np.append(gaps, 0.0), np.append(points, 0.5), np.append(weights, 1.0)
    level, slope = 0.0, 0.0
    for _ in range(STEPS):
        chance = share(level + slope * gaps)
        left, curve = weights * (points - chance), weights * chance * (1 - chance)
        up = np.array([left.sum(), left @ gaps - slope])
        bend = np.array([[curve.sum(), curve @ gaps], [curve @ gaps, curve @ gaps**2 + 1.0]])
        step = np.linalg.solve(bend, up)
        level, slope = level + step[0], slope + step[1]
        if abs(step).max() < CLOSE:
            break
    return float(level)


def share(odds: float | np.ndarray) -> float | np.ndarray:
    """Log-odds as a share."""
    return 1 / (1 + np.exp(-odds))


@dataclass(frozen=True)
class Agreement:
    """A judge beside somebody who knows: the pairs that both judged, and those of them of which one answer is known to be better.

    `right` is the share of these in which the judge prefers that one. `kappa` is Cohen's (1960) over A, B and tie, where
    undecided counts as a tie; None where all that is known is one word. `table` counts by what is known, then by the verdict.
    """

    pairs: int
    differ: int
    families: int
    right: Interval | None
    kappa: Interval | None
    table: Mapping[str, Mapping[str, int]]

    def lacks(self, least: int) -> str:
        """Why it cannot tell anything; nothing where it can."""
        if self.differ < least:
            return f"it is known of {self.differ} pairs which answer is better, {least} are wanted"
        if self.families < 2:
            return "all pairs are of one family"
        return "" if self.kappa else "all that is known is one word, which any judge may guess"


def agreement(known: Sequence[str], verdicts: Sequence[str], families: Sequence[str], how: How) -> Agreement:
    """Of what is known (A, B, tie) and the judge's verdicts on the same pairs."""
    differ = [place for place, word in enumerate(known) if word != TIE]
    hits = [float(verdicts[place] == known[place]) for place in differ]
    theirs = [families[place] for place in differ]
    rows = np.array([WORDS.index(word) for word in known], int)
    columns = np.array([WORDS.index(TIE if word == UNDECIDED else word) for word in verdicts], int)

    def of(weights: np.ndarray) -> float:
        return kappa(np.bincount(3 * rows + columns, weights, 9).reshape(3, 3))

    return Agreement(
        pairs=len(known),
        differ=len(differ),
        families=len(set(theirs)),
        right=mean_interval(hits, theirs, *how) if differ else None,
        kappa=within(bootstrap(of, families, *how)) if len(set(known)) > 1 else None,
        table={
            word: {said: list(zip(known, verdicts, strict=True)).count((word, said)) for said in (*WORDS, UNDECIDED)}
            for word in WORDS
        },
    )


def kappa(table: np.ndarray) -> float:
    """Cohen's kappa of a square table of counts; 0 where both say one and the same word always, which is no agreement yet."""
    total = table.sum()
    seen, chance = np.trace(table) / total, table.sum(0) @ table.sum(1) / total**2
    return 0.0 if chance > 1 - CLOSE else float((seen - chance) / (1 - chance))


def within(found: Interval) -> Interval:
    """A kappa's interval, held within -1 and 1."""
    return Interval(found.value, max(-1.0, found.low), min(1.0, found.high))


def silent(found: Mapping[str, Agreement], least: int) -> list[str]:
    """Why this judge says nothing here; empty where it may be heard.

    It may where some that know have enough pairs, and it agrees above chance with all of those that have.
    """
    lacking = {name: one.lacks(least) for name, one in found.items()}
    able = {name: one for name, one in found.items() if not lacking[name]}
    if not able:
        return [f"{name}: {why}" for name, why in lacking.items()]
    return [
        f"{name}: kappa {one.kappa.value:.2f} [{one.kappa.low:.2f}, {one.kappa.high:.2f}] is not above chance"
        for name, one in able.items()
        if one.kappa and one.kappa.low <= 0
    ]
