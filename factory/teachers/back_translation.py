"""A prompt for an answer: a teacher sees the answer and what stands around the question, and asks what has that answer.

What it asks is read back like a paraphrase; the grammar's own question is never shown to it. The prompt is the file
`back_translation.txt` beside the specialist's lists, with `{context}` and `{answer}`.
"""

from __future__ import annotations

from factory.records import Example
from factory.specialist import Specialist
from factory.teachers import Teacher, Told
from factory.teachers.paraphrase import readable, said

SEVERAL = False


def template(task: Specialist) -> str:
    """The prompt for the teacher; Mistake where the specialist has none, or cannot read a row back."""
    return readable(task, "back_translation.txt", ["{context}", "{answer}"])


def asked(task: Specialist, row: Example, prompt: str) -> str:
    """The prompt with the row's answer, and with all of its own prompt but what it tells."""
    context = row.prompt.replace(task.telling(row.prompt), "").strip()
    return prompt.replace("{context}", context).replace("{answer}", row.answer)


async def told(teacher: Teacher, task: Specialist, row: Example, prompt: str) -> Told:
    """One row, asked for by another."""
    return await said(teacher, task, row, "back_translation", prompt, asked(task, row, prompt))
