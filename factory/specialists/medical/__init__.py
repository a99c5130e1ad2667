"""The medical specialist: a visit becomes a structured note, a one line summary, or the answer to a question over a note.

Synthetic; not clinical advice; no real patient.
"""

from __future__ import annotations

from factory.specialist import Description
from factory.specialists.medical.draw import Settings, draw
from factory.specialists.medical.marks import marks
from factory.specialists.medical.mutants import corrupt
from factory.specialists.medical.note import sections
from factory.specialists.medical.questions import ABSENT
from factory.specialists.medical.render import render
from factory.specialists.medical.state import TRAPS, State
from factory.specialists.medical.verify import verify

__all__ = ["NOTICE", "VERSION", "Settings", "State", "corrupt", "describe", "draw", "marks", "render", "verify"]

VERSION = 3
NOTICE = "Synthetic; not clinical advice; no real patient."


def describe(state: State) -> Description:
    """Family (the complaint group), balance key (task and sections, or the question) and what the reports are cut by."""
    shape = (
        state.question.kind
        if state.question
        else " ".join(name for name, items in sections(state.encounter).items() if items)
    )
    tags = {
        "difficulty": state.difficulty,
        "slice": state.form if state.task == "note" else state.task,
        **{trap: "yes" if trap in state.traps else "no" for trap in TRAPS},
    }
    if state.question:
        tags["answerable"] = "no" if state.question.answer == ABSENT else "yes"
    return Description(family=state.group, balance=f"{state.task} {state.form} {shape}", tags=tags)
