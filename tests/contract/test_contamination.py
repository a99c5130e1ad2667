"""The exam's rows are found in every disguise that the page says, and honest rows are let through."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest

from factory.config import load
from factory.records import Example
from factory.rows import read_examples, write_examples
from factory.specialist import find
from factory.stages.filter import filter as filter_stage
from factory.store import Source
from tests.contract.check_contamination import STATES, TEXTS, both, drawn, dropped, planted

NAMES = ("sql", "medical", "creative")
LEAST = dict.fromkeys(TEXTS, 1.0) | {"1 word in 10": 0.95} | dict.fromkeys(STATES, 1.0)
"""Share of the exam's rows that must be found; of creative's plans those have no shape that ask for next to nothing."""


@cache
def honest(name: str) -> list[Example]:
    return list(drawn(find(name), 300))


@pytest.mark.parametrize("kind", LEAST)
@pytest.mark.parametrize("name", NAMES)
def test_an_exam_row_in_disguise_is_found(name: str, kind: str) -> None:
    task = find(name)
    rows = list(planted(task, kind))
    if (name, kind) == ("creative", "names, order and values changed"):
        assert not rows
        return
    by_words, by_all = both(task, rows)
    assert len(rows) > 300
    assert by_all >= (0.85 if (name, kind) == ("creative", "all names changed") else LEAST[kind])
    assert kind in STATES or by_words >= LEAST[kind]


@pytest.mark.parametrize("name", NAMES)
def test_training_rows_are_far_from_the_exam(name: str) -> None:
    """By words, none shares 0.35; by marks, 7 in 3,000 of SQL have the shape of an exam row, of the others none."""
    settings = load([]).filter["contamination"]
    strict = settings.model_copy(update={"threshold": 0.35, "marks": False})
    assert not dropped(find(name), honest(name), strict)
    assert dropped(find(name), honest(name), settings).total() <= 0.01 * len(honest(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_stage_reads_the_states_and_drops_by_marks(name: str, tmp_path: Path) -> None:
    """Three honest rows stay, three rows of the exam under other names go; with marks off all six stay."""
    task, asked = find(name), load([f"specialist={name}", "filter.contamination.budget=1"])
    leaks = [replace(row, tags={"balance": row.id}) for row in islice(planted(task, "all names changed"), 3)]
    rows = [*honest(name)[:3], *leaks]
    write_examples(tmp_path / "examples.parquet", rows)
    made, exam = SimpleNamespace(file=lambda file: tmp_path / file), Source(task.exam, "")
    for marks, kept in ((True, rows[:3]), (False, rows)):
        only = {"contamination": asked.filter["contamination"].model_copy(update={"marks": marks})}
        table = only | {"split": asked.filter["split"]}
        counts = filter_stage(made, exam, None, asked.specialist, table, out=tmp_path, events=print)
        assert counts["dropped_by"] == ({"contamination: shape of the exam": 3} if marks else {})
        assert [row.id for row in read_examples(tmp_path / "kept.parquet")] == [row.id for row in kept]
