"""ACI-BENCH: a whole visit, two to four thousand tokens, to the full note of it; by ROUGE.

ROUGE does not see a fact that was made up. A visit that is too long is told by its first turns, or is not asked.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from factory import config
from factory.suites import Row
from factory.suites.mts_dialog import spoken
from factory.suites.rouge import grade, text_row

__all__ = ["ASKED", "VERSION", "floors", "grade", "rows"]

VERSION = 1
ASKED = "answers"
PROMPT = "Question: Write the full note of this visit."
COPIED = "the dialogue copied"


def rows(place: Path, suite: config.Suite, specialist: Any, seed: int) -> list[Row]:
    """The visits; each is a group of its own."""
    with (place / str(suite.file)).open(encoding="utf-8", newline="") as file:
        return [
            text_row(suite, row["encounter_id"], row["note"], PROMPT, spoken(row["dialogue"]), source=row["dataset"])
            for row in csv.DictReader(file)
        ]


def floors(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The dialogue itself."""
    return {COPIED: ["\n".join(row.turns) for row in rows]}
