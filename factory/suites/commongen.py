"""CommonGen's first 200 concept sets: a sentence or short text with all of them, asked as the creative specialist is asked.

A concept counts as used where a form of its word stands in the text. A text counts as prose where it is no bare list:
it ends like a sentence, has words beside the concepts and among them small ones, and repeats none all the time. The score
is coverage where the text is prose, else 0. The floors are the concepts in a row, and one template filled with them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from factory import config
from factory.records import Score
from factory.rows import read_jsonl
from factory.suites import Graded, Row, each
from factory.text import words

VERSION = 1
ASKED = "answers"
WRONG = "This was it, and so it was."
FLOOR, BARE = "a template sentence", "the concepts in a row"
SMALL = frozenset(
    re.findall(r"\w+", "a an the of to in on at and with for from by is are was were he she it they his her")
)
OFTEN = 4
"""A word beside the small ones that stands more often than this is repeated all the time."""
IRREGULAR = {
    "beat": "beaten", "begin": "began begun beginning", "blow": "blew blown", "break": "broke broken", "build": "built",
    "catch": "caught", "cut": "cutting", "draw": "drew drawn", "drink": "drank drunk", "drive": "drove driven",
    "eat": "ate eaten", "fall": "fell fallen", "foot": "feet", "give": "gave given", "hang": "hung", "hit": "hitting",
    "hold": "held", "keep": "kept", "knife": "knives", "lady": "ladies", "lay": "laid", "let": "letting",
    "put": "putting", "ride": "rode ridden", "run": "ran running", "say": "said", "sew": "sewn", "shoot": "shot",
    "sit": "sat sitting", "snowman": "snowmen", "spin": "spun spinning", "stand": "stood", "stick": "stuck",
    "sweep": "swept", "swim": "swam swum swimming", "take": "took taken", "throw": "threw thrown", "wear": "wore worn",
}  # fmt: skip
"""Forms that the rules of `forms` do not make."""


def rows(place: Path, suite: config.Suite, specialist: Any, seed: int) -> list[Row]:
    """The concept sets, each a group of its own; the set has no texts, so the template is what is known to be right."""
    found = []
    for row in read_jsonl(place / str(suite.file)):
        of = [concept.rpartition("_")[0] for concept in row["concept_set"]]
        size = {"concepts": str(len(of))}
        found.append(Row(row["id"], row["id"], prompt(of), template(of), WRONG, size, about=of))
    return found


def grade(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> list[list[Graded]]:
    """Coverage where the text is prose, else 0; both as parts."""
    return each(graded, rows, answers)


def graded(row: Row, answer: str) -> Score:
    """One answer's score."""
    covered, good = coverage(answer, row.about), prose(answer, row.about)
    reason = "no prose" if not good else "a concept is missing" if covered < 1 else ""
    return Score(covered * good, reason, {"coverage": covered, "prose": float(good)})


def floors(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The concepts in one template, and the concepts in a row."""
    return {FLOOR: [template(row.about) for row in rows], BARE: [" ".join(row.about) for row in rows]}


def prompt(concepts: Sequence[str]) -> str:
    """The request, in the manner of the creative specialist's prompts."""
    listed = f"{', '.join(concepts[:-1])} and {concepts[-1]}"
    return (
        "Write a short story about Nora the baker. It happens in the garden. Write it in the third person and in the past "
        f"tense, with three sentences. Use the words {listed}."
    )


def template(concepts: Sequence[str]) -> str:
    """The trivial sentence."""
    return f"This is about the {', the '.join(concepts[:-1])} and the {concepts[-1]}."


def coverage(text: str, concepts: Sequence[str]) -> float:
    """The share of the concepts of which a form stands in the text."""
    said = set(words(text))
    return sum(bool(forms(concept) & said) for concept in concepts) / len(concepts)


def forms(word: str) -> set[str]:
    """The forms of a regular verb or noun, and of an irregular one those listed."""
    stem = word[:-1] if word.endswith("e") else word
    found = {word, f"{word}s", f"{word}es", f"{stem}ed", f"{stem}ing"}
    if word.endswith("y") and word[-2] not in "aeiou":
        found |= {f"{word[:-1]}ies", f"{word[:-1]}ied"}
    if word[-1] not in "aeiouwxy" and word[-2] in "aeiou" and word[-3:-2] not in "aeiou":
        found |= {f"{word}{word[-1]}ed", f"{word}{word[-1]}ing"}
    return found | set(IRREGULAR.get(word, "").split())


def prose(text: str, concepts: Sequence[str]) -> bool:
    """Whether a text is no bare list of the concepts."""
    said = words(text)
    counts = Counter(word for word in said if word not in SMALL)
    return (
        text.rstrip().endswith((".", "!", "?"))
        and len(said) >= len(concepts) + 3
        and any(word in SMALL for word in said)
        and max(counts.values(), default=0) <= OFTEN
    )
