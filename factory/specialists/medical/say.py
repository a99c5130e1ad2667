"""How phrases and values are said: alternatives, number words, units, corrections, fillers, recognition errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from random import Random

from factory.specialists.medical.lists import common, phrases
from factory.specialists.medical.state import Span, State, convertible

Nodes = tuple["str | Slot | Choice", ...]
ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
ONES += ("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


class Slot(str):
    """The name of a value inside a phrase."""


class Choice(tuple):
    """The alternatives of a place in a phrase, each a sequence of nodes."""


@cache
def parsed(phrase: str) -> Nodes:
    """A phrase as nodes: text, slots `{x}` and alternatives `[a|b|]`, nested as one likes."""
    nodes, rest = sequence(phrase.removeprefix("~"))
    if rest:
        raise ValueError(f"a bracket too many in {phrase!r}")
    return nodes


def sequence(text: str) -> tuple[Nodes, str]:
    """The nodes up to the end, a `|` or a `]`, and what is left."""
    nodes: list[str | Slot | Choice] = []
    while text and text[0] not in "|]":
        if text[0] == "{":
            name, _, text = text[1:].partition("}")
            nodes.append(Slot(name))
        elif text[0] == "[":
            ways, text = [], "|" + text[1:]
            while text[0] == "|":
                way, text = sequence(text[1:])
                ways.append(way)
            nodes.append(Choice(ways))
            text = text[1:]
        else:
            plain = re.match(r"[^][{}|]+", text)[0]
            nodes.append(plain)
            text = text[len(plain) :]
    return tuple(nodes), text


def number_words(number: int) -> str:
    """A whole number below 20,000 in words."""
    if number < 20:
        return ONES[number]
    if number < 100:
        return f"{TENS[number // 10]} {ONES[number % 10]}" if number % 10 else TENS[number // 10]
    if number < 1000:
        rest = f" {number_words(number % 100)}" if number % 100 else ""
        return f"{ONES[number // 100]} hundred{rest}"
    rest = f" {number_words(number % 1000)}" if number % 1000 else ""
    return f"{ONES[number // 1000]} thousand{rest}"


class Voice:
    """Says phrases and values of one state; remembers which phrases it used."""

    def __init__(self, state: State, rng: Random, held_out: bool) -> None:
        self.state, self.rng, self.held_out = state, rng, held_out
        self.traps = set(state.traps)
        self.used: list[str] = []
        self.slipped = False

    def say(self, act: str, **values: str) -> str:
        """One phrase of an act with its slots filled; held-out phrases are preferred or never used."""
        ways = phrases()[act]
        fitting = [i for i, way in enumerate(ways) if way.startswith("~") == self.held_out]
        index = self.rng.choice(fitting or [i for i, way in enumerate(ways) if not way.startswith("~")])
        self.used.append(f"{act}.{index}")
        return tidy(self.fill(parsed(ways[index]), values))

    def fill(self, nodes: Nodes, values: Mapping[str, str]) -> str:
        """The text of nodes with the slots filled: from the values given, else from the lists of the surroundings."""
        parts = []
        for node in nodes:
            if isinstance(node, Slot):
                parts.append(self.hesitant(values[node]) if node in values else self.scene(node))
            elif isinstance(node, Choice):
                parts.append(self.fill(self.rng.choice(node), values))
            else:
                parts.append(self.misheard(node) if "misheard" in self.traps else node)
        return "".join(parts)

    def hesitant(self, value: str) -> str:
        """A value, with a filler before it now and then where the row has fillers."""
        if "fillers" not in self.traps or self.rng.random() < 0.65:
            return value
        return f", {self.rng.choice(common().words['fillers'])}, {value}"

    def scene(self, name: str) -> str:
        """A word of the surroundings, which is no fact: a month, a place, a person."""
        if name == "room":
            return str(self.rng.randint(1, 12))
        if name == "year":
            return str(self.rng.randint(1985, 2024))
        lists = {"month": "months", "day": "days", "person": "persons", "place": "places", "activity": "activities"}
        return self.rng.choice(common().words[lists[name]])

    def misheard(self, text: str) -> str:
        """Text with some of its words, none of them a fact, as a recogniser mishears them."""
        confusions = common().confusions
        return re.sub(
            r"[A-Za-z']+",
            lambda word: confusions[word[0]] if word[0] in confusions and self.rng.random() < 0.6 else word[0],
            text,
        )

    def number(self, number: int) -> str:
        """A whole number in words or digits."""
        return number_words(number) if self.rng.random() < 0.45 else str(number)

    def span(self, span: Span) -> str:
        """A length of time: four days, 4 days, a week, a couple of months."""
        unit = span.unit if span.count == 1 else f"{span.unit}s"
        if span.count == 1 and self.rng.random() < 0.5:
            return f"a {unit}"
        if span.count == 2 and self.rng.random() < 0.15:
            return f"a couple of {unit}"
        return f"{self.number(span.count)} {unit}"

    def dose(self, dose: int, unit: str) -> str:
        """A dose; in the larger unit where the row changes units: 500 mg as 0.5 grams or half a gram."""
        if "units" in self.traps and convertible(dose, unit):
            return self.grams(dose)
        said = self.rng.choice((unit, *common().units.get(unit, ())))
        return (
            f"{self.number(dose) if self.rng.random() < 0.5 else dose} {said.removesuffix('s') if dose == 1 else said}"
        )

    def grams(self, dose: int) -> str:
        """Milligrams told as grams."""
        named = {250: "a quarter of a gram", 500: "half a gram", 1000: "one gram", 2000: "two grams"}
        if dose in named and self.rng.random() < 0.4:
            return named[dose]
        text = f"{dose / 1000:g}"
        return f"{text} {'gram' if text == '1' else self.rng.choice(('grams', 'g'))}"

    def drug(self, name: str) -> str:
        """The name of a medicine, as the recogniser heard it where the row has its errors."""
        known = common().drugs.get(name)
        return known.heard if known and known.heard and "misheard" in self.traps else name

    def often(self, often: str) -> str:
        """A frequency in one of its wordings."""
        if self.rng.random() < 0.45:
            return often
        return self.rng.choice((often, *common().often.get(often, ())))

    def term(self, name: str) -> str:
        """A term, in lay words where the state says so."""
        return self.rng.choice(common().lay[name]) if name in self.state.lay else name

    def severity(self, severity: str) -> str:
        """A severity: a word, or a number out of ten."""
        scale = re.fullmatch(r"(\d+) out of 10", severity)
        if scale and self.rng.random() < 0.5:
            return f"{number_words(int(scale[1]))} out of ten"
        return self.term(severity)

    def value(self, value: str) -> str:
        """A value of a vital sign, its unit perhaps in other words."""
        number, _, unit = value.rpartition(" ")
        if unit in common().units:
            return f"{number} {self.rng.choice((unit, *common().units[unit]))}"
        return value

    def slip(self, field: str, right: str, subject: str = "") -> str:
        """The value as said, with the wrong one first where it is the one that is corrected."""
        slip = self.state.slip
        if slip is None or slip.field != field or slip.subject != subject or self.slipped:
            return right
        self.slipped = True
        wrong = self.wrong()
        return wrong if slip.late else self.say("slip", wrong=wrong, right=right)

    def wrong(self) -> str:
        """The wrong value of the slip, as said."""
        slip = self.state.slip
        count, _, unit = slip.wrong.partition(" ")
        match slip.field:
            case "span":
                return self.span(Span(count=int(count), unit=unit.removesuffix("s")))
            case "dose":
                return self.dose(int(count), unit)
            case "age":
                return self.number(int(count))
            case "vital":
                return self.value(slip.wrong)
        return slip.wrong

    def late(self) -> dict[str, str]:
        """What is said and meant when a slip is corrected at the end."""
        slip, encounter = self.state.slip, self.state.encounter
        wrong = self.wrong()
        match slip.field:
            case "span":
                return {"wrong": wrong, "right": self.span(encounter.complaint.span)}
            case "dose":
                taken = next(one for one in encounter.medications if one.name == slip.subject)
                return {"wrong": f"{self.drug(taken.name)} {wrong}", "right": self.dose(taken.dose, taken.unit)}
            case "age":
                return {"wrong": f"{wrong} years old", "right": f"{self.number(encounter.age)} years old"}
            case "vital":
                value = next(vital.value for vital in encounter.vitals if vital.name == slip.subject)
                return {"wrong": f"{slip.subject} {wrong}", "right": self.value(value)}
        return {"wrong": wrong, "right": encounter.complaint.side}


def tidy(text: str) -> str:
    """Single spaces, none before a comma or a stop, and no two of these in a row."""
    text = re.sub(r"\s+([,.?!])", r"\1", " ".join(text.split()))
    return re.sub(r"([,.?!:])[,.]+", r"\1", text).removeprefix(", ")
