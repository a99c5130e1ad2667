"""The plan of a text, as typed data: who, where, what for, against what, and every constraint on the writing."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Form = Literal["story", "poem", "letter"]


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
    """A plan. What is empty or None is not asked for.

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
    person: Literal["first", "third"]
    tense: Literal["past", "present"]
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
        """easy, medium or hard, by the number of constraints past the ones that every plan has."""
        asked = (self.mood, self.obstacle, self.turn, self.words, self.syllables, self.friend and self.form != "letter")
        number = sum(map(bool, asked)) + len(self.required) - 1 + len(self.forbidden)
        return "easy" if number <= 2 else "medium" if number <= 4 else "hard"
