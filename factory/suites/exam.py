"""The specialist's own frozen exam, asked and graded as `factory evaluate` does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from factory import config
from factory.errors import Mistake
from factory.records import Example
from factory.rows import read_exam
from factory.specialist import find
from factory.suites import Graded, Row

VERSION = 1
ASKED = "answers"
OF_SPECIALIST = True
WRONG = "-"
"""An answer that is none of any specialist's."""


def files(suite: config.Suite, specialist: config.Specialist) -> list[str]:
    """The exam, by its whole path."""
    path = find(specialist.name).exam.resolve()
    if not path.exists():
        raise Mistake(str(path), "the specialist has no exam", f"make it: factory exam specialist={specialist.name}")
    return [str(path)]


def rows(place: Path, suite: config.Suite, specialist: config.Specialist, seed: int) -> list[Row]:
    """Its rows, resampled by family."""
    return as_rows(read_exam(find(specialist.name).exam), specialist)


def as_rows(examples: Iterable[Example], specialist: config.Specialist) -> list[Row]:
    """Examples as rows of a suite, with their tags as slices."""
    task = find(specialist.name)
    return [
        Row(
            one.id,
            one.family,
            one.prompt,
            one.answer,
            WRONG,
            {name: value for name, value in one.tags.items() if name != "balance"},
            chat=one.messages,
            about=(task, one),
        )
        for one in examples
    ]


def grade(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> list[list[Graded]]:
    """By the specialist's own verifier."""
    graded: list[list[Graded]] = []
    for row, texts in zip(rows, answers, strict=True):
        task, example = row.about
        graded.append(list(task.grade(example, texts)))
    return graded


def floors(rows: Sequence[Any]) -> dict[str, list[str]]:
    """None: `factory compare` has what else could have answered an exam."""
    return {}
