"""What a creative row is beyond its words: the story of its plan, and the plan's shape without names and things."""

from __future__ import annotations

from factory.specialists.creative.state import State
from factory.text import unordered

CONSTRAINTS = {"form", "mood", "person", "tense", "count", "rhyme", "syllables", "words"}


def marks(state: State) -> dict[str, str]:
    """`plan`: who, where and what for; `shape`: all constraints, the first words of place and wish, what else there is."""
    people = [one and (one.pronoun, bool(one.kind)) for one in (state.hero, state.friend)]
    firsts = [phrase.split()[0] for phrase in (state.place, state.wish)]
    others = [bool(state.obstacle), bool(state.turn), len(state.required), len(state.forbidden)]
    return {
        "plan": unordered(state.model_dump(include={"hero", "place", "wish"})),
        "shape": f"{people} {firsts} {others} {unordered(state.model_dump(include=CONSTRAINTS))}",
    }
