"""Questions over a note: what can be asked of an encounter, answerable or not, and the short answers."""

from __future__ import annotations

from random import Random

from factory.specialist import Inapplicable
from factory.specialists.medical.lists import Group, common
from factory.specialists.medical.state import Difficulty, Encounter, Question, amount

ABSENT = "not stated"
KINDS = {
    "easy": ("age", "duration", "course", "severity", "side", "vital", "assessment", "allergy", "return", "start"),
    "medium": ("dose", "often", "symptom", "stopped", "vital", "duration", "start"),
    "hard": ("symptom", "history", "relative", "was", "dose", "often", "stopped"),
}


def ask(rng: Random, encounter: Encounter, group: Group, difficulty: Difficulty, unanswerable: float) -> Question:
    """A question of a kind that suits the difficulty; Inapplicable where the encounter has none."""
    wanted = rng.random() < unanswerable
    kinds = KINDS[difficulty]
    open_to = [q for q in questions(encounter, group) if q.kind in kinds and (q.answer == ABSENT) == wanted]
    if not open_to:
        raise Inapplicable("no question fits the encounter")
    kind = rng.choice(sorted({q.kind for q in open_to}))
    return rng.choice([q for q in open_to if q.kind == kind])


def questions(encounter: Encounter, group: Group) -> list[Question]:
    """Every question that can be asked of the encounter, those it does not answer included."""
    complaint = encounter.complaint
    told = {
        "age": str(encounter.age) if encounter.age else "",
        "duration": f"since {complaint.since}" if complaint.since else complaint.span.text() if complaint.span else "",
        "course": complaint.course,
        "severity": complaint.severity,
        "side": complaint.side,
        "assessment": encounter.assessment,
        "allergy": encounter.allergies[0] if encounter.allergies else "",
        "return": encounter.back.text() if encounter.back else "",
        "start": encounter.start.name if encounter.start else "",
        "stopped": next((taken.name for taken in encounter.medications if taken.stopped), ""),
    }
    plain = [Question(kind=kind, about="", answer=answer or ABSENT) for kind, answer in told.items()]
    return [*plain, *about_vitals(encounter), *about_drugs(encounter, group), *about_illness(encounter, group)]


def about_vitals(encounter: Encounter) -> list[Question]:
    """The value of every vital sign there is."""
    values = {vital.name: vital.value for vital in encounter.vitals}
    return [Question(kind="vital", about=name, answer=values.get(name, ABSENT)) for name in common().vitals]


def about_drugs(encounter: Encounter, group: Group) -> list[Question]:
    """Dose, frequency and earlier dose of the medicines in the note, and of some that are not."""
    found = []
    taken = [*encounter.medications, *([encounter.start] if encounter.start else [])]
    for one in taken:
        stated = one.dose is not None
        found += [
            Question(kind="dose", about=one.name, answer=amount(one.dose, one.unit) if stated else ABSENT),
            Question(kind="often", about=one.name, answer=one.often if stated else ABSENT),
        ]
        if one.was is not None:
            found.append(Question(kind="was", about=one.name, answer=amount(one.was, one.unit)))
    names = {one.name for one in taken}
    others = [name for name in group.drugs if name not in names]
    return [*found, *(Question(kind=kind, about=name, answer=ABSENT) for name in others for kind in ("dose", "often"))]


def about_illness(encounter: Encounter, group: Group) -> list[Question]:
    """Whether the patient has a symptom or an illness, and who in the family has one."""
    answers = {True: "yes", False: "no"}
    symptoms = {sign.name: answers[sign.present] for sign in encounter.symptoms}
    history = {sign.name: answers[sign.present] for sign in encounter.history}
    relatives = {relative.illness: relative.who for relative in encounter.family}
    near = {*common().words["history"][:6], *history, *relatives}
    asked = [("symptom", name, symptoms) for name in sorted({*group.symptoms, *symptoms})]
    asked += [
        (kind, name, told) for kind, told in (("history", history), ("relative", relatives)) for name in sorted(near)
    ]
    return [Question(kind=kind, about=name, answer=told.get(name, ABSENT)) for kind, name, told in asked]
