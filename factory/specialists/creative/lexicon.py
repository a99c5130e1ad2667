"""What the grammar draws from, read once from `data/creative/*.yaml`: families, words, verbs, clauses, prompts' phrases.

A family is a theme with its obstacle. It is what never straddles a split: the exam's families are in `exam.yaml`, and
nothing else draws from that file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import yaml

from factory.specialist import data_folder

Side = Literal["train", "exam"]
SUBJECTS = {"@": "hero", "#": "one", "=": "many"}
VERB = re.compile(r"([@#=])([a-z]+)( not)?")
WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
DOUBLED = (
    "beg",
    "clap",
    "dip",
    "drop",
    "grab",
    "grin",
    "hop",
    "hug",
    "hum",
    "nod",
    "plan",
    "skip",
    "slip",
    "step",
    "stir",
)
DOUBLED += ("stop", "tug", "wrap", "admit")


@dataclass(frozen=True)
class Family:
    """A theme and its obstacle, with the words that no family of the other side has."""

    name: str
    wishes: tuple[str, ...]
    obstacles: tuple[str, ...]
    turns: tuple[str, ...]
    props: tuple[str, ...]


@dataclass(frozen=True)
class Clause:
    """A clause ready to be filled: a format string, the words it has of its own, and whether it needs a mood."""

    text: str
    words: frozenset[str]
    moody: bool


@cache
def read(name: str) -> Any:
    """One of the YAML files of `data/creative`."""
    return yaml.load((data_folder("creative") / f"{name}.yaml").read_text(), yaml.CSafeLoader)


@cache
def families(side: Side) -> tuple[Family, ...]:
    """The families of one side, in the order of the file."""
    return tuple(Family(name, *map(tuple, parts.values())) for name, parts in read(side).items())


@cache
def places() -> tuple[str, ...]:
    """All places with their prepositions: in the old forest, at the mill."""
    return tuple(
        f"{preposition} the {spot}" for preposition, spots in read("words")["places"].items() for spot in spots
    )


@cache
def mood_words(mood: str) -> frozenset[str]:
    """The adjectives and adverbs that carry a mood."""
    lists = read("words")["moods"][mood]
    return frozenset(lists["adjectives"] + lists["adverbs"])


@cache
def irregular() -> dict[str, tuple[str, str]]:
    """Past and participle of the irregular verbs, by base form."""
    return {base: tuple(forms) for base, forms in read("verbs")["irregular"].items()}


@cache
def verbs() -> tuple[str, ...]:
    """The base forms of all verbs that the lexicon knows."""
    return (*irregular(), *read("verbs")["regular"])


def past(base: str) -> str:
    """The past form of a verb."""
    if base in irregular():
        return irregular()[base][0]
    if base.endswith("e"):
        return f"{base}d"
    if base.endswith("y") and base[-2] not in "aeiou":
        return f"{base[:-1]}ied"
    return f"{base}{base[-1] if base in DOUBLED else ''}ed"


def third(base: str) -> str:
    """The third person singular of the present."""
    if base in ("be", "have", "can", "will"):
        return {"be": "is", "have": "has"}.get(base, base)
    if base.endswith("y") and base[-2] not in "aeiou":
        return f"{base[:-1]}ies"
    return f"{base}es" if base.endswith(("s", "x", "z", "ch", "sh", "o")) else f"{base}s"


def participle(base: str) -> str:
    """The present participle: making, running, lying."""
    if base in ("lie", "tie", "die"):
        return f"{base[:-2]}ying"
    if base.endswith("e") and base not in ("be", "see"):
        return f"{base[:-1]}ing"
    short = ("begin", "cut", "dig", "forget", "get", "hit", "let", "put", "run", "set", "shut", "sit", "swim", "win")
    return f"{base}{base[-1] if base in (*DOUBLED, *short) else ''}ing"


def conjugate(base: str, subject: str, person: str, tense: str) -> str:
    """The finite form; `subject` is hero (I or she), one (it) or many (they)."""
    first = subject == "hero" and person == "first"
    if base == "be":
        if tense == "past":
            return "were" if subject == "many" else "was"
        return "are" if subject == "many" else "am" if first else "is"
    if tense == "past":
        return past(base)
    return base if first or subject == "many" else third(base)


def negated(base: str, subject: str, person: str, tense: str) -> str:
    """The finite form with its not: did not, could not."""
    form = conjugate(base, subject, person, tense)
    return "cannot" if form == "can" else f"{form} not"


@cache
def clauses(form: str, act: str, person: str, tense: str) -> tuple[Clause, ...]:
    """The clauses of an act that fit the person, their verbs conjugated."""
    return tuple(
        clause(line.partition(": ")[2] if line[:2] in ("1:", "3:") else line, person, tense)
        for line in read("frames")[form][act].splitlines()
        if line[:2] not in ("1:", "3:") or line[0] == {"first": "1", "third": "3"}[person]
    )


def clause(line: str, person: str, tense: str) -> Clause:
    """A line of `frames.yaml` as a clause."""

    def form(match: re.Match[str]) -> str:
        say = negated if match[3] else conjugate
        return say(match[2], SUBJECTS[match[1]], person, tense)

    text = VERB.sub(form, line)
    return Clause(text, own_words(re.sub(r"\{\w+\}", " ", text)), "{mood" in text)


@cache
def own_words(text: str) -> frozenset[str]:
    """The words of a text, in lower case."""
    return frozenset(word.lower() for word in WORD.findall(text))


def article(noun: str) -> str:
    """The noun with its article: a fox, an owl."""
    return f"an {noun}" if noun[0] in "aeiou" and not noun.startswith(("one", "uni", "use")) else f"a {noun}"


def sounded(text: str) -> str:
    """The text with every `a` before a vowel as `an`."""
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
