"""The structured note and the one line summary: how they are written, and how their facts are read back.

The note has one section a line, in this order, only those that have facts, `;` between facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from factory.specialists.medical.lists import common
from factory.specialists.medical.state import Complaint, Encounter

SECTIONS = (
    "Patient",
    "Complaint",
    "Symptoms",
    "History",
    "Family",
    "Medication",
    "Allergies",
    "Vitals",
    "Findings",
    "Assessment",
    "Plan",
)


class Fact(NamedTuple):
    """A stated fact: its section, what it is about, which property of it, and the value (polarity, number with unit)."""

    section: str
    about: str
    kind: str
    value: str


def note(encounter: Encounter) -> str:
    """The note of an encounter."""
    return "\n".join(f"{name} : {' ; '.join(items)}" for name, items in sections(encounter).items() if items)


def sections(encounter: Encounter) -> dict[str, list[str]]:
    """The items of every section of the note, in the order they were drawn."""
    plan = [*encounter.plan]
    plan += [f"start {encounter.start.text()}"] if encounter.start else []
    plan += [f"return in {encounter.back.text()}"] if encounter.back else []
    return {
        "Patient": [patient(encounter)] if encounter.age else [],
        "Complaint": complaint(encounter.complaint),
        "Symptoms": [sign.text() for sign in encounter.symptoms],
        "History": [sign.text() for sign in encounter.history],
        "Family": [f"{one.who} {one.illness}" for one in encounter.family],
        "Medication": [one.text() for one in encounter.medications],
        "Allergies": list(encounter.allergies),
        "Vitals": [f"{vital.name} {vital.value}" for vital in encounter.vitals],
        "Findings": [sign.text() for sign in encounter.findings],
        "Assessment": [encounter.assessment] if encounter.assessment else [],
        "Plan": plan,
    }


def patient(encounter: Encounter) -> str:
    """Who it is."""
    return f"{encounter.age} year old {encounter.sex}"


def complaint(complaint: Complaint) -> list[str]:
    """The complaint and what is known of it."""
    parts = [complaint.name, onset(complaint), complaint.course, complaint.severity, complaint.side]
    return [part for part in parts if part]


def onset(complaint: Complaint) -> str:
    """Since when, where that was stated."""
    if complaint.since:
        return f"since {complaint.since}"
    return f"for {complaint.span.text()}" if complaint.span else ""


def summary(encounter: Encounter) -> str:
    """The case in one line: who, what, how long, what it is, what was planned."""
    who = patient(encounter) if encounter.age else "patient"
    parts = [f"{who} with {encounter.complaint.name} {onset(encounter.complaint)}".strip()]
    parts += [f"assessed as {encounter.assessment}"] if encounter.assessment else []
    parts += [f"plan {' , '.join(encounter.plan)}"] if encounter.plan else []
    return " ; ".join(parts)


def read_note(text: str) -> tuple[list[Fact], list[str]]:
    """The facts of a note, and the lines that are no line of a note: no known section, one twice, or out of order."""
    facts: list[Fact] = []
    broken: list[str] = []
    last = -1
    for line in filter(str.strip, text.splitlines()):
        place, stated = read_line(line)
        if place <= last:
            broken.append(line)
        else:
            last = place
            facts += stated
    return facts, broken


@lru_cache(maxsize=4096)
def read_line(line: str) -> tuple[int, tuple[Fact, ...]]:
    """The place of a line's section and the line's facts; -1 where it is no line of a note."""
    name, colon, rest = line.partition(":")
    place = ORDER.get(name.strip().casefold(), -1)
    items = [" ".join(item.casefold().split()) for item in rest.split(";")]
    if not colon or place < 0 or not all(items):
        return -1, ()
    section = SECTIONS[place]
    return place, tuple(fact for number, item in enumerate(items) for fact in read_item(section, item, number == 0))


def read_item(section: str, item: str, first: bool) -> Iterator[Fact]:
    """The facts of one item of a section; an item of no known form is one fact, under its own words."""
    match section:
        case "Patient":
            yield from read_patient(item)
        case "Complaint":
            yield Fact(section, "", "name" if first else complaint_kind(item), item)
        case "Symptoms" | "History" | "Findings":
            denied = item.startswith("no ")
            yield Fact(section, item.removeprefix("no "), "polarity", "absent" if denied else "present")
        case "Family":
            who, _, illness = item.partition(" ")
            yield Fact(section, illness, "relative", who)
        case "Medication":
            yield from read_medication(section, item)
        case "Vitals":
            name = next((name for name in common().vitals if item.startswith(f"{name} ")), "")
            yield Fact(section, name, "value", item.removeprefix(name).strip())
        case "Plan" if item.startswith("start "):
            yield from read_medication(section, item.removeprefix("start "))
        case _:
            yield Fact(section, "", "name", item)


def read_patient(text: str) -> Iterator[Fact]:
    """Age and sex; any other words are one fact of their own."""
    if told := re.fullmatch(r"(\d+) year old (man|woman)", text):
        yield Fact("Patient", "", "age", told[1])
        yield Fact("Patient", "", "sex", told[2])
    else:
        yield Fact("Patient", "", "words", text)


def complaint_kind(item: str) -> str:
    """Which property of the complaint an item states."""
    if item.startswith(("for ", "since ")):
        return "onset"
    if item.startswith("on "):
        return "side"
    if item in common().words["courses"]:
        return "course"
    return "severity"


def read_medication(section: str, item: str) -> Iterator[Fact]:
    """Name, dose with unit, frequency and earlier dose of a medicine, taken or stopped."""
    if item.startswith("stopped "):
        yield Fact(section, item.removeprefix("stopped "), "use", "stopped")
        return
    told = MEDICATION.fullmatch(item)
    if told is None:
        yield Fact(section, item, "use", "taken")
        return
    name, dose, often, was = told["name"], told["dose"], told["often"], told["was"]
    yield Fact(section, name, "use", "taken")
    for kind, value in (("dose", dose), ("often", often), ("was", was)):
        if value:
            yield Fact(section, name, kind, value)


def read_summary(text: str) -> tuple[list[Fact], list[str]]:
    """The facts of a summary, and the whole text where it is not in the form of one."""
    told = SUMMARY.fullmatch(" ".join(text.casefold().split()))
    if told is None:
        return [], [text]
    facts = [] if told["who"] == "patient" else list(read_patient(told["who"]))
    facts.append(Fact("Complaint", "", "name", told["name"]))
    facts += [Fact("Complaint", "", "onset", told["onset"])] if told["onset"] else []
    facts += [Fact("Assessment", "", "name", told["assessment"])] if told["assessment"] else []
    facts += [Fact("Plan", "", "name", item.strip()) for item in (told["plan"] or "").split(" , ") if item.strip()]
    return facts, []


ORDER = {name.casefold(): place for place, name in enumerate(SECTIONS)}
AMOUNT = r"\d+(?:\.\d+)? (?:mg|mcg|g|units|unit|puffs|puff|sachets|sachet)"
MEDICATION = re.compile(
    rf"(?P<name>[a-z ]+?) (?P<dose>{AMOUNT})(?: (?P<often>[a-z0-9 ]+?))?(?: \( was (?P<was>{AMOUNT}) \))?"
)
SUMMARY = re.compile(
    r"(?P<who>.+?) with (?P<name>.+?)(?: (?P<onset>(?:for \d+|since) [a-z ]+?))?"
    r"(?: ; assessed as (?P<assessment>[^;]+?))?(?: ; plan (?P<plan>[^;]+))?"
)
