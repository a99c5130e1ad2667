"""The schema families: what a database can be about, read from `data/sql/*.yaml`.

A family is a domain (library, clinic, airline): three linked tables with labels, synonyms and value ranges. It is what
never straddles a split: the exam's families are in `exam.yaml` and nothing else draws from that file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any, Literal

import yaml

from factory.errors import DataMistake
from factory.specialist import data_folder
from factory.text import random_word

Side = Literal["train", "exam"]


@dataclass(frozen=True)
class Field:
    """A column as a family describes it, before a schema gives it an identifier."""

    label: str
    synonym: str
    kind: str
    values: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    target: str = ""


@dataclass(frozen=True)
class Entity:
    """A table as a family describes it."""

    label: str
    synonym: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Family:
    """A domain: its name and its linked entities."""

    name: str
    entities: tuple[Entity, ...]


@cache
def families(side: Side) -> tuple[Family, ...]:
    """The families of one side, in the order of the file."""
    path = data_folder("sql") / f"{side}.yaml"
    return tuple(
        Family(name, tuple(entity(*pair) for pair in tables.items()))
        for name, tables in yaml.load(path.read_text(), yaml.CSafeLoader).items()
    )


@cache
def words() -> dict[str, list[str]]:
    """The word lists that fill names, titles and places."""
    return yaml.load((data_folder("sql") / "words.yaml").read_text(), yaml.CSafeLoader)


@cache
def label_words() -> tuple[str, ...]:
    """Every word of a training label that a made-up one may have."""
    labels = {label for family in families("train") for one in family.entities for label in labels_of(one)}
    found = {word for label in labels for word in label.split() if word.isalpha() and len(word) > 2}
    return tuple(sorted(found.difference(words()["meaning"])))


def labels_of(entity: Entity) -> list[str]:
    """The labels of an entity and its fields."""
    return [entity.label, *(field.label for field in entity.fields)]


def renamed(rng: Random, family: Family) -> Family:
    """The family under new names, half of their words from other labels and half invented; each its own synonym.

    What a query needs is then in the schema alone: names can be copied and matched, never known by heart.
    """
    names: dict[str, str] = {}
    for label in dict.fromkeys(label for one in family.entities for label in labels_of(one)):
        while (new := made_up(rng)) in names.values():
            pass
        names[label] = new

    def again(thing: Field | Entity, **more: Any) -> Any:
        return replace(thing, label=names[thing.label], synonym=names[thing.label], **more)

    def fields(one: Entity) -> tuple[Field, ...]:
        return tuple(again(field, target=names.get(field.target, field.target)) for field in one.fields)

    return replace(family, entities=tuple(again(one, fields=fields(one)) for one in family.entities))


def made_up(rng: Random) -> str:
    """A label of one or two words."""
    kinds = [rng.random() < 0.5 for _ in range(rng.choice((1, 2, 2)))]
    return " ".join(rng.choice(label_words()) if known else random_word(rng) for known in kinds)


def entity(heading: str, columns: dict[str, Any]) -> Entity:
    """An entity from its YAML block, `label = synonym` over its columns."""
    return Entity(*names(heading), tuple(field(*pair) for pair in columns.items()))


def names(heading: str) -> tuple[str, str]:
    """Label and synonym of `label = synonym`; a label alone is its own synonym."""
    label, _, synonym = (part.strip() for part in heading.partition("="))
    return label, synonym or label


def field(heading: str, kind: str) -> Field:
    """A field from `label = synonym: kind`, where kind is as the README of the folder lists."""
    label, synonym = names(heading)
    if kind.startswith("->"):
        return Field(label, synonym, "reference", target=kind[2:].strip())
    if kind in ("person", "title", "place"):
        return Field(label, synonym, kind)
    if span := re.fullmatch(r"(integer|real|year|date) (\d+)\.\.(\d+)", kind):
        return Field(label, synonym, span[1], low=int(span[2]), high=int(span[3]))
    values = tuple(value.strip() for value in kind.split(","))
    if len(values) < 2:
        raise DataMistake(
            f"data/sql: {heading}",
            f"'{kind}' is no kind of column",
            "write person, title, place, integer a..b, real a..b, year a..b, date a..b, -> table, or a comma list",
        )
    return Field(label, synonym, "category", values=values)
