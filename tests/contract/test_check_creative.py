"""Creative rows agree with their prompts, by a check that shares nothing with what made them; and the check can fail."""

from __future__ import annotations

import pytest

from factory.config import load
from factory.specialist import Inapplicable, find
from factory.stages.generate import admit
from tests.contract.check_creative import asked_of, check

PROMPT = (
    "Write a story about Mira the fox. It takes place at the old mill. Mira wants to mend the violin. The obstacle is a sudden "
    "storm. Use the third person. Use the past tense. Write 3 sentences. Use the words lamp and coin. Avoid rain. Use between "
    "25 and 45 words."
)
ANSWER = (
    "Mira the fox lived at the old mill, and she wanted to mend the violin by a lamp. But a sudden storm stopped her. "
    "At last she found a coin and laughed out loud."
)
ASKED = {"place", "wish", "obstacle", "person", "tense", "count", "required", "forbidden", "words"}


def test_500_rows_agree_with_their_prompts() -> None:
    task = find("creative")
    settings = task.typed(load(["specialist=creative"]).specialist.settings)
    wrong, rows, index = [], 0, 0
    while rows < 500:
        index += 1
        try:
            row = task.example(index, 3, settings, ("train", "exam")[index % 2], index % 3 == 0)
        except Inapplicable:
            continue
        if admit(task, row).reason:
            continue
        rows += 1
        wrong += [(why, row.prompt, row.answer) for why in check(row.prompt, row.answer, asked_of(row.state))]
    assert wrong == []


def test_a_row_that_is_right_has_nothing_wrong() -> None:
    assert list(check(PROMPT, ANSWER, ASKED)) == []


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Mira", "Nila", "Mira the fox is missing"),
        ("old mill", "lake", "not at ['the', 'old']"),
        ("violin", "fiddle", "wish: violin is missing"),
        ("sudden storm", "cold wind", "obstacle: sudden is missing"),
        ("lamp", "torch", "required: lamp is missing"),
        ("But", "But rain and", "forbidden: rain is there"),
        ("But", "It rang. But", "4 sentences where 3 are asked for"),
        ("she wanted", "I wanted", "the other person"),
        ("wanted", "wants", "the other tense"),
        (" and laughed out loud", "", "30 words, not [32, 45]"),
    ],
)
def test_the_check_sees_what_is_wrong(old: str, new: str, why: str) -> None:
    prompt = PROMPT.replace("25 and 45", "32 and 45") if why[:2] == "30" else PROMPT
    found = list(check(prompt, ANSWER.replace(old, new), ASKED))
    assert why in found


def test_what_the_prompt_leaves_out_or_adds_is_wrong() -> None:
    assert list(check(PROMPT, ANSWER, ASKED - {"place"})) == ["place: at the old is read in the prompt"]
    assert list(check(PROMPT, ANSWER, ASKED | {"turn"})) == ["turn: nothing is read in the prompt"]
