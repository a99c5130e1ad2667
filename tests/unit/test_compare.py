"""The arms of the comparison: what fits into a prompt, whose answers are graded, and what the figures come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import create_model

from factory import config, exam, specialist
from factory.records import Example, Score
from factory.stages import compare, sitting
from factory.stages.compare import Arm
from factory.stages.sitting import Answered, Hall


class Words:
    """A tokenizer with one token per word and two per turn."""

    def apply_chat_template(self, messages: list[dict[str, str]], **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [0] * sum(len(message["content"].split()) + 2 for message in messages)}

    def encode(self, text: str) -> list[int]:
        return [0] * len(text.split())


def row(prompt: str, answer: str, name: str = "row", family: str = "family") -> Example:
    return Example(name, ({"role": "user", "content": prompt},), answer, {}, family)


def answered(value: float, **parts: float) -> Answered:
    return Answered("text", 3, True, Score(value, "" if value == 1 else "wrong", parts))


# --- examples in the prompt -------------------------------------------------------------------------------------------


def test_the_nearest_rows_that_fit_go_before_the_question_the_nearest_last() -> None:
    near = [row("first one", "1"), row("second one", "2"), row("third one", "3")]
    turns = compare.fitting(Words(), row("what is it", "?"), near, most=2, room=100)
    assert [turn["content"] for turn in turns] == ["second one", "2", "first one", "1"]
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * 2


def test_a_row_that_is_too_long_gives_its_place_to_the_next() -> None:
    near = [row("far too long a question to find room here", "1"), row("short", "2")]
    turns = compare.fitting(Words(), row("what", "?"), near, most=2, room=10)
    assert [turn["content"] for turn in turns] == ["short", "2"]
    assert compare.fitting(Words(), row("what", "?"), near, most=2, room=5) == []


# --- the nearest row --------------------------------------------------------------------------------------------------


def test_the_nearest_rows_answer_is_graded_as_any_other(in_sums_folder: Path) -> None:
    asked = config.load(["specialist=sums", "base=tiny"])
    exam.draw_exam(asked, lambda *_, **__: None)
    task = specialist.find("sums")
    settings = task.typed(asked.specialist.settings)
    rows = [task.example(i, 0, settings, "exam") for i in range(4)]
    told = []
    hall = Hall(task, rows, Words(), asked.evaluate, lambda *words, **_: told.append(words))
    arm = compare.nearest_row(hall, [*reversed(rows)], config.Nearest(ngram=2))
    assert [one.score.value for one in arm.answered] == [1.0] * 4, "the exam's own rows, as training rows, are right"
    assert arm.about == "the answer of the nearest of 4 training rows" and told


# --- figures ----------------------------------------------------------------------------------------------------------


SETTINGS = config.Evaluate(rows=None, batch_size=2, max_new_tokens=8, bootstrap=200, confidence=0.9, samples=0)


def test_a_lead_is_adapter_minus_arm_over_the_same_rows() -> None:
    rows = [row("q", "a", f"row {i}", f"family {i % 3}") for i in range(6)]
    ours = [answered(1.0)] * 6
    arms = {
        "base": Arm("the base", [answered(0.0)] * 6),
        "half": Arm("every other", [answered(i % 2) for i in range(6)]),
        "gone": Arm("not made yet", None),
    }
    found = compare.summary(rows, ours, arms, SETTINGS, seed=0)
    assert found["adapter"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["arms"]["base"]["lead"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["arms"]["half"]["lead"]["value"] == found["arms"]["half"]["score"]["value"] == 0.5
    assert found["arms"]["gone"] == {"about": "not made yet", "score": None, "lead": None}


def test_the_table_of_answers_has_a_row_per_arm_that_answered() -> None:
    rows = [row("q", "a", "one"), row("q", "a", "two")]
    assert [line["id"] for line in compare.lines(rows, "base", Arm("", [answered(1.0), answered(0.5)]))] == [
        "one",
        "two",
    ]
    assert compare.lines(rows, "gone", Arm("", None)) == []


def test_parts_are_means_over_the_rows_that_have_them() -> None:
    found = sitting.parts(
        base=[answered(0.0), answered(0.0, recall=0.5)], adapter=[answered(1.0, recall=1.0, rhyme=0.0)]
    )
    assert found == {
        "recall": {"base": {"value": 0.5, "rows": 1}, "adapter": {"value": 1.0, "rows": 1}},
        "rhyme": {"base": {"value": None, "rows": 0}, "adapter": {"value": 0.0, "rows": 1}},
    }


def test_a_survey_is_asked_of_each_side_with_the_training_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    task = replace(
        specialist.find("sql"),
        state=create_model("Anything"),
        survey=lambda states, texts, seen: {"copied": sum(text in seen for text in texts) / len(states)},
    )
    rows = [row("q", "a"), row("q", "b")]
    found = sitting.survey(task, rows, [row("t", "x")], base=["x", "x"], gold=["a", "x"])
    assert found == {"copied": {"base": 1.0, "gold": 0.5}}
    assert sitting.survey(replace(task, survey=None), rows, [], base=["x"]) == {}


def test_chosen_rows_do_not_hang_on_the_order_of_the_file() -> None:
    rows = [row("q", "a", f"row {i}") for i in range(9)]
    assert sitting.chosen(rows, None, 0) == rows
    assert sitting.chosen(rows, 4, 0) == sitting.chosen(rows[::-1], 4, 0)
    assert sitting.chosen(rows, 4, 0) != sitting.chosen(rows, 4, 1)
