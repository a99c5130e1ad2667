"""People's names in a text: found by title, introduction and shape, with the name lists of mimesis; no model.

What it cannot see: a name that no list has and nothing introduces, most surnames that stand alone, and that a listed
name in running text is somebody's horse or a town. In a text without capitals only what is introduced is a name.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import yaml

from factory.config import data_dir

WORD = re.compile(r"[^\W\d_]+(?:['’](?!s\b)[^\W\d_]+)*")
JOINED = re.compile(r"[ \t]{1,2}|-")
MOST = 4
"""Words of a name."""
TITLE = re.compile(r"\b(?:(Mr|Mrs|Ms|Dr|Prof)\b ?\.?|(?:Miss|Mister|Doctor|Professor)\b)[ \t]+$", re.IGNORECASE)
"""What any capitalised word after it is a name by; the short ones, a word that lists have too in lower case."""
PARTICLES = frozenset(["van", "von", "der", "den", "de", "del", "di", "da", "la", "le", "al", "bin", "ibn"])
INTRODUCED = re.compile(
    r"(?:\bname(?: is|'s)|\bname(?: on the \w+)?\s?[:?]|\bcalls? (?:me|him|her)|\bpatient is|\bnamed(?: him| her)?)\s*$",
    re.IGNORECASE,
)
"""The same of phrases."""
GREETED = re.compile(
    r"(?:\b(?:i'm|i am|this is|hi|hello|hey|dear|thanks|thank you)|\[\w+\]|[.?!] |\bso)[ ,]*$", re.IGNORECASE
)
"""What may stand before a listed given name in lower case."""
AGED = re.compile(
    r"[ ,]*(?:is|was|'s)(?: here)? an? (?:\d|[\w-]+ year)|[ ,]+(?:date of birth|how are|how're)", re.IGNORECASE
)
"""What says of whoever stands before it that it is a person."""
NOBODY = re.compile(
    r"(?:['’]s?)?[ -](?:\w+ )?(?:disease|syndrome|disorder|sign|test|type|tumou?r|sarcoma|lymphoma|anemia"
    r"|deficiency|cells?|bod(?:y|ies)|purpura|virus|fever|palsy|esophagus|contracture|ataxia|dystrophy|anomaly|paralysis"
    r"|sequence|technique|\w+pathy|criteria|atrophy|malformation|tube|procedure|operation|score|scale|stage"
    r"|street|st|avenue|ave|road|rd|lane|drive|court|square|boulevard|place|park|county|city"
    r"|university|hospital|clinic|institute|college|foundation|cent(?:er|re)|school|inc|ltd|plc|llc|corporation|company)\b",
    re.IGNORECASE,
)
"""What makes a disease, a place or a firm of the name before it."""


def names(text: str) -> Iterator[tuple[int, int]]:
    """Where each name starts and ends: without its title, with initials and particles, and never overlapping.

    A word of a name that is no ordinary word is one wherever else it stands in the text.
    """
    words = list(WORD.finditer(text))
    found: dict[int, int] = {}
    place = 0
    while place < len(words):
        end = name_from(text, words, place)
        found |= {place: end} if end > place else {}
        place = max(end, place + 1)
    inside = {place for start, end in found.items() for place in range(start, end)}
    again = {words[place][0] for place in inside if len(words[place][0]) > 2 and not is_word(words[place][0])}
    found |= {place: place + 1 for place, word in enumerate(words) if place not in inside and word[0] in again}
    yield from sorted((words[place].start(), words[end - 1].end()) for place, end in found.items())


def name_from(text: str, words: list[re.Match[str]], place: int) -> int:
    """The place after the last word of the name that starts here; `place` itself where none does."""
    first = words[place]
    before = text[max(0, first.start() - 40) : first.start()]
    title = TITLE.search(before)
    introduced = bool(title or INTRODUCED.search(before))
    if plain(first[0]) in ordinary()[0]:
        return place
    if not first[0][0].isupper():
        paired = follows(text, words, place) and is_name(words[place + 1][0])
        greeted = given(first[0]) and (paired or GREETED.search(before) or AGED.match(text, first.end()))
        titled = introduced and (is_name(first[0]) or bool(title and title[1] and is_listed(first[0])))
        return place + 1 + paired if greeted or titled else place
    end = place + 1
    while end - place < MOST and follows(text, words, end - 1) and goes_on(words[end][0]):
        end += 1
    while not words[end - 1][0][0].isupper():
        end -= 1
    if introduced:
        return end if any(len(word[0]) > 1 for word in words[place:end]) else place
    if any(NOBODY.match(text, words[last].end()) for last in (place, end - 1)) or compound(
        text, first.start(), words[end - 1].end()
    ):
        return place
    paired = end - place > 1 and plain(first[0]) in listed()[0] and is_name(words[end - 1][0])
    return end if paired or (given(first[0]) and first[0][1:].islower()) else place


def follows(text: str, words: list[re.Match[str]], place: int) -> bool:
    """Whether the next word may be of one name with this one: a space between them, and a point after an initial."""
    if place + 1 == len(words):
        return False
    between = text[words[place].end() : words[place + 1].start()]
    return bool(JOINED.fullmatch(between.removeprefix(".") if len(words[place][0]) == 1 else between))


def compound(text: str, start: int, end: int) -> bool:
    """Whether it is joined by hyphens into one word: two discoverers, an element, a firm."""
    joined = text[max(0, start - 1) : start] == "-" or text[end : end + 1] == "-" or "-" in text[start:end]
    return joined and " " not in text[start:end]


def goes_on(word: str) -> bool:
    """Whether a word may go on with a name: a particle, or a capital's, if it is no word or a listed surname too."""
    if word in PARTICLES:
        return True
    if not word[0].isupper() or (len(word) > 1 and word.isupper()) or plain(word) in ordinary()[0]:
        return False
    return not is_word(word) or plain(word) in listed()[1]


def given(word: str) -> bool:
    """Whether it is a listed given name and no word."""
    return len(word) > 2 and plain(word) in listed()[0] and not is_word(word)


def is_name(word: str) -> bool:
    """Whether it is a listed given name or surname and no word."""
    return is_listed(word) and not is_word(word)


def is_listed(word: str) -> bool:
    """Whether it is a listed given name or surname."""
    return len(word) > 2 and any(plain(word) in names for names in listed())


def plain(word: str) -> str:
    """A word in lower case without its accents."""
    if word.isascii():
        return word.lower()
    return "".join(one for one in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(one))


def is_word(word: str) -> bool:
    """Whether it is an ordinary word, a month or a place, though lists of names have it."""
    return any(plain(word) in words for words in ordinary())


@cache
def ordinary() -> tuple[frozenset[str], frozenset[str]]:
    """Words that are no part of a name, and words that are one only beside another, a title or an introduction."""
    words = yaml.load((data_dir() / "names/ordinary.yaml").read_text(), yaml.CSafeLoader)
    return frozenset(words["never"].split()), frozenset(words["words"].split())


@cache
def listed() -> tuple[frozenset[str], frozenset[str]]:
    """The given names and the surnames of all locales, word by word, plain."""
    female, male, surnames = (
        frozenset(plain(word) for people in locales().values() for name in people[kind] for word in WORD.findall(name))
        for kind in ("female", "male", "surnames")
    )
    return female | male, surnames


@cache
def locales() -> dict[str, dict[str, list[str]]]:
    """The names of each locale of mimesis: female, male, surnames."""
    found = {}
    for folder in files("mimesis.datasets").iterdir():
        if (file := folder / "person.json").is_file():
            said = json.loads(file.read_text(encoding="utf-8"))
            names, surnames = said.get("names", {}), said.get("surnames", [])
            either = surnames if isinstance(surnames, list) else [name for part in surnames.values() for name in part]
            found[folder.name] = {"female": names.get("female", []), "male": names.get("male", []), "surnames": either}
    return found


@cache
def choices(word: str) -> list[str]:
    """What may stand for a word of a name: English given names of a gender that has it, or surnames where none has."""
    kind = next((kind for kind in ("female", "male") if plain(word) in plain_names(kind)), "surnames")
    return sorted(name for name in set(locales()["en"][kind]) if name.isalpha() and is_name(name))


@cache
def plain_names(kind: str) -> frozenset[str]:
    """The names of one kind in all locales, plain."""
    return frozenset(plain(name) for people in locales().values() for name in people[kind])
