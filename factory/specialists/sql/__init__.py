"""The SQL specialist: a question over a schema becomes the query that answers it."""

from __future__ import annotations

from typing import Any

from factory.specialist import Description
from factory.specialists.sql.draw import Settings, draw
from factory.specialists.sql.marks import marks
from factory.specialists.sql.mutants import corrupt
from factory.specialists.sql.patterns import PATTERNS
from factory.specialists.sql.render import render
from factory.specialists.sql.state import State
from factory.specialists.sql.verify import verify

__all__ = [
    "VERSION",
    "Settings",
    "State",
    "corrupt",
    "describe",
    "draw",
    "marks",
    "reads",
    "render",
    "telling",
    "verify",
]

VERSION = 4


def describe(state: State) -> Description:
    """Family, balance key (the query's shape) and the labels the reports are cut by."""
    tags = {
        "difficulty": state.difficulty,
        "slice": state.wording,
        "pattern": state.pattern,
        "skeleton": "held out" if PATTERNS[state.pattern].held_out else "seen",
    }
    return Description(family=state.database.family, balance=state.query.skeleton(), tags=tags)


def telling(prompt: str) -> str:
    """The part of a prompt that a teacher may say in other words: the question."""
    return prompt.partition("\nQuestion: ")[2]


def reads(state: dict[str, Any], prompt: str, answer: str) -> list[str]:
    """What the question of a told row says otherwise than its query; nothing where it says the same."""
    from factory.specialists.sql.reading import faults

    return faults(prompt, answer, state)
