"""How a plan is told: a request in one of many styles, its constraints in many wordings and orders, and the text.

A phrase that starts with `~` in `data/creative/prompts.yaml` is held out: training rows never use it.
"""

from __future__ import annotations

from random import Random
from typing import Any

from factory.records import Rendered
from factory.specialist import Inapplicable
from factory.specialists.creative import lexicon
from factory.specialists.creative.lexicon import article, sounded
from factory.specialists.creative.rhyme import syllables
from factory.specialists.creative.state import State
from factory.specialists.creative.write import attempts, capital

NUMBERS = {3: "three", 4: "four", 5: "five", 6: "six"}
STYLES = ("sentences", "sentences", "list", "mixed", "casual")
CHOICES = {"person": "person", "tense": "tense", "count": "form", "rhyme": "rhyme"}
"""Constraints that are one of a few: what in the plan says which."""
TAGGED = ("place", "mood", "person", "tense", "count", "rhyme", "words")
"""Constraints that may hang on the request itself."""


def render(state: State, rng: Random, held_out: bool) -> Rendered:
    """Prompt and answer of a plan; Inapplicable where no text comes out within its limits."""
    telling = Telling(state, rng, held_out)
    prompt = telling.prompt()
    return Rendered(({"role": "user", "content": prompt},), text(state, rng), tuple(telling.used))


def text(state: State, rng: Random) -> str:
    """A text that keeps the whole plan; Inapplicable where none does."""
    for attempt in attempts(state, rng):
        if within(state, attempt):
            return attempt
    raise Inapplicable("no text within the limits")


def within(state: State, text: str) -> bool:
    """Whether a text has as many words as asked for and no line with too many syllables."""
    if state.words and not state.words.low <= len(text.split()) <= state.words.high:
        return False
    return not state.syllables or all(
        sum(map(syllables, lexicon.WORD.findall(line))) <= state.syllables for line in text.splitlines()
    )


class Telling:
    """One way of telling a plan: the style, the phrases and their order."""

    def __init__(self, state: State, rng: Random, held_out: bool) -> None:
        self.state, self.rng, self.held_out = state, rng, held_out
        self.used: list[str] = []
        self.slots = slots(state, rng)

    def prompt(self) -> str:
        """The whole request."""
        style = self.rng.choice(STYLES)
        self.used.append(f"style.{style}")
        parts = self.parts()
        tagged = [part for part in parts if part == parts[0] or (part in TAGGED and self.rng.random() < 0.3)]
        if style == "list":
            return f"{self.head([])}:\n{self.lines(parts)}"
        if self.rng.random() < 0.15:
            tagged = []
        rest = [part for part in parts if part not in tagged]
        if style == "mixed":
            return f"{self.head(tagged)}.\n{self.lines(rest)}".strip()
        body = " ".join([f"{self.head(tagged)}.", *(self.sentence(part) for part in self.ordered(rest))])
        if style == "casual":
            start = body if body.startswith("I ") else f"{body[0].lower()}{body[1:]}"
            return f"{self.phrase('casual_openings')}, {start} {self.phrase('casual_closings')}"
        return body

    def parts(self) -> list[str]:
        """The constraints of the plan, by name, the hero first."""
        state = self.state
        asked = {
            "hero": state.form != "letter",
            "writer": state.form == "letter",
            "friend": state.friend is not None and state.form != "letter",
            "place": state.place,
            "mood": state.mood,
            "wish": state.wish,
            "obstacle": state.obstacle,
            "turn": state.turn,
            "person": state.person,
            "tense": state.tense,
            "count": state.count,
            "rhyme": state.rhyme,
            "syllables": state.syllables,
            "required": state.required,
            "forbidden": state.forbidden,
            "words": state.words,
        }
        return [name for name, there in asked.items() if there]

    def ordered(self, parts: list[str]) -> list[str]:
        """The constraints in the order they are told: mostly shuffled, the hero first."""
        if self.rng.random() < 0.25:
            return parts
        rest = [part for part in parts if part not in ("hero", "writer")]
        self.rng.shuffle(rest)
        return [part for part in parts if part in ("hero", "writer")] + rest

    def head(self, tagged: list[str]) -> str:
        """The request with what hangs on it."""
        verse = self.state.form == "poem" and not self.state.rhyme
        form = self.phrase("form_verse" if verse else f"form_{self.state.form}")
        return " ".join([self.phrase("ask", a_form=form), *(self.told(part, "tag") for part in tagged)])

    def sentence(self, part: str) -> str:
        """A constraint as a sentence."""
        return capital(self.told(part, "sentence"))

    def lines(self, parts: list[str]) -> str:
        """Constraints as a list with labels."""
        return "\n".join(f"- {label}: {value}" for part in self.ordered(parts) for label, value in self.labelled(part))

    def labelled(self, part: str) -> list[tuple[str, str]]:
        """A constraint as label and value; the writer of a letter comes with the reader."""
        state, label = self.state, self.phrase(f"{part}_label")
        hero = f"{state.hero.name} the {state.hero.kind}"
        if part in CHOICES:
            return [(label, self.told(part, "value"))]
        if part == "writer":
            return [(label, hero), (self.phrase("addressee_label"), state.friend.name)]
        values = {
            "hero": hero,
            "friend": self.slots["friend"],
            "words": f"{self.slots['low']} to {self.slots['high']}",
            "required": ", ".join(state.required),
            "forbidden": ", ".join(state.forbidden),
            "syllables": f"at most {state.syllables} syllables",
        }
        return [(label, values[part] if part in values else str(getattr(state, part)))]

    def told(self, part: str, how: str) -> str:
        """A constraint as sentence, tag or value; of some constraints, each choice has phrases of its own."""
        choice = f"_{getattr(self.state, CHOICES[part])}" if part in CHOICES else ""
        return self.phrase(f"{part}{choice}_{how}", **self.listed(part))

    def phrase(self, act: str, **more: str) -> str:
        """One phrase of an act, filled: a held-out one if those are wanted and it has any."""
        phrases = lexicon.read("prompts")[act]
        held = [i for i, phrase in enumerate(phrases) if phrase.startswith("~")]
        fitting = held if self.held_out and held else [i for i in range(len(phrases)) if i not in held]
        index = self.rng.choice(fitting)
        self.used.append(f"{act}.{index}")
        return sounded(phrases[index].removeprefix("~").format_map(self.slots | more))

    def listed(self, part: str) -> dict[str, str]:
        """The slots of a list of words."""
        words = {"required": self.state.required, "forbidden": self.state.forbidden}.get(part)
        if not words:
            return {}
        joint = " or " if part == "forbidden" else " and "
        return {
            "list": joint.join(filter(None, (", ".join(words[:-1]), words[-1]))),
            "word_s": "words" if words[1:] else "word",
        }


def slots(state: State, rng: Random) -> dict[str, Any]:
    """What the phrases of a prompt may name."""
    friend = f"{state.friend.name} the {state.friend.kind}".removesuffix(" the ") if state.friend else ""
    return {
        "name": state.hero.name,
        "kind": state.hero.kind,
        "a_kind": article(state.hero.kind),
        "friend": friend,
        "place": state.place,
        "mood": state.mood,
        "wish": state.wish,
        "obstacle": state.obstacle,
        "turn": state.turn,
        "n": rng.choice((str(state.count), NUMBERS[state.count])) if state.count else "",
        "most": state.syllables,
        "low": state.words.low if state.words else 0,
        "high": state.words.high if state.words else 0,
    }
