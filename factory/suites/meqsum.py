"""MeQSum: what a person wrote about their health, as the one question in it; by ROUGE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from factory import config
from factory.rows import read_jsonl
from factory.suites import Row
from factory.suites.rouge import grade, text_row

__all__ = ["ASKED", "VERSION", "floors", "grade", "rows"]

VERSION = 1
ASKED = "answers"
PROMPT = "\nQuestion: Say this in one short question."
FIRST = "the first sentence"


def rows(place: Path, suite: config.Suite, specialist: Any, seed: int) -> list[Row]:
    """The texts; each is a group of its own."""
    given = read_jsonl(place / str(suite.file))
    return [text_row(suite, row["id"], row["summary"], f"{row['question'].strip()}{PROMPT}") for row in given]


def floors(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The first sentence."""
    texts = (row.prompt.removesuffix(PROMPT) for row in rows)
    return {FIRST: [re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0] for text in texts]}
