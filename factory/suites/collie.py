"""COLLIE's English word constraints (c01 to c03), checked by code of our own.

The set holds three kinds: a word of at least so many characters, one of exactly so many with given characters at given
places, one of exactly so many with a given last character. The floor is one fixed long word for every row. The second
figure also wants a word of the English language, by the CMU pronouncing dictionary.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from factory import config
from factory.records import Score
from factory.rows import read_jsonl
from factory.suites import Graded, Row, each

VERSION = 1
ASKED = "answers"
DICTIONARY = "creative/cmudict/cmudict.dict.xz"
WRONG = "a"
"""Shorter than every length that is asked for."""
FLOOR = "one fixed long word"
WORD = "responsibilities"
PLACES = re.compile(r"the (.*?) characters? to be")
ALONE = re.compile(r"\W*([A-Za-z]+)\W*")


def files(suite: config.Suite, specialist: Any) -> list[str]:
    """The constraints, and the dictionary that says what an English word is."""
    return [str(suite.file), DICTIONARY]


def rows(place: Path, suite: config.Suite, specialist: Any, seed: int) -> list[Row]:
    """The constraints, each a group of its own."""
    known = dictionary(place)
    return [
        Row(
            row["id"],
            row["id"],
            row["prompt"],
            row["example"],
            WRONG,
            {"kind": row["kind"].removeprefix("english_")},
            about=(row, known),
        )
        for row in read_jsonl(place / str(suite.file))
    ]


def grade(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> list[list[Graded]]:
    """1 where the constraint is met; `english` where the word is also in the dictionary."""
    return each(graded, rows, answers)


def graded(row: Row, answer: str) -> Score:
    """One answer's score."""
    given, known = row.about
    met, word = satisfied(answer, given), spoken(answer)
    reason = "" if met else "not one word" if not word else "not as asked"
    return Score(float(met), reason, {"english": float(met and word in known)})


def floors(rows: Sequence[Row]) -> dict[str, list[str]]:
    """One fixed word."""
    return {FLOOR: [WORD] * len(rows)}


def spoken(text: str) -> str:
    """The one word that a text is, lower case; nothing where it is more or less than one."""
    found = ALONE.fullmatch(text.strip())
    return found[1].lower() if found else ""


def satisfied(text: str, row: dict[str, Any]) -> bool:
    """Whether a text is one word that meets the row's constraint; ValueError for a kind that is not known."""
    word, (length, *rest) = spoken(text), row["targets"]
    match row["kind"]:
        case "english_c01":
            return len(word) >= length
        case "english_c02":
            places = [int(number) for number in re.findall(r"(\d+)(?:st|nd|rd|th)", PLACES.search(row["prompt"])[1])]
            wanted = dict(zip(places, rest[0], strict=True))
            return len(word) == length and all(word[at - 1] == letter for at, letter in wanted.items())
        case "english_c03":
            return len(word) == length and word.endswith(rest[0])
    raise ValueError(f"{row['kind']} is no kind of constraint that is checked here")


@cache
def dictionary(place: Path) -> set[str]:
    """The words of the pronouncing dictionary."""
    with lzma.open(place / DICTIONARY, "rt") as file:
        return {line.split(" ", 1)[0].split("(")[0] for line in file}
