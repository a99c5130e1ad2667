"""COLLIE's English word constraints (c01 to c03), checked by code of our own, asked of the creative adapter.

The set holds three kinds: a word of at least so many characters, one of exactly so many with given characters at given
places, one of exactly so many with a given last character. The floor is one fixed long word for every row. The second
figure also wants a word of the English language, by the CMU pronouncing dictionary.
"""

from __future__ import annotations

import lzma
import re
from pathlib import Path
from typing import Any

from factory.config import Config
from factory.rows import read_jsonl
from tests.external.arms import ARMS, adapter_of, answers
from tests.external.scored import Line, Scored, lines

SPECIALIST = "creative"
FLOOR = "one fixed long word"
WORD = "responsibilities"
PLACES = re.compile(r"the (.*?) characters? to be")
ALONE = re.compile(r"\W*([A-Za-z]+)\W*")


def run(asked: Config, place: Path, work: Path) -> tuple[list[Line], list[str]]:
    """The lines of the table, and what to say about the rows."""
    rows = list(read_jsonl(place / "creative/collie/collie_english.jsonl"))
    said = answers(asked, adapter_of(asked), [row["prompt"] for row in rows], asked.evaluate.max_new_tokens)
    said[FLOOR] = [WORD] * len(rows)
    known = dictionary(place)
    found = []
    for what, english in (("COLLIE, constraints met", False), ("COLLIE, met by an English word", True)):
        scores = [
            {arm: right(texts[number], row, known if english else None) for arm, texts in said.items()}
            for number, row in enumerate(rows)
        ]
        kinds = [{"kind": row["kind"].removeprefix("english_")} for row in rows]
        scored = [Scored(row["id"], row["id"], *of) for row, *of in zip(rows, scores, kinds, strict=True)]
        found += lines(what, scored, FLOOR, ARMS)
    return found, ["the set's 205 rows ask for single words; its kinds c01, c02 and c03 are all checked"]


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


def right(text: str, row: dict[str, Any], known: set[str] | None) -> float:
    """1 where the constraint is met, and the word is one of those known where that counts."""
    return float(satisfied(text, row) and (known is None or spoken(text) in known))


def dictionary(place: Path) -> set[str]:
    """The words of the pronouncing dictionary."""
    with lzma.open(place / "creative/cmudict/cmudict.dict.xz", "rt") as file:
        return {line.split(" ", 1)[0].split("(")[0] for line in file}
