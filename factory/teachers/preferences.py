"""Pairs of a right and a wrong answer to the grammar's prompts, by the specialist's verifier: what DPO learns from.

The right one is the grammar's, so that no row is lost because it is hard; the wrong one is the best of the teacher's wrong ones
(ask the specialist itself: teacher=local). Rows to which every answer is right have nothing to prefer and go.
"""

from __future__ import annotations

from factory.records import KEPT, Example, Verdict
from factory.specialist import Specialist
from factory.teachers import Failed, Teacher, Told
from factory.teachers.best_of_n import SEVERAL, answers, asked, taught, template

__all__ = ["SEVERAL", "asked", "template", "told"]


async def told(teacher: Teacher, task: Specialist, row: Example, prompt: str) -> Told:
    """One row with an answer to be rejected."""
    graded = await answers(teacher, task, row)
    if isinstance(graded, Failed):
        return Verdict("failed", f"teacher: {graded.reason}"), None
    if all(value >= 1 for _, value in graded):
        return Verdict.drop("teacher: every answer is right"), None
    return KEPT, taught(row, teacher, "preferences", graded)
