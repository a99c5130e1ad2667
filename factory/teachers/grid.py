"""Rows for the points of a grid of attributes: a teacher writes prompt and answer, and nothing but the filters judges them."""

from __future__ import annotations

from dataclasses import replace

from factory.records import KEPT, Example, Verdict
from factory.specialist import Specialist
from factory.teachers import Failed, Teacher, Told
from factory.teachers.questions import SEVERAL, asked, template

__all__ = ["SEVERAL", "asked", "template", "told"]
SCHEMA = {
    "type": "object",
    "properties": {"prompt": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["prompt", "answer"],
    "additionalProperties": False,
}


async def told(teacher: Teacher, task: Specialist, row: Example, prompt: str) -> Told:
    """A seed with the prompt and the answer that the teacher wrote."""
    said = await teacher.ask(row.messages, SCHEMA, int(row.id[:8], 16))
    if isinstance(said, Failed):
        return Verdict("failed", f"teacher: {said.reason}"), None
    if not said["prompt"].strip() or not said["answer"].strip():
        return Verdict.drop("teacher: an empty prompt or answer"), None
    return KEPT, replace(
        row,
        messages=({"role": "user", "content": said["prompt"].strip()},),
        answer=said["answer"].strip(),
        state={**(row.state or {}), "answer": said["answer"].strip()},
        provenance={**row.provenance, "teacher": teacher.settings.kind, "renderings": []},
    )
