"""Stage two: what only the whole corpus can tell. Rows in = kept + dropped, each drop with its check and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from factory import filters
from factory.config import Specialist
from factory.errors import DataMistake
from factory.filters import Equipped
from factory.filters.contamination import SET
from factory.outside.files import Malformed, read
from factory.records import Example, Verdict, stream_id
from factory.rows import TOLD, read_exam, read_examples, write_examples, write_jsonl
from factory.specialist import find
from factory.store import Events, Made, Source
from factory.text import strings

LONGEST = 10_000_000
"""Bytes of a line of an evaluation set, at most."""


def filter(
    examples: Made,
    exam: Source,
    sets: Source | None,
    specialist: Specialist,
    filter: Mapping[str, Any],
    *,
    out: Path,
    events: Events,
) -> dict[str, Any]:
    """Writes `kept.parquet` (with its split: train or dev, by family) and `dropped.parquet` (check, reason, number).

    Where a filter could not judge a row it says so in `unjudged.jsonl` (id, check, reason, number), and the row goes on.
    """
    path = examples.file("examples.parquet")
    asked = [*read_exam(Path(exam.path)), *rows_of(filter["contamination"].sets if sets else {})]
    task = find(specialist.name)
    rows = kept = read_examples(path, TOLD)
    whole = read_examples(path)
    fates: dict[str, tuple[str, Verdict]] = {}
    edited: dict[str, Verdict] = {}
    unjudged: list[dict[str, Any]] = []
    for name, settings in filter.items():
        if name == "split":
            continue
        check, given = filters.find(name), kept
        if name == "contamination" and settings.marks and task.marks:
            check, given = partial(check, marked=task.marked), whole.where(lambda row, gone=fates: row not in gone)
        verdicts = check(given, settings, asked, events)
        gone = {row: verdict for row, verdict in verdicts.items() if verdict.fate == "dropped"}
        within(name, settings.budget, gone, len(kept))
        fates |= {row: (name, verdict) for row, verdict in gone.items()}
        events(f"{name}: {len(gone)} dropped")
        failed = [{"id": row} | entry(name, verdict) for row, verdict in verdicts.items() if verdict.fate == "failed"]
        if failed:
            unjudged += failed
            events(f"{name}: {len(failed)} not judged and kept, see unjudged.jsonl: {failed[0]['reason']}")
        if changed := {row: verdict for row, verdict in verdicts.items() if verdict.fate == "kept"}:
            edit = filters.edit(name, settings, changed)
            kept, whole, edited = kept.edited(edit), whole.edited(edit), edited | changed
            events(f"{name}: {len(changed)} kept with replacements")
        kept = kept.where(lambda row, gone=gone: row not in gone)
    families = Counter(row.family for row in kept)
    dev = held_back(families, filter["split"].dev_share)
    if len(kept) + len(fates) != len(rows) or not families.keys() - dev:
        raise DataMistake(
            "filter",
            f"{len(rows)} rows in, {len(kept)} kept, {len(fates)} dropped, none to train on",
            "loosen the filter that drops most: factory show filter",
        )
    write_examples(
        out / "kept.parquet",
        (
            replace(row, split="dev" if row.family in dev else "train")
            for row in whole.where(lambda row: row not in fates)
        ),
    )
    dropped = whole.where(fates.__contains__)
    write_examples(out / "dropped.parquet", dropped, (entry(*fates[row.id]) for row in dropped))
    if unjudged:
        write_jsonl(out / "unjudged.jsonl", unjudged)
    return (
        counts(families, dev, fates.values())
        | {"replaced": len(edited.keys() - fates.keys())}
        | ({"unjudged_by": dict(Counter(f"{row['check']}: {row['reason']}" for row in unjudged))} if unjudged else {})
        | {name: asked.record for name, asked in filter.items() if isinstance(asked, Equipped)}
    )


def rows_of(sets: Mapping[str, str]) -> Iterator[Example]:
    """The rows of evaluation sets, as texts only: every string in them; DataMistake names a row that cannot be read."""
    for name, path in sets.items():
        for number, row in read(Path(path).expanduser(), LONGEST):
            if isinstance(row, Malformed):
                raise DataMistake(f"{path}, line {number}", row, "mend it, or leave the set out")
            said = tuple({"role": "user", "content": text} for text in strings(row))
            yield Example(f"{name} {number}", said, "", None, f"{SET} {name}", split="exam")


def within(name: str, budget: float, verdicts: Mapping[str, Verdict], rows: int) -> None:
    """DataMistake where a filter drops a larger share than its budget: the fault is in the source then, not in the rows."""
    if len(verdicts) > budget * rows:
        (reason, count), *_ = Counter(verdict.reason for verdict in verdicts.values()).most_common(1)
        raise DataMistake(
            f"filter.{name}.budget={budget:g}",
            f"{len(verdicts)} of {rows} rows would be dropped ({len(verdicts) / rows:.0%}), {count} of them: {reason}",
            f"mend what makes such rows, or raise the budget: filter.{name}.budget=1",
        )


def held_back(families: Mapping[str, int], dev_share: float) -> set[str]:
    """The families that go whole to dev, in an order of their own, until it has its share of the rows."""
    dev: set[str] = set()
    for family in sorted(families, key=lambda name: stream_id("dev", name)):
        if sum(families[name] for name in dev) + families[family] / 2 < dev_share * sum(families.values()):
            dev.add(family)
    return dev


def entry(name: str, verdict: Verdict) -> dict[str, Any]:
    """A drop as columns beside its row."""
    return {"check": name, "reason": verdict.reason, "number": verdict.number}


def counts(families: Mapping[str, int], dev: set[str], fates: Collection[tuple[str, Verdict]]) -> dict[str, Any]:
    """What the run prints and the card shows."""
    kept, held = sum(families.values()), sum(families[name] for name in dev)
    return {
        "rows": kept + len(fates),
        "kept": kept,
        "dropped": len(fates),
        "dropped_by": dict(Counter(f"{name}: {verdict.reason}" for name, verdict in fates)),
        "train": kept - held,
        "dev": held,
        "families": len(families),
    }
