"""Rows from outside as Examples: read, recognised, given a family and an identity; each that is not is on record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from factory.config import Source
from factory.errors import DataMistake, Mistake
from factory.filters.near_duplicate import clusters
from factory.outside import State, describe
from factory.outside.files import Malformed, Numbered, read
from factory.outside.shapes import Told, shape_of, told
from factory.records import Example, stream_id
from factory.specialist import find
from factory.store import Events, digest


@dataclass
class Collected:
    """The rows that could be read, and those that could not: where and why."""

    examples: list[Example] = field(default_factory=list)
    malformed: list[tuple[str, str]] = field(default_factory=list)


def collect(name: str, source: Source, part: str, events: Events) -> Collected:
    """The rows of `source.train` or `source.exam` (the `part`) for the specialist of that name.

    A malformed row stops the run with its line or is left out on record, as `source.malformed` says. A row's id is that of
    its content, and of how often it stood before: neither its place nor the other rows change it.
    """
    if find(name).state is not State:
        raise Mistake(
            f"specialist={name}",
            f"it draws its own rows, source={source.kind} has none for it",
            "write a conf file of your own",
        )
    found, rows, shape = Collected(), [], ""
    where = getattr(source, part)
    for number, row in numbered(source, where):
        said, shape = recognised(row, shape, source, events)
        if isinstance(said, Malformed):
            place = f"{where}, {'row' if source.kind == 'hub' else 'line'} {number}"
            if source.malformed == "stop":
                raise DataMistake(place, said, "mend it, or leave such rows out: source.malformed=drop")
            found.malformed.append((place, said))
        else:
            rows.append((number, row, said))
    if not rows:
        first = found.malformed[0][1] if found.malformed else "nothing is in it but blank lines or a heading"
        raise DataMistake(where, f"no row can be read, {len(found.malformed)} are malformed", first)
    families = family_names(rows, source, events)
    found.examples = list(examples(name, rows, families, shape, source))
    return found


def numbered(source: Source, where: str) -> Numbered:
    """The raw rows of a file or of a hub's data set, with their numbers."""
    if source.kind != "hub":
        path = Path(where).expanduser()
        if not path.is_file():
            raise DataMistake(where, "no such file", "write source.train and source.exam as paths from here")
        yield from read(path, source.max_line)
        return
    from datasets import load_dataset

    yield from enumerate(load_dataset(source.dataset, split=where, revision=source.revision), 1)


def recognised(
    row: Mapping[str, Any] | Malformed, shape: str, source: Source, events: Events
) -> tuple[Told | Malformed, str]:
    """What a row says and the shape so far: the first row's, said once; another one is malformed."""
    if isinstance(row, Malformed):
        return row, shape
    own = shape_of(row, source)
    if isinstance(own, Malformed):
        return own, shape
    if not shape:
        events(f"rows are {own}: {', '.join(row)}")
    elif own != shape:
        return Malformed(f"{own}, where the rows before are {shape}"), shape
    said = told(row, own, source)
    return said if isinstance(said, Malformed) else worded(said, source.labels), own


def worded(said: Told, labels: Mapping[str, str]) -> Told | Malformed:
    """The row with the words for its answers, where those are codes: a small model spells a code letter by letter."""
    unknown = [one for one in (said.answer, said.rejected) if one is not None and labels and one not in labels]
    if unknown:
        return Malformed(f"source.labels has no words for {unknown[0]!r}")
    return replace(
        said, answer=labels.get(said.answer, said.answer), rejected=labels.get(said.rejected or "", said.rejected)
    )


def family_names(rows: list[tuple[int, Mapping[str, Any], Told]], source: Source, events: Events) -> list[str]:
    """The family of every row: its column, or its cluster of near-duplicate prompts, named by its first row's content."""
    if source.family:
        lacking = next((number for number, row, _ in rows if row.get(source.family) is None), None)
        if lacking:
            raise DataMistake(
                f"row {lacking}", f"no column {source.family}, which source.family names", "or null: clusters"
            )
        return [str(row[source.family]) for _, row, _ in rows]
    prompts = ["\n".join(message["content"] for message in said.messages) for _, _, said in rows]
    groups = clusters(prompts, source.similar, events)
    events(f"families: {len(set(groups))} clusters of prompts that share {source.similar:.0%} of their runs of words")
    return [digest(prompts[group])[:12] for group in groups]


def examples(
    name: str,
    rows: list[tuple[int, Mapping[str, Any], Told]],
    families: list[str],
    shape: str,
    source: Source,
) -> Iterator[Example]:
    """The rows as Examples."""
    before: Counter[str] = Counter()
    for (number, row, said), family in zip(rows, families, strict=True):
        content = digest(json.dumps(row, sort_keys=True, default=str))
        state = State(answer=said.answer, rejected=said.rejected, family=family, score=source.score)
        about = describe(state)
        identity = stream_id(name, content, before[content])
        before[content] += 1
        yield Example(
            id=identity,
            messages=said.messages,
            answer=said.answer,
            state=state.model_dump(mode="json"),
            family=about.family,
            tags={**about.tags, "origin": source.kind, "balance": about.balance or identity},
            provenance={"teacher": source.kind, "renderings": [], "shape": shape, "row": number},
        )
