"""Drops rows that the exam, or another evaluation set, has seen: a family of it, or too much of one of its texts.

Case and punctuation do not count. What it cannot see: a paraphrase, or the same row under other names, shares too few
n-grams with its original. That is why families, not rows, are held out (docs/decisions/filters.md has the figures).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from factory.config import Contamination
from factory.filters import Say
from factory.records import Example, Verdict
from factory.text import words

SET = "evaluation set"
"""How the family of a row begins that is of another set than the exam."""


def check(
    examples: Sequence[Example], settings: Contamination, exam: Sequence[Example], say: Say
) -> dict[str, Verdict]:
    """Rows of an exam family, and rows whose n-grams stand to at least `threshold` in one exam row."""
    families = {row.family for row in exam}
    holders: dict[str, list[int]] = {}
    for number, row in enumerate(exam):
        for gram in ngrams(row, settings.ngram):
            holders.setdefault(gram, []).append(number)
    dropped = {}
    for example in examples:
        if example.family in families:
            dropped[example.id] = Verdict.drop("family of the exam")
            continue
        share, number = overlap(ngrams(example, settings.ngram), holders)
        if share >= settings.threshold:
            of = exam[number].family if exam[number].family.startswith(SET) else "exam"
            dropped[example.id] = Verdict.drop(f"text of the {of}", round(share, 4))
    return dropped


def ngrams(example: Example, size: int) -> set[str]:
    """The word n-grams of prompt and answer; a shorter text is one gram."""
    said = words(f"{example.prompt}\n{example.answer}")
    return {" ".join(said[i : i + size]) for i in range(max(1, len(said) - size + 1))}


def overlap(grams: set[str], holders: dict[str, list[int]]) -> tuple[float, int]:
    """The largest share of the grams that one exam row holds, and which."""
    counts = Counter(row for gram in grams for row in holders.get(gram, ()))
    row, most = max(counts.items(), key=lambda pair: (pair[1], -pair[0]), default=(-1, 0))
    return most / len(grams), row
