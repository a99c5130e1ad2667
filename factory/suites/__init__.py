"""Named evaluation suites: sets that people wrote, or that a specialist draws, asked of any model through one door.

A suite is a conf file (`conf/suite`) of a kind; a kind is a module beside this one, found by its name:

    VERSION                                  changes with anything that changes rows or scores
    ASKED                                    "answers": a model writes one; "choices": the likeliest is its answer;
                                             "loss": nothing is right or wrong, the figure is nats per token
    files(suite, specialist)                 what is read, below the folder of sets, or whole paths; without it suite.file
    rows(place, suite, specialist, seed)     the rows
    grade(rows, answers)                     for rows of one gold, per row one Graded per answer; none where a loss is asked for
    floors(rows)                             name -> per row a trivial answer, or the score that one has on the average
    survey(rows, answers)                    figures of all answers as a set, where there are such
    facts(place, suite)                      what else is to be recorded of a set, where there is such
    OF_SPECIALIST, DATED, UNIT               where the rows are a specialist's, go by the day, are no shares but this unit

    asking    prompts that fit, answers in batches, likelihoods of choices, losses
    sitting   the stage: a model's sitting of a suite, as a product
    figures   scores with intervals, effective rows, pass@k, leads
    who       base, adapter, a registered version, a folder, and the two checks that answer for a model
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

from factory import config, human, store
from factory.errors import Mistake
from factory.records import Message, Score
from factory.store import Source

HINT = "docs/decisions/suites.md says where each set is to be had, and how they lie in one folder"


@dataclass(frozen=True)
class Row:
    """One question of a set.

    `group` is what it is resampled with. `gold` is an answer that scores 1, `wrong` one that scores 0; None where the set
    has no such answer. `turns` stand before the prompt, and the last of them may be cut where a prompt is too long. `chat`
    is the whole conversation where the prompt is more than one message. `about` is what the kind's grader needs besides.
    """

    id: str
    group: str
    prompt: str
    gold: str | None
    wrong: str | None
    slices: dict[str, str] = field(default_factory=dict)
    turns: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    chat: tuple[Message, ...] = ()
    about: Any = None

    def messages(self, turns: int | None = None) -> tuple[Message, ...]:
        """What a model is asked, with all turns or only so many of the first."""
        content = "\n".join([*self.turns[:turns], self.prompt])
        return self.chat or ({"role": "user", "content": content},)


@dataclass(frozen=True)
class Untold:
    """A row that nobody can be graded on, and why: counted and named, and no part of a score."""

    reason: str


Graded = Score | Untold


def find(kind: str) -> ModuleType:
    """The module of a kind of set."""
    return importlib.import_module(f"factory.suites.{kind}")


def names() -> list[str]:
    """All suites that are configured."""
    return config.groups()["suite"]


def source(asked: config.Config) -> Source:
    """The files of the configured suite by content, with the day where a set goes by it; Mistake where they are not there."""
    kind, suite = find(asked.suite.kind), asked.suite
    read = kind.files(suite, asked.specialist) if hasattr(kind, "files") else [str(suite.file)]
    files = [Path(name) for name in read]
    outside = [name for name in files if not name.is_absolute()]
    place = folder(suite) if outside else Path()
    if lacking := [name for name in files if not (place / name).is_file()]:
        raise Mistake(str(place / lacking[0]), f"suite {suite.name} has no such file", HINT)
    digests = [[name.name if name.is_absolute() else str(name), store.sha256(place / name)] for name in files]
    day = date.today().isoformat() if getattr(kind, "DATED", False) else None
    return Source(place, store.digest([digests, day]))


def folder(suite: config.Suite) -> Path:
    """The folder of the evaluation sets; Mistake where there is none."""
    place = Path(suite.folder).expanduser() if suite.folder else human.folder()
    if place is None or not place.is_dir():
        named = suite.folder or os.environ.get("FACTORY_EVAL_DATA", human.PLACE)
        hint = f"{HINT}; then set suite.folder or FACTORY_EVAL_DATA"
        raise Mistake(str(named), "no folder of evaluation sets is there", hint)
    return place


def each(
    grade: Callable[[Row, str], Graded], rows: Sequence[Row], answers: Sequence[Sequence[str]]
) -> list[list[Graded]]:
    """Answers graded one by one."""
    return [[grade(row, text) for text in texts] for row, texts in zip(rows, answers, strict=True)]


def right(row: Row, found: bool, reason: str) -> Score:
    """1, or 0 with the reason."""
    return Score(1.0) if found else Score(0.0, reason)
