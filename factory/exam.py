"""Draws a specialist's exam once; after that it is frozen in git and known by its digest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from factory.config import Config
from factory.errors import Mistake
from factory.records import KEPT
from factory.rows import write_jsonl
from factory.specialist import Inapplicable, find
from factory.stages.generate import admit
from factory.store import Events

CELL = 30
"""Rows per cell of difficulty and slice."""
CAP = 24
"""Rows per balance key, so that no one shape of answer is the exam."""


def draw_exam(asked: Config, events: Events) -> tuple[Path, int]:
    """Writes `exam.jsonl` from the exam's side of the specialist, every second row in a held-out rendering.

    Cells of difficulty and slice get equal shares. Mistake where an exam is there already: results hang on it.
    """
    task = find(asked.specialist.name)
    if task.exam.exists():
        raise Mistake(str(task.exam), "this exam is frozen: results hang on it", "move it away first if you mean it")
    settings, rows = task.typed(asked.specialist.settings), []
    cells: Counter[tuple[str | None, str | None]] = Counter()
    kinds: Counter[str] = Counter()
    for index in range(CELL * 1000):
        try:
            row = task.example(index, asked.seed, settings, "exam", held_out=index % 2 == 0)
        except Inapplicable:
            continue
        cell = row.tags.get("difficulty"), row.tags.get("slice")
        if cells[cell] == CELL or kinds[row.tags["balance"]] == CAP or admit(task, row) != KEPT:
            continue
        cells[cell] += 1
        kinds[row.tags["balance"]] += 1
        rows.append({**vars(row), "split": "exam"})
        events("exam", done=len(rows), total=CELL * max(1, len(cells)))
        if len(cells) > 1 and index > 2000 and all(count == CELL for count in cells.values()):
            break
    write_jsonl(task.exam, rows)
    return task.exam, len(rows)
