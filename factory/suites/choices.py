"""BLiMP, ARC-Easy and PIQA: of the ways a text may end the likeliest is a model's answer; no chat, in plain text.

A question's choices are compared by likelihood per character, as lm-evaluation-harness's `acc_norm`, and beside that by the
whole likelihood (`acc`); BLiMP's two sentences by the whole alone. BLiMP is resampled by its 67 kinds of pair.
"""

from __future__ import annotations

import json
import lzma
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from factory import config
from factory.errors import DataMistake
from factory.suites import HINT, Graded, Row, each, right

VERSION = 1
ASKED = "choices"
CHANCE = "chance"
ASKS = re.compile(r"(?:answer to|solution to) the question: (.*?)\n\n(.*)\n\nAnswer format", re.DOTALL)
CHOICE = re.compile(r"(?:Answer|Solution)(\d+): ")


def rows(place: Path, suite: config.Suite, specialist: Any, seed: int) -> list[Row]:
    """The questions; a line with `good` and `bad` is a pair of sentences."""
    with lzma.open(place / str(suite.file), "rt", encoding="utf-8") as file:
        given = [json.loads(line) for line in file]
    return [pair(number, row) if "good" in row else question(suite, number, row) for number, row in enumerate(given)]


def pair(number: int, row: dict[str, str]) -> Row:
    """Two sentences, of which one is right."""
    both = (row["good"], row["bad"])
    field = row["field"].replace("/", "_")  # the set writes one of them both ways
    return Row(f"{row['UID']}-{number}", row["UID"], "", *both, {"field": field}, choices=both)


def question(suite: config.Suite, number: int, row: dict[str, str]) -> Row:
    """A question with numbered answers; DataMistake where it is not written so."""
    found = ASKS.search(row["instruction"])
    texts = CHOICE.split(found[2])[2::2] if found else []
    place = int(re.sub(r"\D", "", row["answer"]) or 0) - 1
    if not found or not 0 <= place < len(texts):
        raise DataMistake(f"{suite.file}, line {number + 1}", "is no question with numbered answers", HINT)
    every = tuple(text.strip() for text in texts)
    wrong = every[(place + 1) % len(every)]
    name = f"{suite.name}-{number}"
    return Row(name, name, f"Question: {found[1].strip()}\nAnswer:", every[place], wrong, choices=every)


def grade(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> list[list[Graded]]:
    """1 where the right one is the likeliest."""
    return each(lambda row, answer: right(row, answer == row.gold, "another is likelier"), rows, answers)


def floors(rows: Sequence[Row]) -> dict[str, list[float]]:
    """Chance."""
    return {CHANCE: [1 / len(row.choices) for row in rows]}
