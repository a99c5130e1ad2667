"""The SQL specialist: a question over a schema becomes the query that answers it."""

from __future__ import annotations

from factory.specialist import Description
from factory.specialists.sql.draw import Settings, draw
from factory.specialists.sql.mutants import corrupt
from factory.specialists.sql.patterns import PATTERNS
from factory.specialists.sql.render import render
from factory.specialists.sql.state import State
from factory.specialists.sql.verify import verify

__all__ = ["VERSION", "Settings", "State", "corrupt", "describe", "draw", "render", "verify"]

VERSION = 3


def describe(state: State) -> Description:
    """Family, balance key (the query's shape) and the labels the reports are cut by."""
    tags = {
        "difficulty": state.difficulty,
        "slice": state.wording,
        "pattern": state.pattern,
        "skeleton": "held out" if PATTERNS[state.pattern].held_out else "seen",
    }
    return Description(family=state.database.family, balance=state.query.skeleton(), tags=tags)
