"""What the seed does: the reports of configurations that differ by nothing else, summed up, a line per setting.

The seed reaches the rows that are drawn, their order in training, and the adapter's first weights; of the exam only which
rows are asked where `evaluate.rows` takes some. The base's answers hang on no seed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from factory import pipeline
from factory.config import Config
from factory.rows import read_table
from factory.stats import Interval, deviation, over_seeds, shared

SEED = re.compile(r"\+{0,2}seed=")
HEADS = ("setting", "seeds", "score", "deviation", "range", "base", "over the base", "over the first")
"""Columns of the table."""
Answers = dict[str, Mapping[str, Any]]
"""The rows of a report by id."""


@dataclass(frozen=True)
class Setting:
    """Configurations that differ by the seed alone: their common words, one of them, and the answers by seed.

    `lacking` are the seeds of which there is no report.
    """

    words: tuple[str, ...]
    asked: Config
    answers: Mapping[int, Answers] = field(repr=False)
    exam: str
    lacking: Sequence[int] = ()

    def scores(self, who: str) -> list[float]:
        """The mean score of `base` or `adapter` by seed."""
        return [sum(row[f"{who}_score"] for row in rows.values()) / len(rows) for rows in self.answers.values()]

    @property
    def same(self) -> bool:
        """Whether all seeds answered the same rows."""
        return len({frozenset(rows) for rows in self.answers.values()}) == 1


def settings(points: Sequence[Sequence[str]], asked: Sequence[Config]) -> list[Setting]:
    """The points of a sweep by setting; nothing where no two of them differ by the seed alone."""
    grouped: dict[tuple[str, ...], dict[int, Config]] = {}
    for point, one in zip(points, asked, strict=True):
        grouped.setdefault(tuple(word for word in point if not SEED.match(word)), {})[one.seed] = one
    if all(len(each) < 2 for each in grouped.values()):
        return []
    return [setting(words, each) for words, each in grouped.items()]


def setting(words: tuple[str, ...], asked: Mapping[int, Config]) -> Setting:
    """One setting with the reports that there are."""
    made = {seed: list(pipeline.steps(one, "report"))[-1].made for seed, one in asked.items()}
    there = {seed: one for seed, one in made.items() if one.complete}
    answers = {seed: {row["id"]: row for row in read_table(one.file("answers.parquet"))} for seed, one in there.items()}
    exams = [json.loads(one.file("report.json").read_text())["exam"] for one in there.values()]
    lacking = [seed for seed in made if seed not in there]
    return Setting(words, next(iter(asked.values())), answers, exams[0] if exams else "", lacking)


def over_base(one: Setting) -> Interval:
    """The adapters' lead over the base, with an interval for another seed and other families."""
    gains = [[row["adapter_score"] - row["base_score"] for row in rows.values()] for rows in one.answers.values()]
    families = [[row["family"] for row in rows.values()] for rows in one.answers.values()]
    return over_seeds(gains, families, *how(one, one.asked.evaluate.confidence))


def over_another(first: Setting, second: Setting, pairs: int) -> Interval | None:
    """By how much the second scores more than the first, seed by seed on the rows that both sat; None where there are none.

    The confidence is that of one of so many pairs, which together have that of the report.
    """
    gains, families = [], []
    for seed in first.answers.keys() & second.answers.keys():
        a, b = first.answers[seed], second.answers[seed]
        ids = [name for name in a if name in b]
        gains += [[b[name]["adapter_score"] - a[name]["adapter_score"] for name in ids]] if ids else []
        families += [[a[name]["family"] for name in ids]] if ids else []
    if not gains:
        return None
    return over_seeds(gains, families, *how(first, shared(first.asked.evaluate.confidence, pairs)))


def how(one: Setting, confidence: float) -> tuple[int, float, int]:
    """Resamples, confidence and seed of an interval."""
    return one.asked.evaluate.bootstrap, confidence, 0


def lines(found: Sequence[Setting]) -> Iterator[tuple[str, ...]]:
    """A line of the table per setting with a report; `over the first` is over the first that sat the same exam."""
    there = [one for one in found if one.answers]
    for one in there:
        score, base = one.scores("adapter"), one.scores("base")
        alike = [other for other in there if other.exam == one.exam]
        over = "" if one is alike[0] else lead(over_another(alike[0], one, len(alike) - 1))
        yield (
            name(one, found),
            str(len(score)),
            f"{sum(score) / len(score):.1%}",
            f"{100 * deviation(score):.1f}" if len(score) > 1 else "-",
            f"{min(score):.1%} to {max(score):.1%}",
            f"{sum(base) / len(base):.1%}",
            lead(over_base(one)),
            over,
        )


def name(one: Setting, found: Sequence[Setting]) -> str:
    """The words of a setting that not all have."""
    return " ".join(word for word in one.words if any(word not in other.words for other in found)) or "as configured"


def lead(found: Interval | None) -> str:
    """A difference in points with its interval."""
    if found is None:
        return "no row in common"
    return f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"


def notes(found: Sequence[Setting]) -> Iterator[str]:
    """What a reader must know of the table."""
    there = [one for one in found if one.answers]
    if there:
        yield "the seed draws the training rows, their order and the adapter's first weights"
        yield "an interval holds what another seed and other families could have made of it; of one seed families alone"
    apart = [one for one in there if not one.same]
    if apart:
        rows = apart[0].asked.evaluate.rows
        yield f"the rows of the exam are others for each seed (evaluate.rows={rows}), which is in the deviation too"
    elif there:
        rows = " or ".join(dict.fromkeys(str(len(next(iter(one.answers.values())))) for one in there))
        yield f"the {rows} rows of the exam are the same for every seed"
    if max(Counter(one.exam for one in there).values(), default=0) > 2:
        yield "the intervals over the first setting are wider for their number, those over the base are not"
    for one in found:
        if one.lacking:
            yield f"{name(one, found)}: no report of seed {', '.join(map(str, one.lacking))}"
