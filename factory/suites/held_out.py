"""Fresh rows of a specialist's exam side, in the renderings that training never uses: templates nobody has learnt."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from factory import config
from factory.errors import Mistake
from factory.records import KEPT, Example
from factory.specialist import Inapplicable, find
from factory.stages.generate import admit
from factory.suites import Row
from factory.suites.exam import ASKED, OF_SPECIALIST, as_rows, floors, grade

__all__ = ["ASKED", "OF_SPECIALIST", "VERSION", "files", "floors", "grade", "rows"]

VERSION = 1
BEYOND = 1 << 40
"""Where the streams begin: an exam is drawn from the first ones."""
TRIED = 100
"""Streams that are looked at for a row, on the average at most."""


def files(suite: config.Suite, specialist: config.Specialist) -> list[str]:
    """What the specialist draws from, by whole paths."""
    paths = sorted(find(specialist.name).lists.resolve().rglob("*"))
    return [str(path) for path in paths if path.is_file() and path.suffix != ".md"]


def rows(place: Path, suite: config.Suite, specialist: config.Specialist, seed: int) -> list[Row]:
    """So many rows, each of a stream of its own; Mistake where so many cannot be drawn."""
    if suite.rows is None:
        raise Mistake("suite.rows=null", "drawn rows have no end", "say how many")
    return as_rows(drawn(specialist.name, json.dumps(specialist.settings), suite.rows, seed), specialist)


@lru_cache(4)
def drawn(name: str, settings: str, count: int, seed: int) -> tuple[Example, ...]:
    """Rows that the verifier admits, as those of the exam; the same for everyone who sits in this process."""
    task, found = find(name), []
    typed = task.typed(json.loads(settings))
    for index in range(BEYOND, BEYOND + TRIED * count):
        try:
            row = task.example(index, seed, typed, "exam", held_out=True)
        except Inapplicable:
            continue
        found += [row] if admit(task, row) == KEPT else []
        if len(found) == count:
            return tuple(found)
    raise Mistake(f"specialist={name}", f"only {len(found)} of {count} rows can be drawn", "ask for fewer: suite.rows")
