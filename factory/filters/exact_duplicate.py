"""Drops the second of two rows that say the same, apart from case and spacing."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from factory.config import ExactDuplicate
from factory.filters import Say
from factory.records import Example, Verdict


def check(
    examples: Sequence[Example], settings: ExactDuplicate, exam: Sequence[Example], say: Say
) -> dict[str, Verdict]:
    """All but the first of rows with one normalised prompt and answer."""
    seen: set[str] = set()
    dropped = {}
    for example in examples:
        text = normalised(f"{example.prompt}\n{example.answer}")
        if text in seen:
            dropped[example.id] = Verdict.drop("said before")
        seen.add(text)
    return dropped


def normalised(text: str) -> str:
    """NFKC, lower case, single spaces; digits stay, because a row may differ by a number only."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
