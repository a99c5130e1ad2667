"""The creative specialist: a plan with its constraints becomes a story, a rhymed poem or a letter."""

from __future__ import annotations

from factory.specialist import Description
from factory.specialists.creative.draw import Settings, draw
from factory.specialists.creative.marks import marks
from factory.specialists.creative.mutants import corrupt
from factory.specialists.creative.render import render
from factory.specialists.creative.state import State
from factory.specialists.creative.survey import survey
from factory.specialists.creative.verify import verify

__all__ = ["VERSION", "Settings", "State", "corrupt", "describe", "draw", "marks", "render", "survey", "verify"]

VERSION = 4


def describe(state: State) -> Description:
    """Family, balance key (form and opening, so that no opening is worn out) and the labels the reports are cut by."""
    tags = {
        "difficulty": state.difficulty,
        "slice": state.form,
        "person": state.person or "any",
        "tense": state.tense or "any",
        "limits": "words" if state.words else "syllables" if state.syllables else "none",
    }
    return Description(family=state.family, balance=f"{state.form}: {state.opening}", tags=tags)
