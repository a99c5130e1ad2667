"""The typed encounter: what a medical row is before it is text."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Difficulty = Literal["easy", "medium", "hard"]
Task = Literal["note", "summary", "question"]
Form = Literal["dialogue", "dictation", "note"]
Trap = Literal["negation", "correction", "units", "stopped", "family", "fillers", "misheard"]
TRAPS: tuple[Trap, ...] = ("negation", "correction", "units", "stopped", "family", "fillers", "misheard")


class Frozen(BaseModel):
    """A typed value that cannot be changed after it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sign(Frozen):
    """A symptom, a finding or an illness, present or denied."""

    name: str
    present: bool = True

    def text(self) -> str:
        """As the note writes it."""
        return self.name if self.present else f"no {self.name}"


class Span(Frozen):
    """A length of time: a count of days, weeks, months or years."""

    count: int
    unit: Literal["day", "week", "month", "year"]

    def text(self) -> str:
        """As the note writes it: 1 day, 3 weeks."""
        return f"{self.count} {self.unit}{'s' if self.count != 1 else ''}"


class Complaint(Frozen):
    """Why the patient came; every part but the name may be absent. `since` is a day or a season, instead of a span."""

    name: str
    span: Span | None = None
    since: str = ""
    course: str = ""
    severity: str = ""
    side: str = ""


class Medication(Frozen):
    """A medicine: taken (dose and frequency may be unknown), stopped, or changed from an earlier dose (`was`)."""

    name: str
    dose: int | None = None
    unit: str = ""
    often: str = ""
    stopped: bool = False
    was: int | None = None

    def text(self) -> str:
        """As the note writes it."""
        if self.stopped:
            return f"stopped {self.name}"
        parts = [self.name] if self.dose is None else [self.name, amount(self.dose, self.unit), self.often]
        return " ".join([*parts, *([f"( was {amount(self.was, self.unit)} )"] if self.was is not None else [])])


class Relative(Frozen):
    """An illness in the family, and whose it is."""

    who: str
    illness: str


class Vital(Frozen):
    """A measurement: its name and its number with what belongs to it, as 88, 130 over 80, 96 percent."""

    name: str
    value: str


class Encounter(Frozen):
    """All stated facts of a visit; an empty part was not spoken of. `allergies` is ("none",) where they were denied."""

    age: int | None
    sex: Literal["", "man", "woman"]
    complaint: Complaint
    symptoms: tuple[Sign, ...] = ()
    history: tuple[Sign, ...] = ()
    family: tuple[Relative, ...] = ()
    medications: tuple[Medication, ...] = ()
    allergies: tuple[str, ...] = ()
    vitals: tuple[Vital, ...] = ()
    findings: tuple[Sign, ...] = ()
    assessment: str = ""
    plan: tuple[str, ...] = ()
    start: Medication | None = None
    back: Span | None = None


class Slip(Frozen):
    """A value said wrong at first and then corrected: where, and the wrong value as the note would write it."""

    field: Literal["span", "dose", "age", "side", "vital"]
    subject: str
    wrong: str
    late: bool
    """Corrected at the end of the talk, not in the same breath."""


class Question(Frozen):
    """A question over the note: its kind, what it is about, and the short answer."""

    kind: str
    about: str
    answer: str


class State(Frozen):
    """Everything a medical row is rendered from. `lay` are the terms told in a patient's words."""

    group: str
    task: Task
    form: Form
    difficulty: Difficulty
    traps: tuple[Trap, ...]
    encounter: Encounter
    slip: Slip | None = None
    lay: tuple[str, ...] = ()
    question: Question | None = None


def amount(dose: int, unit: str) -> str:
    """A dose as the note writes it."""
    return f"{dose} {unit}"


def convertible(dose: int, unit: str) -> bool:
    """Whether a dose is also told in grams: multiples of 100 mg, 250 mg and 750 mg."""
    return unit == "mg" and (dose % 100 == 0 or dose in (250, 750))
