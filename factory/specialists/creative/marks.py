"""What a creative row is beyond its words: the story of its plan, and the plan's shape without names and things."""

from __future__ import annotations

from factory.specialists.creative.state import State
from factory.text import unordered

CONSTRAINTS = {"mood", "person", "tense", "count", "rhyme", "syllables", "words"}
LEAST = 2
"""Things a plan must ask for besides form and hero to have a shape: of plans that ask for one, nearly all look alike."""


def marks(state: State) -> dict[str, str]:
    """`plan`: who, where and what for, all there is where no wish is told; `shape`: constraints without names and things."""
    plan = state.model_dump(exclude={"family", "opening"})
    core = {name: plan[name] for name in ("hero", "place", "wish")} if state.wish else plan
    asked = {name: plan[name] for name in CONSTRAINTS}
    asked |= {name: plan[name].split()[:1] for name in ("place", "wish")}
    asked |= {name: len(plan[name]) for name in ("required", "forbidden")}
    asked |= {name: bool(plan[name]) for name in ("obstacle", "turn")}
    asked = {name: one for name, one in asked.items() if one}
    people = [one and (one.pronoun, bool(one.kind)) for one in (state.hero, state.friend)]
    shape = {"shape": f"{state.form} {people} {unordered(asked)}"} if len(asked) >= LEAST else {}
    return {"plan": unordered(core)} | shape
