"""What a medical row is beyond its words: what its visit is known by, and the shape of all facts without any term."""

from __future__ import annotations

from typing import Any

from factory.specialists.medical.state import State
from factory.text import unordered

CORE = {"complaint", "age", "sex", "medications", "vitals"}
TERMS = {"name", "illness", "assessment", "plan", "allergies"}


def marks(state: State) -> dict[str, str]:
    """`encounter`: who came, why, with which medicines and measurements; `shape`: all facts with every term masked."""
    facts = state.encounter.model_dump()
    return {
        "encounter": unordered({name: facts[name] for name in CORE}),
        "shape": unordered({name: one if name == "vitals" else masked(one, name) for name, one in facts.items()}),
    }


def masked(fact: Any, name: str) -> Any:
    """A fact without its terms: only whether there is one, and that allergies were denied."""
    if isinstance(fact, dict):
        return {inner: masked(one, inner) for inner, one in fact.items()}
    if isinstance(fact, tuple):
        return [masked(one, name) for one in fact]
    return fact if name not in TERMS or fact in ("", "none") else "term"
