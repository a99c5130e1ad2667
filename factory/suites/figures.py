"""A sitting in figures: scores with intervals over groups, effective rows, floors, pass@k, slices; and leads between two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import comb
from typing import Any

from factory import config
from factory.records import Score
from factory.rows import read_table
from factory.stats import Interval, mean_interval, paired_bootstrap, seen
from factory.store import Made


@dataclass(frozen=True)
class Scored:
    """A row that was asked and told: what it is resampled with, its slices, a Score per sample, and its floors' scores."""

    id: str
    group: str
    slices: Mapping[str, str]
    samples: Sequence[Score]
    floors: Mapping[str, float] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The mean score of its samples."""
        return sum(score.value for score in self.samples) / len(self.samples)

    def part(self, name: str) -> float | None:
        """The mean of a part of the score over the samples that have it."""
        found = [score.parts[name] for score in self.samples if name in score.parts]
        return sum(found) / len(found) if found else None

    def passed(self, k: int) -> float:
        """The chance that of k samples one is right, without bias (Chen et al. 2021: 1 - C(n-c, k) / C(n, k))."""
        n, right = len(self.samples), sum(score.value >= 1 for score in self.samples)
        return 1 - comb(n - right, k) / comb(n, k)


def figures(rows: Sequence[Scored], suite: config.Suite, seed: int) -> dict[str, Any]:
    """All figures of a sitting, and the main one again on every slice."""
    names = dict.fromkeys(name for row in rows for score in row.samples for name in score.parts)
    parts = {name: [(row, value) for row in rows if (value := row.part(name)) is not None] for name in names}
    labels = dict.fromkeys(name for row in rows for name in row.slices)
    return {
        **told(rows, suite, seed),
        "parts": {name: estimate(*zip(*pairs, strict=True), suite, seed) for name, pairs in parts.items()},
        "pass_at": {str(k): estimate(rows, [row.passed(k) for row in rows], suite, seed) for k in suite.pass_at},
        "slices": {
            label: {
                value: told([row for row in rows if row.slices.get(label) == value], suite, seed)
                for value in sorted({row.slices[label] for row in rows if label in row.slices})
            }
            for label in labels
        },
        "wrong_because": reasons(rows),
    }


def told(rows: Sequence[Scored], suite: config.Suite, seed: int) -> dict[str, Any]:
    """The main score of some rows, and of each floor the score and the lead over it on the same rows."""
    values = [row.value for row in rows]
    floors = dict.fromkeys(name for row in rows for name in row.floors)
    found = estimate(rows, values, suite, seed)
    leads = {name: [row.floors[name] for row in rows] for name in floors}
    return found | {
        "floors": {
            name: {"value": sum(floor) / len(floor), "lead": lead(rows, floor, values, suite, seed)}
            for name, floor in leads.items()
        }
    }


def estimate(rows: Sequence[Scored], values: Sequence[float], suite: config.Suite, seed: int) -> dict[str, Any]:
    """A mean with its interval over groups, and the rows, groups and effective rows behind it."""
    groups = [row.group for row in rows]
    if not rows:
        return {"rows": 0, "groups": 0, "effective_rows": 0.0, "value": None, "low": None, "high": None}
    size = effective(values, groups)
    about = {"rows": len(rows), "groups": len(set(groups)), "effective_rows": round(size, 1)}
    if set(values) in ({0.0}, {1.0}):
        return about | asdict(unanimous(values[0], size, suite.confidence))
    return about | asdict(mean_interval(values, groups, suite.bootstrap, suite.confidence, seed))


def unanimous(value: float, size: float, confidence: float) -> Interval:
    """The exact interval where all rows are right, or none is, which resampling would take for certain.

    Clopper and Pearson 1934: 0 of n says at most 1 - (alpha / 2)^(1 / n).
    """
    beyond = 1 - ((1 - confidence) / 2) ** (1 / size)
    return Interval(value, 0.0, beyond) if value == 0 else Interval(value, 1 - beyond, 1.0)


def effective(values: Sequence[float], groups: Sequence[str]) -> float:
    """The independent rows that would tell as much, by the correlation of rows of one group as seen.

    Where all scores are the same no correlation can be seen: the worst is assumed, that a group's rows are all one.
    """
    design = seen([0.0] * len(values), list(values), list(groups))
    return (design if design.spread else replace(design, correlation=1.0)).effective_rows


def lead(
    rows: Sequence[Scored], first: Sequence[float], second: Sequence[float], suite: config.Suite, seed: int
) -> dict[str, float]:
    """How far the second scores lie above the first, with the interval."""
    groups = [row.group for row in rows]
    return asdict(paired_bootstrap(first, second, groups, suite.bootstrap, suite.confidence, seed))


def reasons(rows: Sequence[Scored]) -> dict[str, int]:
    """How often answers are wrong for which kind of reason, most frequent first."""
    kinds = [
        score.reason.split(":")[0].split(" on copy")[0] for row in rows for score in row.samples if score.value < 1
    ]
    return {kind: count for kind, count in sorted(Counter(kinds).items(), key=lambda pair: (-pair[1], pair[0])) if kind}


def between(first: Made, second: Made, suite: config.Suite, seed: int) -> dict[str, float] | None:
    """How far the second sitting of a suite lies above the first, on the rows that both have a score for; None for no rows."""
    one, other = scores_of(first), scores_of(second)
    both = [name for name in one if name in other]
    if not both:
        return None
    values = ([side[name][1] for name in both] for side in (one, other))
    return asdict(paired_bootstrap(*values, [one[name][0] for name in both], suite.bootstrap, suite.confidence, seed))


def scores_of(sat: Made) -> dict[str, tuple[str, float]]:
    """Row to its group and the mean score of its samples."""
    found: dict[str, tuple[str, list[float]]] = {}
    for line in read_table(sat.file("answers.parquet"), ["id", "group", "score"]):
        if line["score"] is not None:
            found.setdefault(line["id"], (line["group"], []))[1].append(line["score"])
    return {name: (group, sum(values) / len(values)) for name, (group, values) in found.items()}
