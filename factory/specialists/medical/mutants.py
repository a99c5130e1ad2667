"""Wrong answers that look right: a fact of the gold dropped, turned, moved or made up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from factory.specialists.medical.note import note, summary
from factory.specialists.medical.questions import ABSENT
from factory.specialists.medical.state import Complaint, Encounter, Medication, Relative, Sign, Span, State

TURNED = {"yes": "no", "no": "yes", ABSENT: "yes"}
UNITS = {"mg": "mcg", "mcg": "mg", "units": "mg", "puffs": "units", "sachets": "puffs"}
OFTEN = {"once daily": "twice daily", "twice daily": "once daily"}
SIDES = {"on the left": "on the right", "on the right": "on the left", "on both sides": "on the left"}


def corrupt(state: State) -> list[str]:
    """Wrong answers to the state, without repeats; each differs from the gold by one fact."""
    if state.question:
        return list(dict.fromkeys(wrong_answers(state.question.answer)))
    write = note if state.task == "note" else summary
    gold = write(state.encounter)
    texts = [write(mutant) for mutant in mutants(state.encounter)] + [f"{gold} and more", f"Note {gold}"]
    return [text for text in dict.fromkeys(texts) if text != gold and text.strip()]


def wrong_answers(answer: str) -> Iterator[str]:
    """Short answers near the right one: another number, the opposite, too much, nothing stated."""
    yield TURNED.get(answer, ABSENT)
    yield f"{answer} and fever"
    if number := re.search(r"\d+", answer):
        yield f"{answer[: number.start()]}{int(number[0]) + 1}{answer[number.end() :]}"
    for unit, other in UNITS.items():
        if answer.endswith(f" {unit}"):
            yield f"{answer.removesuffix(unit)}{other}"


def mutants(encounter: Encounter) -> Iterator[Encounter]:
    """Every mutant of an encounter, one change each."""
    if encounter.age:
        yield edit(encounter, age=encounter.age + 1)
        yield edit(encounter, age=encounter.age + 10)
        yield edit(encounter, sex="man" if encounter.sex == "woman" else "woman")
        yield edit(encounter, age=None, sex="")
    for complaint in changed_complaint(encounter.complaint):
        yield edit(encounter, complaint=complaint)
    for part in ("symptoms", "history", "findings"):
        yield from changed_signs(encounter, part)
    yield from changed_family(encounter)
    yield from changed_medications(encounter)
    yield from changed_rest(encounter)


def changed_complaint(complaint: Complaint) -> Iterator[Complaint]:
    """Another onset, side or severity, or none."""
    if complaint.span:
        span = complaint.span
        yield edit(complaint, span=Span(count=span.count + 1, unit=span.unit))
        yield edit(complaint, span=Span(count=span.count, unit="week" if span.unit == "day" else "day"))
        yield edit(complaint, span=None)
    if complaint.since:
        yield edit(complaint, since="")
    if complaint.side:
        yield edit(complaint, side=SIDES[complaint.side])
    for part in ("course", "severity", "side"):
        if getattr(complaint, part):
            yield edit(complaint, **{part: ""})


def changed_signs(encounter: Encounter, part: str) -> Iterator[Encounter]:
    """A sign turned, dropped, or made up."""
    signs: tuple[Sign, ...] = getattr(encounter, part)
    for i, sign in enumerate(signs):
        yield edit(encounter, **{part: (*signs[:i], edit(sign, present=not sign.present), *signs[i + 1 :])})
        yield edit(encounter, **{part: signs[:i] + signs[i + 1 :]})
    yield edit(encounter, **{part: (*signs, Sign(name="hiccups"))})


def changed_family(encounter: Encounter) -> Iterator[Encounter]:
    """Own and family history exchanged; another relative."""
    family, history = encounter.family, encounter.history
    for one in family:
        who = "father" if one.who != "father" else "mother"
        own = Sign(name=one.illness)
        yield edit(encounter, family=(Relative(who=who, illness=one.illness),))
        yield edit(encounter, family=(), history=(*(sign for sign in history if sign.name != one.illness), own))
        yield edit(encounter, family=())
    if history and not family:
        yield edit(encounter, family=(Relative(who="mother", illness=history[0].name),), history=history[1:])


def changed_medications(encounter: Encounter) -> Iterator[Encounter]:
    """A medicine with another dose, unit, frequency or use, dropped, or made up; likewise the new one."""
    taken = encounter.medications
    for i, one in enumerate(taken):
        for changed in changed_medication(one):
            yield edit(encounter, medications=(*taken[:i], changed, *taken[i + 1 :]))
        yield edit(encounter, medications=taken[:i] + taken[i + 1 :])
    yield edit(encounter, medications=(*taken, Medication(name="ketamine", dose=20, unit="mg", often="once daily")))
    if encounter.start:
        yield edit(encounter, start=None)
        for changed in changed_medication(encounter.start):
            yield edit(encounter, start=changed)


def changed_medication(one: Medication) -> Iterator[Medication]:
    """The medicine with one property changed."""
    if one.stopped:
        yield edit(one, stopped=False)
        return
    yield edit(one, stopped=True)
    if one.dose is None:
        yield edit(one, dose=20, unit="mg", often="once daily")
        return
    yield edit(one, dose=one.dose * 10)
    yield edit(one, dose=one.dose + 1)
    yield edit(one, unit=UNITS[one.unit])
    yield edit(one, often=OFTEN.get(one.often, "twice daily"))
    yield edit(one, dose=None, often="", was=None)
    if one.was is not None:
        yield edit(one, was=None)
        yield edit(one, dose=one.was, was=one.dose)


def changed_rest(encounter: Encounter) -> Iterator[Encounter]:
    """Allergies, vital signs, assessment and plan: turned, with another number, dropped, or made up."""
    yield edit(encounter, allergies=() if encounter.allergies else ("none",))
    if encounter.allergies:
        yield edit(encounter, allergies=("penicillin",) if encounter.allergies == ("none",) else ("none",))
    for i, vital in enumerate(encounter.vitals):
        other = re.sub(r"\d+", lambda number: str(int(number[0]) + 1), vital.value, count=1)
        yield edit(encounter, vitals=(*encounter.vitals[:i], edit(vital, value=other), *encounter.vitals[i + 1 :]))
        yield edit(encounter, vitals=encounter.vitals[:i] + encounter.vitals[i + 1 :])
    yield edit(encounter, assessment="" if encounter.assessment else "hiccups")
    yield edit(encounter, plan=(*encounter.plan, "hypnosis"))
    if encounter.plan:
        yield edit(encounter, plan=encounter.plan[1:])
    if encounter.back:
        yield edit(encounter, back=edit(encounter.back, count=encounter.back.count + 1))
        yield edit(encounter, back=None)


def edit(thing: Any, **changes: Any) -> Any:
    """The same with some parts changed."""
    return thing.model_copy(update=changes)
