"""Scores of several arms on the same rows, as lines of a table: score, interval, the trivial floor, and whether it is beaten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from factory.stats import Interval, mean_interval, paired_bootstrap

RESAMPLES, CONFIDENCE, SEED = 2000, 0.95, 0
ALL = "all"


@dataclass(frozen=True)
class Scored:
    """One row of a set: the score of each arm, what it is resampled with, and the slices it belongs to."""

    id: str
    group: str
    scores: dict[str, float]
    slices: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One arm on one slice. `lead` is its score minus the floor's on the same rows."""

    what: str
    slice: str
    arm: str
    rows: int
    score: Interval
    floor: float
    lead: Interval

    @property
    def beaten(self) -> bool:
        """Whether the arm is above the floor beyond the interval."""
        return self.lead.low > 0

    def plain(self) -> dict[str, object]:
        """The line as plain data."""
        return asdict(self) | {"beaten": self.beaten}


def lines(what: str, rows: Sequence[Scored], floor: str, arms: Sequence[str]) -> Iterator[Line]:
    """All arms on all rows, then on every slice; `floor` is the name of the arm that is to be beaten."""
    yield from lines_of(what, ALL, rows, floor, arms)
    for name in dict.fromkeys(name for row in rows for name in row.slices):
        for value in sorted({row.slices[name] for row in rows}):
            part = [row for row in rows if row.slices[name] == value]
            yield from lines_of(what, f"{name}: {value}", part, floor, arms)


def lines_of(what: str, part: str, rows: Sequence[Scored], floor: str, arms: Sequence[str]) -> Iterator[Line]:
    """All arms on some rows."""
    groups, trivial = [row.group for row in rows], [row.scores[floor] for row in rows]
    for arm in arms:
        own = [row.scores[arm] for row in rows]
        score = mean_interval(own, groups, RESAMPLES, CONFIDENCE, SEED)
        lead = paired_bootstrap(trivial, own, groups, RESAMPLES, CONFIDENCE, SEED)
        yield Line(what, part, arm, len(rows), score, sum(trivial) / len(trivial), lead)
