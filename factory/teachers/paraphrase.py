"""A grammar row's prompt in other words: a teacher says it, the specialist reads it back, and only the same meaning is kept.

The prompt that the teacher is given is a file beside the specialist's lists, `paraphrase.txt`, with the words to be said in the
place of `{text}`; as one of the lists it is part of the key of what is made.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from factory.errors import Mistake
from factory.records import KEPT, Example, Verdict, stream_id
from factory.specialist import Specialist
from factory.teachers import Failed, Teacher, Told
from factory.text import words

SEVERAL = False
SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}


def template(task: Specialist) -> str:
    """The prompt for the teacher; Mistake where the specialist has none, or cannot read a row back."""
    return readable(task, "paraphrase.txt", ["{text}"])


def readable(task: Specialist, file: str, places: list[str]) -> str:
    """The prompt of that file, each place in it once; Mistake where the specialist has none, or cannot read a row back."""
    path = task.lists / file
    if task.reads is None or task.telling is None or not path.is_file():
        raise Mistake(
            f"specialist={task.name}",
            "its rows cannot be said in other words",
            f"it needs `telling` and `reads` in its module, and {path}",
        )
    text = path.read_text(encoding="utf-8")
    if any(text.count(place) != 1 for place in places):
        raise Mistake(str(path), f"needs {' and '.join(places)} once", f"look at {Path('data/sql') / file}")
    return text


def asked(task: Specialist, row: Example, prompt: str) -> str:
    """The prompt with the words in their place."""
    return prompt.replace("{text}", task.telling(row.prompt))


async def told(teacher: Teacher, task: Specialist, row: Example, prompt: str) -> Told:
    """One row in other words."""
    return await said(teacher, task, row, "paraphrase", prompt, asked(task, row, prompt))


async def said(teacher: Teacher, task: Specialist, row: Example, recipe: str, prompt: str, question: str) -> Told:
    """The row with what the teacher says in the place of what it told, where it is another text that reads the same."""
    part = task.telling(row.prompt)
    answer = await teacher.ask([{"role": "user", "content": question}], SCHEMA, int(row.id[:8], 16))
    if isinstance(answer, Failed):
        return Verdict("failed", f"teacher: {answer.reason}"), None
    text = " ".join(answer["text"].split())
    if words(text) == words(part):
        return Verdict.drop("teacher: said as before"), None
    retold = replace(
        row,
        messages=tuple({**turn, "content": turn["content"].replace(part, text)} for turn in row.messages),
        tags={**row.tags, "origin": recipe},
        provenance={**row.provenance, "teacher": teacher.settings.kind, "prompt": stream_id(prompt), "before": part},
    )
    faults = task.reads(row.state, retold.prompt, retold.answer)
    return (Verdict.drop("teacher: another meaning", len(faults)), None) if faults else (KEPT, retold)
