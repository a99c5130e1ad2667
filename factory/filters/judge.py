"""Drops rows that a language model grades low, by a rubric that is a file.

Grades are told apart by the row's id, never by place or echo: an answer with an id that was not asked about, one left out
or one given twice is none, and is asked for again. A row's text is data: it goes to the server as JSON in which no `</`
stands, so that it can end neither its string nor the place that the rubric keeps for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from factory import config, specialist
from factory.errors import DataMistake
from factory.filters import Equipped, Say
from factory.records import Example, Verdict, stream_id
from factory.teachers import Failed, Teacher, answered
from factory.teachers.endpoint import Endpoint
from factory.teachers.replies import of
from factory.teachers.rubric import as_data, rubric

WAVE = 64
"""Questions that are out before it is looked whether to go on, at most."""
PLACE = "{rows}"
SCHEMA = {
    "type": "object",
    "properties": {
        "grades": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"id": {"type": "string"}, "grade": {"type": "integer", "enum": [1, 2, 3, 4, 5]}},
                "required": ["id", "grade"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["grades"],
    "additionalProperties": False,
}
Grades = dict[str, int | Failed]
"""By the row's id: its grade, or why it has none."""


def sources(asked: config.Config) -> dict[str, Any]:
    """The rubric: the one that is named, else the specialist's own, else the factory's."""
    ours = config.conf_dir() / "quality" / "rubric.txt"
    folder = specialist.find(asked.specialist.name).folder
    return {"rubric": rubric(asked.filter["judge"].rubric, folder, ours, PLACE, "filter.judge")}


def check(examples: Sequence[Example], settings: Equipped, exam: Sequence[Example], say: Say) -> dict[str, Verdict]:
    """Rows with a grade below `least`, with it; rows that got none are not judged. DataMistake where that is to stop the run."""
    asked, file = settings.settings, Path(settings.sources["rubric"].path)
    say(f"judge: {asked.model} by {file}")
    prompt, verdicts, grades = file.read_text(encoding="utf-8"), {}, Counter[str]()
    with closing(of(settings.runtime)) as kept:
        judge = Endpoint(asked, settings.runtime.calls, kept, where="filter.judge")
        size = asked.batch * WAVE
        for start in range(0, len(examples), size):
            wave = list(examples[start : start + size])
            batches = [wave[one : one + asked.batch] for one in range(0, len(wave), asked.batch)]
            found = asyncio.run(answered(judge, [graded(judge, batch, prompt) for batch in batches]))
            for row, grade in (pair for batch in found for pair in batch.items()):
                grades["none" if isinstance(grade, Failed) else f"grade {grade}"] += 1
                if verdict := judged(row, grade, asked):
                    verdicts[row] = verdict
            say("judge: rows graded", done=start + len(wave), total=len(examples))
        costs = judge.costs()
        failed = {f"failed tries: {why}": count for why, count in costs.pop("failed tries").items()}
        settings.record.update(costs | failed | dict(sorted(grades.items())))
    return verdicts


def judged(row: str, grade: int | Failed, asked: config.Judge) -> Verdict | None:
    """What a grade, or the lack of one, makes of a row; None where it stays as a matter of course."""
    if isinstance(grade, int):
        return Verdict.drop("graded low", grade) if grade < asked.least else None
    if asked.ungraded == "stop":
        hint = "filter.judge.ungraded=keep keeps such rows, on record"
        raise DataMistake("filter.judge.ungraded=stop", f"row {row} got no grade: {grade.reason}", hint)
    return Verdict("failed", f"no grade: {grade.reason}")


async def graded(judge: Teacher, rows: Sequence[Example], prompt: str) -> Grades:
    """The grades of some rows, by one question; where it comes to nothing, by two with half of them each."""
    ids = [row.id for row in rows]
    question = [{"role": "user", "content": prompt.replace(PLACE, told(rows))}]
    said = await judge.ask(question, SCHEMA, int(stream_id(*ids)[:8], 16), partial(wrong, ids))
    if not isinstance(said, Failed):
        return {one["id"]: int(one["grade"]) for one in said["grades"]}
    if len(rows) == 1:
        return {ids[0]: said}
    half = len(rows) // 2
    return await graded(judge, rows[:half], prompt) | await graded(judge, rows[half:], prompt)


def told(rows: Sequence[Example]) -> str:
    """The rows as the judge reads them."""
    return as_data([{"id": row.id, "prompt": row.prompt, "answer": row.answer} for row in rows])


def wrong(ids: Sequence[str], said: dict[str, Any]) -> str:
    """What is wrong with the ids of an answer; nothing where each that was asked about has one grade."""
    given = Counter(one["id"] for one in said["grades"])
    faults = {
        "not asked about": sorted(given.keys() - set(ids)),
        "without a grade": [name for name in ids if name not in given],
        "graded more than once": [name for name in ids if given[name] > 1],
    }
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in faults.items() if names)
