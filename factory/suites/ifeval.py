"""IFEval (Zhou et al. 2023): prompts with constraints that code can check, strictly: as the answer stands.

A prompt counts where every constraint is kept, an instruction where its own is. The set has no answers known to be right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from factory import config
from factory.records import Score
from factory.rows import read_jsonl
from factory.suites import Graded, Row, Untold, each
from factory.suites.constraints import CHECKS

VERSION = 1
ASKED = "answers"
REPEATED = "the prompt repeated"


def rows(place: Path, suite: config.Suite, specialist: Any, seed: int) -> list[Row]:
    """The prompts, each a group of its own; nothing at all is an answer that keeps no constraint."""
    found = []
    for row in read_jsonl(place / str(suite.file)):
        kinds, name = row["instruction_id_list"], f"ifeval-{row['key']}"
        about = list(zip(kinds, row["kwargs"], strict=True))
        slices = {"instructions": str(len(kinds))}
        found.append(Row(name, name, row["prompt"], None, "", slices, about=about))
    return found


def kept(row: Row, answer: str) -> list[tuple[str, bool]]:
    """Every constraint of a prompt that can be checked here, and whether the answer keeps it."""
    return [(kind, bool(answer.strip()) and CHECKS[kind](answer, about)) for kind, about in row.about if kind in CHECKS]


def grade(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> list[list[Graded]]:
    """1 where all constraints are kept."""
    return each(graded, rows, answers)


def graded(row: Row, answer: str) -> Graded:
    """One answer's score; a prompt with a constraint of another kind is not scored."""
    if unknown := [kind for kind, _ in row.about if kind not in CHECKS]:
        return Untold(f"not checked here: {', '.join(unknown)}")
    broken = [kind for kind, done in kept(row, answer) if not done]
    return Score(float(not broken), broken[0].replace(":", " ") if broken else "")


def floors(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The prompt itself."""
    return {REPEATED: [row.prompt for row in rows]}


def survey(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> dict[str, float]:
    """The share of all instructions that the first samples follow, and of every kind of them."""
    flat = [pair for row, texts in zip(rows, answers, strict=True) for pair in kept(row, texts[0])]
    asked, done = Counter(kind for kind, _ in flat), Counter(kind for kind, fine in flat if fine)
    return {"instructions": done.total() / len(flat), **{kind: done[kind] / asked[kind] for kind in sorted(asked)}}
