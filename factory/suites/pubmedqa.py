"""PubMedQA: whether an abstract answers its question with yes, no or maybe; accuracy, and macro-F1 of all answers.

An answer counts by its first word. An abstract that is too long is told by its first paragraphs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from factory import config
from factory.rows import read_jsonl
from factory.suites import Graded, Row, each, right
from factory.text import words

VERSION = 1
ASKED = "answers"
LABELS = ("yes", "no", "maybe")
MOST = "the commonest answer"


def rows(place: Path, suite: config.Suite, specialist: Any, seed: int) -> list[Row]:
    """The questions, each a group of its own."""
    found = []
    for row in read_jsonl(place / str(suite.file)):
        prompt, gold = f"Question: {row['question']} Answer yes, no or maybe.", row["decision"]
        wrong = LABELS[(LABELS.index(gold) + 1) % len(LABELS)]
        found.append(Row(row["pmid"], row["pmid"], prompt, gold, wrong, {"gold": gold}, tuple(row["contexts"])))
    return found


def label(answer: str) -> str:
    """The label that an answer begins with, or nothing."""
    first = words(answer)[:1]
    return first[0] if first and first[0] in LABELS else ""


def grade(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> list[list[Graded]]:
    """1 where the label is the gold's."""
    return each(graded, rows, answers)


def graded(row: Row, answer: str) -> Graded:
    """One answer's score."""
    return right(row, label(answer) == row.gold, "another label" if label(answer) else "no label")


def floors(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The commonest label."""
    return {MOST: [str(Counter(row.gold for row in rows).most_common(1)[0][0])] * len(rows) if rows else []}


def survey(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> dict[str, float]:
    """The macro-F1 of the first samples over the three labels; no label is none of them."""
    from sklearn.metrics import f1_score

    said = [label(texts[0]) for texts in answers]
    golds = [str(row.gold) for row in rows]
    return {"macro F1": float(f1_score(golds, said, labels=LABELS, average="macro", zero_division=0.0))}
