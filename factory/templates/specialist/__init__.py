"""The NAME specialist: a short note becomes its fields - who, what, amount, day.

This is an example that works, to be replaced piece by piece by the task you mean. It answers the questions of
`factory/specialist.py`: where states come from (`draw`), how a state is told (`render`), whether an answer is right
(`verify`, graded by `corrupt`), and what the reports are cut by (`describe`). What must be proven is `exam.jsonl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from factory.records import Rendered, Score
from factory.specialist import Description, lists_folder

VERSION = 1
"""Raise it with anything that changes what `draw`, `render` or `verify` make."""

TOLD = (
    "{who} writes about the {what}: {amount}, due on {day}.",
    "On {day} we see {who} about the {what}; {amount}.",
    "{what}: {who} calls back on {day} ({amount}).",
    "The {what} of {who} is to be settled by {day}, {amount}.",
    "Reminder for {day}: {who}, {what}, {amount}.",
    "{amount} for the {what}, says {who}, and not later than {day}.",
    "By {day}, {amount}: this is what {who} and we agreed on for the {what}.",
)
TOLD_HELD_OUT = (
    "We promised {who} an answer by {day} as to the {what}, {amount}.",
    "As for the {what}, {who} comes in on {day}; {amount}.",
    "{who} came by. The {what}; {amount}; until {day}.",
)
ASIDE = (
    "{who} had asked for {amount} before.",
    "Not to be mixed up with {who}, {amount}.",
    "{who} paid {amount} already.",
)
MONTHS = ("January", "February", "March", "April", "May", "June")
MONTHS += ("July", "August", "September", "October", "November", "December")


class Frozen(BaseModel):
    """What is drawn or set once and never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Settings(Frozen):
    """The `specialist.settings` of `conf/specialist/NAME.yaml`."""

    missing: float
    """Chance that the note names no amount; the right answer then says none."""
    aside: float
    """Chance that the note also names another person and amount, which are not asked for."""


class State(Frozen):
    """What a row is before it is text; checks, cuts and splits read this, never the text."""

    family: str
    who: str
    what: str
    amount: int | None
    day: str
    aside: tuple[str, int] | None


@cache
def lists(side: str) -> dict[str, Any]:
    """The families and names of one side; nothing of the exam's side is ever drawn for training."""
    return yaml.safe_load((lists_folder(Path(__file__).parent) / f"{side}.yaml").read_text())


def draw(rng: Random, settings: Settings, side: str) -> State:
    """One state of one side, train or exam."""
    known = lists(side)
    family = rng.choice(list(known["families"]))
    who, other = rng.sample([f"{first} {last}" for first in known["first"] for last in known["last"]], 2)
    return State(
        family=family,
        who=who,
        what=rng.choice(known["families"][family]),
        amount=None if rng.random() < settings.missing else rng.randint(20, 9999),
        day=f"{rng.randint(1, 28)} {rng.choice(MONTHS)}",
        aside=(other, rng.randint(20, 9999)) if rng.random() < settings.aside else None,
    )


def render(state: State, rng: Random, held_out: bool) -> Rendered:
    """The note with its question, and the right answer; held-out sentences are told in the exam only."""
    told = rng.choice(TOLD_HELD_OUT if held_out else TOLD)
    amount = f"{state.amount} euros" if state.amount else "the amount is open"
    note = told.format(who=state.who, what=state.what, amount=amount, day=state.day)
    if state.aside:
        note += " " + rng.choice(ASIDE).format(who=state.aside[0], amount=f"{state.aside[1]} euros")
    prompt = f"Note: {note[0].upper()}{note[1:]}\nGive who, what, amount and day."
    return Rendered(({"role": "user", "content": prompt},), text(gold(state)), (told,))


def gold(state: State) -> dict[str, str]:
    """The fields as they should be given."""
    return {"who": state.who, "what": state.what, "amount": str(state.amount or "none"), "day": state.day}


def text(fields: dict[str, str]) -> str:
    """One field a line."""
    return "\n".join(f"{name}: {value}" for name, value in fields.items())


def verify(state: State, answers: Sequence[str]) -> list[Score]:
    """One Score per answer: the share of the fields that are right, 1 only where nothing else is said."""
    return [score(gold(state), answer) for answer in answers]


def score(wanted: dict[str, str], answer: str) -> Score:
    """The score of one answer, with each field as a part and the first that is wrong as the reason."""
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    right = {name: float(f"{name}: {value}" in lines) for name, value in wanted.items()}
    value = sum(right.values()) / max(len(right), len(lines))
    wrong = next((f"wrong {name}" for name, share in right.items() if not share), "more lines than fields")
    return Score(value, "" if value == 1 else wrong, right)


def corrupt(state: State) -> list[str]:
    """Answers that look right and are not; `verify` must score every one below 1."""
    fields = gold(state)
    other, paid = state.aside or (f"{state.who} junior", (state.amount or 0) + 1)
    wrong = [
        {**fields, "who": other},
        {**fields, "amount": str(paid)},
        {**fields, "what": state.family},
        {name: value for name, value in fields.items() if name != "day"},
        {**fields, "remark": "urgent"},
    ]
    return [text(one) for one in wrong if one != fields]


def describe(state: State) -> Description:
    """What never straddles a split, what is capped, and the labels that the report is cut by."""
    tags = {
        "difficulty": "hard" if state.aside else "easy",
        "amount": "named" if state.amount else "none",
    }
    return Description(family=state.family, balance=f"{state.family}: {state.what}", tags=tags)
