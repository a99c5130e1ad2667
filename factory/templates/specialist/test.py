"""What the NAME specialist owes. Run it with `python -m pytest`."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel

from factory.config import load
from factory.errors import ConfigMistake
from factory.records import Example
from factory.rows import read_exam
from factory.specialist import Inapplicable, Specialist, find


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Specialist:
    """The specialist, found as the factory finds it."""
    monkeypatch.chdir(Path(__file__).parent.parent)
    return find("NAME")


@pytest.fixture
def settings(task: Specialist) -> BaseModel:
    """Its settings as `conf/specialist/NAME.yaml` has them."""
    return task.typed(load(["specialist=NAME"]).specialist.settings)


def drawn(task: Specialist, settings: BaseModel, side: str, streams: int = 500) -> list[Example]:
    """What comes out of that many random streams of one side."""
    rows = []
    for index in range(streams):
        try:
            rows.append(task.example(index, 0, settings, side))
        except Inapplicable:
            continue
    return rows


def test_gold_scores_one_and_every_corrupted_gold_less(task: Specialist) -> None:
    for row in read_exam(task.exam):
        corrupted = task.corrupt(task.state(**row.state))
        gold, *others = task.grade(row, [row.answer, *corrupted])
        assert gold.value == 1, (row.id, gold.reason)
        assert corrupted and all(score.value < 1 and score.reason for score in others), row.id


def test_an_answer_to_something_else_is_wrong(task: Specialist) -> None:
    rows = read_exam(task.exam)
    for before, row in pairwise(rows):
        if before.answer != row.answer:
            assert all(score.value < 1 for score in task.grade(row, ["", "I do not know.", before.answer])), row.id


def test_no_family_of_the_exam_is_in_a_training_row(task: Specialist, settings: BaseModel) -> None:
    held = {row.family for row in read_exam(task.exam)}
    assert held and not held & {row.family for row in drawn(task, settings, "train")}
    assert held & {row.family for row in drawn(task, settings, "exam")}


def test_the_exam_asks_nothing_twice(task: Specialist) -> None:
    prompts = [row.prompt for row in read_exam(task.exam)]
    assert len(set(prompts)) == len(prompts) >= 100


def test_the_same_stream_tells_the_same_row(task: Specialist, settings: BaseModel) -> None:
    assert drawn(task, settings, "train", 50) == drawn(task, settings, "train", 50)


def test_a_setting_that_it_does_not_know_is_refused(task: Specialist, settings: BaseModel) -> None:
    with pytest.raises(ConfigMistake, match="specialist.settings.colour"):
        task.typed({**settings.model_dump(), "colour": 3})


def test_rows_come_fast_enough_to_ask_for_thousands(task: Specialist, settings: BaseModel) -> None:
    """Fifty rows a CPU-second is little: 8000 would take three minutes."""
    start = time.process_time()
    rows = drawn(task, settings, "train", 200)
    assert len(rows) / (time.process_time() - start) > 50
