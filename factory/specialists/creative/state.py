"""The plan of a text, as typed data: who, where, what for, against what, and every constraint on the writing."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Form = Literal["story", "poem", "letter"]
ASKED = {"easy": (1, 3), "medium": (4, 6), "hard": (7, 13)}
"""How many constraints a plan of a difficulty asks for, beside form and hero; one written by hand may ask for more."""


class Frozen(BaseModel):
    """What is set once and has no other keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Character(Frozen):
    """Someone with a name. The kind (fox, baker) is empty for one who is only written to."""

    name: str
    kind: str = ""
    pronoun: Literal["he", "she"] = "she"


class Words(Frozen):
    """A range of words for the whole text, both ends in."""

    low: int
    high: int


class State(Frozen):
    """A plan. What is empty, 0 or None is not asked for: a text may do there as it likes.

    `count` is the number of sentences (of a letter: between greeting and signature) or, in a poem, of lines. `place` comes
    with its preposition, `wish` is a verb and its object, `obstacle` and `turn` are noun phrases with their article.
    `opening` says how the grammar begins (prompts do not tell it); empty where a person wrote the text.
    """

    family: str
    form: Form
    hero: Character
    friend: Character | None
    place: str
    mood: str
    wish: str
    obstacle: str
    turn: str
    person: Literal["", "first", "third"]
    tense: Literal["", "past", "present"]
    count: int
    rhyme: Literal["", "couplets", "alternating"]
    syllables: int
    words: Words | None
    required: tuple[str, ...]
    forbidden: tuple[str, ...]
    opening: str

    @property
    def spot(self) -> str:
        """The place without its preposition."""
        return self.place.split(" ", 1)[1]

    @property
    def difficulty(self) -> str:
        """easy, medium or hard, by the number of constraints."""
        return next((name for name, (_, most) in ASKED.items() if len(self.asked) <= most), "hard")

    @property
    def asked(self) -> list[tuple[str, str]]:
        """What is asked for beside form and hero: each field, and of a list of words each word by itself."""
        names = ["place", "mood", "wish", "obstacle", "turn", "person", "tense", "count", "rhyme", "syllables", "words"]
        names += ["friend"] if self.form != "letter" else []
        words = [(name, word) for name in ("required", "forbidden") for word in getattr(self, name)]
        return [(name, "") for name in names if getattr(self, name)] + words
