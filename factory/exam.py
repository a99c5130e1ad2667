"""Draws a specialist's exam once; after that it is frozen in git and known by its digest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from factory.config import Config
from factory.errors import Mistake
from factory.outside.collect import collect
from factory.records import KEPT, Example
from factory.rows import read_jsonl, write_jsonl
from factory.specialist import Inapplicable, Specialist, find
from factory.stages.generate import admit
from factory.store import Events

ROWS = 300
"""Rows from the grammar, in equal shares per cell of difficulty and slice."""
CAP = 24
"""Rows per balance key, so that no one shape of answer is the exam."""
LOOK = 2000
"""Streams looked at to learn which cells there are."""


def draw_exam(asked: Config, events: Events) -> tuple[Path, int]:
    """Writes `exam.jsonl` from the exam's side of the specialist, every second row in a held-out rendering.

    Cells of difficulty and slice get equal shares; the rows of `hand.jsonl` follow, each held against the verifier too.
    Mistake where an exam is there already, because results hang on it, or where a row written by hand is not admitted.
    """
    task = find(asked.specialist.name)
    if task.exam.exists():
        raise Mistake(str(task.exam), "this exam is frozen: results hang on it", "move it away first if you mean it")
    if asked.source.kind != "drawn":
        return given_exam(task, asked, events)
    settings = task.typed(asked.specialist.settings)
    by_hand = hand_rows(task)
    share = ROWS // max(1, len(cells(task, asked, settings)))
    filled: Counter[tuple[str | None, str | None]] = Counter()
    kinds: Counter[str] = Counter()
    rows: list[Example] = []
    for index in range(ROWS * 1000):
        try:
            row = task.example(index, asked.seed, settings, "exam", held_out=index % 2 == 0)
        except Inapplicable:
            continue
        if filled[cell(row)] == share or kinds[row.tags["balance"]] == CAP or admit(task, row) != KEPT:
            continue
        filled[cell(row)] += 1
        kinds[row.tags["balance"]] += 1
        rows.append(row)
        events("exam", done=len(rows), total=ROWS)
        if len(rows) == ROWS // share * share:
            break
    write_jsonl(task.exam, ({**vars(row), "split": "exam"} for row in [*rows, *by_hand]))
    return task.exam, len(rows) + len(by_hand)


def given_exam(task: Specialist, asked: Config, events: Events) -> tuple[Path, int]:
    """Writes the rows of `source.exam`, each admitted by the score."""
    if asked.source.exam is None:
        raise Mistake("source.exam=null", "no rows to be proven on", "name a file, or a split of the data set")
    found = collect(task.name, asked.source, "exam", events)
    for row in found.examples:
        if (verdict := admit(task, row)) != KEPT:
            where = f"{asked.source.exam}, row {row.provenance['row']}"
            raise Mistake(where, verdict.reason, "mend the row, or choose another source.score")
    for place, why in found.malformed:
        events(f"left out: {place}: {why}")
    task.exam.parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(task.exam, ({**vars(row), "split": "exam"} for row in found.examples))
    return task.exam, len(found.examples)


def cell(row: Example) -> tuple[str | None, str | None]:
    """What gets an equal share of the exam."""
    return row.tags.get("difficulty"), row.tags.get("slice")


def cells(task: Specialist, asked: Config, settings: Any) -> set[tuple[str | None, str | None]]:
    """The cells that the first streams of the exam's side come to."""
    found = set()
    for index in range(LOOK):
        try:
            found.add(cell(task.example(index, asked.seed, settings, "exam")))
        except Inapplicable:
            continue
    return found


def hand_rows(task: Specialist) -> list[Example]:
    """The rows that people wrote, each admitted by the verifier; Mistake names the line that is not."""
    if not task.hand.exists():
        return []
    rows = [task.by_hand(number, row) for number, row in enumerate(read_jsonl(task.hand))]
    for number, row in enumerate(rows):
        if (verdict := admit(task, row)) != KEPT:
            raise Mistake(f"{task.hand}, line {number + 1}", verdict.reason, "mend its state or its answer")
    return rows
