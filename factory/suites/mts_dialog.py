"""MTS-Dialog: short dialogues of a visit; which section of the note each is for, or what the section says.

A dialogue that is too long is told by its first turns. The floor of the sections is the one that would score best if it
were always said, that of the notes the dialogue itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from factory import config
from factory.errors import Mistake, closest
from factory.rows import read_jsonl
from factory.suites import Graded, Row, each, right, rouge

VERSION = 1
ASKED = "answers"
QUESTION = "Question: Which section of the note is this part of the visit for?"
WANTED = "Question: Write this part of the visit as the section {section} of the note."
MOST, COPIED = "the best single section", "the dialogue copied"
SECTIONS = {
    "ALLERGY": "allergies",
    "ASSESSMENT": "assessment",
    "CC": "chief complaint",
    "DIAGNOSIS": "diagnosis",
    "DISPOSITION": "disposition",
    "EDCOURSE": "emergency course",
    "EXAM": "exam",
    "FAM/SOCHX": "family and social history",
    "GENHX": "history of present illness",
    "GYNHX": "gynecologic history",
    "IMAGING": "imaging",
    "IMMUNIZATIONS": "immunizations",
    "LABS": "labs",
    "MEDICATIONS": "medications",
    "OTHER_HISTORY": "other history",
    "PASTMEDICALHX": "past medical history",
    "PASTSURGICAL": "past surgical history",
    "PLAN": "plan",
    "PROCEDURES": "procedures",
    "ROS": "review of systems",
}
"""The set's section headers in words."""


def rows(place: Path, suite: config.Suite, specialist: Any, seed: int) -> list[Row]:
    """The dialogues, asked for their section or its text; each is a group of its own: no two are known to be of one visit."""
    if suite.asks not in ("section", "note"):
        raise Mistake(
            f"suite.asks={suite.asks}", "is not asked of MTS-Dialog", closest(str(suite.asks), ["section", "note"])
        )
    found = []
    for row in read_jsonl(place / str(suite.file)):
        turns, section = spoken(row["dialogue"]), SECTIONS[row["section_header"]]
        if suite.asks == "note":
            prompt = WANTED.format(section=section)
            found.append(rouge.text_row(suite, row["id"], " ".join(row["note"].split()), prompt, turns))
        else:
            wrong = next(other for other in SECTIONS.values() if other != section)
            found.append(Row(row["id"], row["id"], QUESTION, section, wrong, turns=turns))
    return found


def spoken(dialogue: str) -> tuple[str, ...]:
    """The turns of a dialogue, a line each."""
    return tuple(" ".join(line.split()) for line in dialogue.splitlines() if line.strip())


def grade(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> list[list[Graded]]:
    """1 where the section is named; ROUGE of a note."""
    return each(graded, rows, answers)


def graded(row: Row, answer: str) -> Graded:
    """One answer's score; a row that asks for a note knows how ROUGE is taken."""
    if row.about is not None:
        return rouge.graded(row, answer)
    return right(row, answer.strip().lower() == row.gold, "another section")


def floors(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The commonest section, or the dialogue itself."""
    if any(row.about is not None for row in rows):
        return {COPIED: ["\n".join(row.turns) for row in rows]}
    most = Counter(row.gold for row in rows).most_common(1)
    return {MOST: [str(most[0][0])] * len(rows)}
