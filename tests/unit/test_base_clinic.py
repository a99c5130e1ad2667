"""Lessons of clinical talk: short questions that the context answers, of training groups and seen phrases only."""

from __future__ import annotations

import re
from functools import cache
from random import Random

import pytest

from factory.base.clinic import LESSONS, UNSAID
from factory.specialist import Inapplicable
from factory.specialists.medical.lists import groups

Lesson = tuple[str, list[tuple[str, str]]]


@cache
def drawn(name: str, level: float = 1.0) -> list[Lesson]:
    found = []
    for i in range(300):
        try:
            found.append(LESSONS[name](Random(f"{name}/{i}"), level))
        except Inapplicable:
            continue
    return found


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_repeats_and_has_several_short_answers(name: str) -> None:
    assert len(drawn(name)) > 290
    assert LESSONS[name](Random("1"), 0.5) == LESSONS[name](Random("1"), 0.5)
    pairs = [pair for _, asked in drawn(name) for pair in asked]
    assert len(pairs) / len(drawn(name)) >= 5.5
    assert all(question.strip() and answer.strip() and len(answer.split()) < 45 for question, answer in pairs)


@pytest.mark.parametrize("name", LESSONS)
def test_nothing_is_of_an_exam_group(name: str) -> None:
    own = [term for group in groups("exam") for term in (*group.complaints, *group.assessments)]
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, own))})\b")
    texts = [f"{context} {question} {answer}" for context, asked in drawn(name) for question, answer in asked]
    assert [text for text in texts if pattern.search(text)] == []


def test_no_lesson_is_the_specialists_own_task() -> None:
    """No whole note, no summary, and another word for what is not there; a note is read under a heading of its own."""
    for name in LESSONS:
        for context, asked in drawn(name):
            assert "Complaint : " not in context or context.startswith("Chart:\n")
            headings = [line for line in context.splitlines() if " : " in line]
            for _, answer in asked:
                assert not re.search(r"assessed as|not stated", answer)
                assert answer.count("\n") <= 3
                assert not headings or len(headings) > answer.count("\n") + 1


def test_a_third_of_the_answers_is_copied_word_by_word_and_some_are_not_said() -> None:
    """The others: numbers and units put as a note does, lay words, yes and no, headings."""
    pairs = [(context, answer) for context, asked in drawn("visit") for _, answer in asked]
    assert sum(answer.split(" ; ")[0] in context for context, answer in pairs) / len(pairs) > 0.3
    assert 0.05 < sum(answer == UNSAID for _, answer in pairs) / len(pairs) < 0.2


def test_visits_grow_with_the_level() -> None:
    small, large = (sum(len(context.split()) for context, _ in drawn("visit", level)) for level in (0.0, 1.0))
    assert large > 1.3 * small
