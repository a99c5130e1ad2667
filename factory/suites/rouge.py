"""ROUGE (Lin 2004) as rouge-score has it, the figures that papers print; a line is a sentence to ROUGE-Lsum."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from factory import config
from factory.records import Score
from factory.suites import Graded, Row, each

FIGURES = {"rouge 1": "rouge1", "rouge 2": "rouge2", "rouge L": "rougeL", "rouge Lsum": "rougeLsum"}
WRONG = "qqqq"
"""A word of no gold."""


@cache
def scorer(stemmed: bool) -> Any:
    """The library's scorer; it takes a second to import."""
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(FIGURES.values()), use_stemmer=stemmed)


def rouge(gold: str, answer: str, stemmed: bool) -> dict[str, float]:
    """The F1 of ROUGE-1, -2, -L and -Lsum."""
    found = scorer(stemmed).score(gold, answer)
    return {name: float(found[key].fmeasure) for name, key in FIGURES.items()}


def grade(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> list[list[Graded]]:
    """ROUGE-Lsum as the score, all four as its parts; `about` says whether stems are compared."""
    return each(graded, rows, answers)


def graded(row: Row, answer: str) -> Score:
    """The Score of one answer."""
    parts = rouge(str(row.gold), answer, row.about)
    value = min(1.0, parts["rouge Lsum"])
    return Score(value, "" if value >= 1 else "other words", parts)


def text_row(suite: config.Suite, name: str, gold: str, prompt: str, turns: Sequence[str] = (), **slices: str) -> Row:
    """A row that asks for a text; each is a group of its own."""
    return Row(name, name, prompt, gold, WRONG, slices, tuple(turns), about=suite.stemmed)
