"""A teacher answers the grammar's prompts several times, and the specialist's verifier chooses (rejection sampling).

The row keeps the first right answer in the teacher's own words, and the best of its wrong ones as the one to be rejected.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from factory.records import KEPT, Example, Verdict
from factory.specialist import Specialist
from factory.teachers import Failed, Teacher, Told

SEVERAL = True


def template(task: Specialist) -> str:
    """Nothing stands around the row's own prompt."""
    return ""


def asked(task: Specialist, row: Example, prompt: str) -> str:
    """The row's own prompt."""
    return row.prompt


async def told(teacher: Teacher, task: Specialist, row: Example, prompt: str) -> Told:
    """One row with an answer of the teacher's that is right; dropped where none is."""
    graded = await answers(teacher, task, row)
    if isinstance(graded, Failed):
        return Verdict("failed", f"teacher: {graded.reason}"), None
    right = [text for text, value in graded if value >= 1]
    if not right:
        return Verdict.drop("teacher: no answer is right", max(value for _, value in graded)), None
    return KEPT, taught(row, teacher, "best_of_n", graded, answer=right[0])


async def answers(teacher: Teacher, task: Specialist, row: Example) -> list[tuple[str, float]] | Failed:
    """The different answers that came, each with its score; why there is none where none came."""
    said = [await teacher.say(row.messages, None, int(row.id[:8], 16) + n) for n in range(teacher.settings.samples)]
    texts = list(dict.fromkeys(text.strip() for text in said if not isinstance(text, Failed)))
    teacher.counts["answers that came to nothing"] += sum(isinstance(text, Failed) for text in said)
    if not texts:
        return next(text for text in said if isinstance(text, Failed))
    return list(zip(texts, (score.value for score in task.grade(row, texts)), strict=True))


def taught(row: Example, teacher: Teacher, recipe: str, graded: list[tuple[str, float]], **changes: Any) -> Example:
    """The row with how it came about; the best of the wrong answers is the one to be rejected."""
    wrong = max(((value, text) for text, value in graded if value < 1), default=None)
    facts = {"teacher": teacher.settings.kind, "answers": len(graded), "right": sum(value >= 1 for _, value in graded)}
    rejected = {"rejected": wrong[1], "rejected_score": round(wrong[0], 4)} if wrong else {}
    tags = {**row.tags, "origin": recipe}
    return replace(row, tags=tags, provenance={**row.provenance, **facts, **rejected}, **changes)
