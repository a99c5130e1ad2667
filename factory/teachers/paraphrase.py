"""A grammar row's prompt in other words: a teacher says it, the specialist reads it back, and only the same meaning is kept.

The prompt that the teacher is given is a file beside the specialist's lists, `paraphrase.txt`, with the words to be said in the
place of `{text}`; as one of the lists it is part of the key of what is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from factory.errors import Mistake
from factory.records import KEPT, Example, Verdict, stream_id
from factory.specialist import Specialist
from factory.teachers import Failed, Teacher
from factory.text import words

FILE = "paraphrase.txt"
SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}
Told = tuple[Verdict, Example | None]


def template(task: Specialist) -> str:
    """The prompt for the teacher; Mistake where the specialist has none, or cannot read a row back."""
    path = task.lists / FILE
    if task.reads is None or task.telling is None or not path.is_file():
        raise Mistake(
            f"specialist={task.name}",
            "its rows cannot be said in other words",
            f"it needs `telling` and `reads` in its module, and {path}",
        )
    text = path.read_text(encoding="utf-8")
    if text.count("{text}") != 1:
        raise Mistake(str(path), "needs {text} once, in the place of the words", "look at data/sql/paraphrase.txt")
    return text


async def retell(teacher: Teacher, task: Specialist, rows: Sequence[Example], done: Callable[[], None]) -> list[Told]:
    """The rows in other words, in their order, each with its verdict.

    What goes wrong with the teacher itself is raised when all calls that are out have come back: what was paid for is kept.
    """
    prompt = template(task)

    async def one(row: Example) -> Told:
        found = await told(teacher, task, row, prompt)
        done()
        return found

    found = await asyncio.gather(*map(one, rows), return_exceptions=True)
    for wrong in (one for one in found if isinstance(one, BaseException)):
        raise wrong
    return [one for one in found if not isinstance(one, BaseException)]


async def told(teacher: Teacher, task: Specialist, row: Example, prompt: str) -> Told:
    """One row in other words."""
    part = task.telling(row.prompt)
    messages = [{"role": "user", "content": prompt.replace("{text}", part)}]
    said = await teacher.ask(messages, SCHEMA, int(row.id[:8], 16))
    if isinstance(said, Failed):
        return Verdict("failed", f"teacher: {said.reason}"), None
    text = " ".join(said["text"].split())
    if words(text) == words(part):
        return Verdict.drop("teacher: said as before"), None
    retold = replace(
        row,
        messages=tuple({**turn, "content": turn["content"].replace(part, text)} for turn in row.messages),
        tags={**row.tags, "origin": "paraphrase"},
        provenance={**row.provenance, "teacher": "endpoint", "prompt": stream_id(prompt), "before": part},
    )
    faults = task.reads(row.state, retold.prompt, retold.answer)
    return (Verdict.drop("teacher: another meaning", len(faults)), None) if faults else (KEPT, retold)


def in_turn(
    make: Callable[[], Any], task: Specialist, rows: Sequence[Example], done: Callable[[], None]
) -> tuple[list[Told], dict[str, Any]]:
    """The rows retold by a teacher that lives for as long, and what it cost; in an event loop of its own."""

    async def run() -> tuple[list[Told], dict[str, Any]]:
        async with make() as teacher:
            return await retell(teacher, task, rows, done), teacher.costs()

    return asyncio.run(run())
