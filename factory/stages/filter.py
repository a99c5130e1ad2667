"""Stage two: what only the whole corpus can tell. Rows in = kept + dropped, each drop with its check and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from factory import filters
from factory.config import FilterTable
from factory.errors import DataMistake
from factory.records import Example, Verdict, stream_id
from factory.rows import read_exam, read_examples, write_examples
from factory.store import Events, Made, Source


def filter(examples: Made, exam: Source, filter: FilterTable, *, out: Path, events: Events) -> dict[str, Any]:
    """Writes `kept.parquet` (with its split: train or dev, by family) and `dropped.parquet` (check, reason, number)."""
    rows, asked = read_examples(examples.file("examples.parquet")), read_exam(Path(exam.path))
    kept, dropped = list(rows), []
    for name, settings in filter.items():
        if name == "split":
            continue
        verdicts = filters.find(name)(kept, settings, asked, events)
        within(name, settings.budget, verdicts, len(kept))
        dropped += [(row, name, verdicts[row.id]) for row in kept if row.id in verdicts]
        kept = [row for row in kept if row.id not in verdicts]
        events(f"{name}: {len(verdicts)} dropped")
    kept = split(kept, filter["split"].dev_share)
    if len(kept) + len(dropped) != len(rows) or not any(row.split == "train" for row in kept):
        raise DataMistake(
            "filter",
            f"{len(rows)} rows in, {len(kept)} kept, {len(dropped)} dropped, none to train on",
            "loosen the filter that drops most: factory show filter",
        )
    write_examples(out / "kept.parquet", kept)
    write_examples(out / "dropped.parquet", [row for row, _, _ in dropped], [entry(name, v) for _, name, v in dropped])
    return counts(rows, kept, [(name, verdict) for _, name, verdict in dropped])


def within(name: str, budget: float, verdicts: Mapping[str, Verdict], rows: int) -> None:
    """DataMistake where a filter drops a larger share than its budget: the fault is in the source then, not in the rows."""
    if len(verdicts) > budget * rows:
        (reason, count), *_ = Counter(verdict.reason for verdict in verdicts.values()).most_common(1)
        raise DataMistake(
            f"filter.{name}.budget={budget:g}",
            f"{len(verdicts)} of {rows} rows would be dropped ({len(verdicts) / rows:.0%}), {count} of them: {reason}",
            f"mend what makes such rows, or raise the budget: filter.{name}.budget=1",
        )


def split(rows: list[Example], dev_share: float) -> list[Example]:
    """The rows with their split: whole families go to dev, in an order of their own, until it has its share."""
    sizes = Counter(row.family for row in rows)
    dev: set[str] = set()
    for family in sorted(sizes, key=lambda name: stream_id("dev", name)):
        if sum(sizes[name] for name in dev) + sizes[family] / 2 < dev_share * len(rows):
            dev.add(family)
    return [Example(**{**vars(row), "split": "dev" if row.family in dev else "train"}) for row in rows]


def entry(name: str, verdict: Verdict) -> dict[str, Any]:
    """A drop as columns beside its row."""
    return {"check": name, "reason": verdict.reason, "number": verdict.number}


def counts(rows: list[Example], kept: list[Example], dropped: list[tuple[str, Verdict]]) -> dict[str, Any]:
    """What the run prints and the card shows."""
    return {
        "rows": len(rows),
        "kept": len(kept),
        "dropped": len(dropped),
        "dropped_by": dict(Counter(f"{name}: {verdict.reason}" for name, verdict in dropped)),
        "train": sum(row.split == "train" for row in kept),
        "dev": sum(row.split == "dev" for row in kept),
        "families": len({row.family for row in kept}),
    }
