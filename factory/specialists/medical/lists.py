"""What encounters are drawn from, read once from `data/medical`: complaint groups, medicines, phrases.

A group is what never straddles a split: the exam's are in `exam.yaml`, and nothing else draws from that file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import yaml

from factory.specialist import data_folder

Side = Literal["train", "exam"]


@dataclass(frozen=True)
class Group:
    """A complaint group: its own complaints and assessments, and what goes with them."""

    name: str
    complaints: tuple[str, ...]
    symptoms: tuple[str, ...]
    findings: tuple[str, ...]
    assessments: tuple[str, ...]
    plan: tuple[str, ...]
    drugs: tuple[str, ...]
    sided: bool = False
    sex: str = ""
    oldest: int = 89


@dataclass(frozen=True)
class Drug:
    """A medicine with the doses and frequencies it is given in; `heard` is what a recogniser makes of its name."""

    name: str
    doses: tuple[int, ...]
    unit: str
    often: tuple[str, ...]
    heard: str = ""


@dataclass(frozen=True)
class Range:
    """A measurement: whole numbers from low to high, and how they are written."""

    low: int
    high: int
    unit: str = ""
    tenths: bool = False
    over: bool = False


@dataclass(frozen=True)
class Common:
    """What all groups share."""

    drugs: dict[str, Drug]
    vitals: dict[str, Range]
    lay: dict[str, tuple[str, ...]]
    often: dict[str, tuple[str, ...]]
    units: dict[str, tuple[str, ...]]
    confusions: dict[str, str]
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The plain lists by name: history, runs, relatives, allergies, and so on."""


@cache
def groups(side: Side) -> tuple[Group, ...]:
    """The complaint groups of one side, in the order of the file."""
    return tuple(Group(name, **tupled(parts)) for name, parts in read(side).items())


@cache
def common() -> Common:
    """The lists that both sides share."""
    lists = read("common")
    return Common(
        drugs={name: Drug(name, **tupled(parts)) for name, parts in lists.pop("drugs").items()},
        vitals={name: Range(**parts) for name, parts in lists.pop("vitals").items()},
        lay=tupled(lists.pop("lay")),
        often=tupled(lists.pop("often")),
        units=tupled(lists.pop("units")),
        confusions=lists.pop("confusions"),
        words=tupled(lists),
    )


@cache
def phrases() -> dict[str, tuple[str, ...]]:
    """How each act is said; a phrase that starts with `~` is held out of training."""
    return tupled(read("phrases"))


@cache
def terms() -> dict[str, str]:
    """Every lay word or phrase and the term it stands for."""
    return {said: term for term, words in common().lay.items() for said in words}


def read(name: str) -> dict[str, Any]:
    """One file of the folder."""
    return yaml.load((data_folder("medical") / f"{name}.yaml").read_text(), yaml.CSafeLoader)


def tupled(parts: dict[str, Any]) -> dict[str, Any]:
    """The same with tuples for lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in parts.items()}
