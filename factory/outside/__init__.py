"""A specialist that is only a conf file: its rows come from outside, and a generic score holds answers against theirs.

It answers the four questions like any other (`factory/specialist.py`), except that it draws nothing: `collect` reads what
`conf/source` names. Its state is what is known of a row from outside: the answer given, its family, and how to score.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from pydantic import BaseModel, ConfigDict

from factory.config import GenericScore
from factory.errors import Mistake
from factory.outside.scores import score
from factory.records import Rendered, Score
from factory.specialist import Description

VERSION = 1


class Settings(BaseModel):
    """It has none of its own: what it is told stands under `source`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class State(BaseModel):
    """What is known of a row from outside."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    answer: str
    """The answer given, against which others are held."""
    rejected: str | None
    """An answer that the row says is worse, where it says so."""
    family: str
    """What never straddles a split."""
    score: GenericScore
    """How an answer is held against the given one."""


def draw(rng: Random, settings: Settings, side: str) -> State:
    """Nothing to draw from: Mistake."""
    raise Mistake("source=drawn", "a specialist without a folder draws nothing", "write source=file or source=hub")


def render(state: State, rng: Random, held_out: bool) -> Rendered:
    """Rows from outside are told as they are: Mistake."""
    raise Mistake("source=drawn", "a specialist without a folder tells nothing", "write source=file or source=hub")


def verify(state: State, answers: Sequence[str]) -> list[Score]:
    """One Score per answer, by the score that the configuration names."""
    return [score(state.score, state.answer, answer) for answer in answers]


def corrupt(state: State) -> list[str]:
    """Answers that must score below 1: none at all, something else, and the one the row itself rejects."""
    return ["", "something else entirely", *([state.rejected] if state.rejected else [])]


def describe(state: State) -> Description:
    """Reports are cut by label where answers are labels; no kind of row is capped."""
    labels: dict[str, Any] = {"label": state.answer} if state.score.kind == "label" else {}
    return Description(family=state.family, balance=state.answer if labels else "", tags=labels)
