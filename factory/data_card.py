"""The card of a specialist's data: what was drawn, refused, kept and dropped, and its diversity beside human text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory import human, pipeline, specialist
from factory.config import Config
from factory.diversity import Diversity, compared
from factory.pages import data_page
from factory.records import Example
from factory.rows import read_examples, read_table
from factory.store import Made, write
from factory.text import masked, told, values, words

LOOKED_AT = 3000
"""Kept rows whose text is measured: far more words than diversity looks at."""
SAMPLES = 6


@dataclass(frozen=True)
class DataCard:
    """Where the page was written, and the table of diversity on it."""

    page: Path
    diversity: Mapping[str, Diversity]


def data_card(asked: Config) -> DataCard:
    """Writes `runs/<specialist>/data.html` from examples and kept rows; Mistake where they are still to be made."""
    made = pipeline.products(asked, "kept")
    rows = read_examples(made["kept"].file("kept.parquet"))
    people = human.texts()
    diversity = compared(own_texts(rows[:LOOKED_AT]) | people)
    counts = {
        "examples": made["examples"].manifest["counts"],
        "kept": made["kept"].manifest["counts"],
        "kept_rows": spread([shown(row) for row in rows]),
        "dropped_rows": dropped(made["kept"]),
        "human": bool(people),
        "notice": specialist.find(asked.specialist.name).notice,
    }
    path = Path(asked.runtime.runs) / asked.specialist.name / "data.html"
    write(path, data_page.page(asked.specialist.name, counts, lengths(rows), diversity))
    return DataCard(path, diversity)


def own_texts(rows: Sequence[Example]) -> dict[str, list[str]]:
    """What the prompts tell and what the answers say, their values masked."""
    known = [values(row) for row in rows]
    return {
        "our prompts": [masked(told(row.prompt), of) for row, of in zip(rows, known, strict=True)],
        "our answers": [masked(row.answer, of) for row, of in zip(rows, known, strict=True)],
    }


def lengths(rows: Sequence[Example]) -> list[tuple[str, int, int, int, int]]:
    """Shortest, median, 95th percentile and longest, in words."""
    sizes = {
        "prompt": [len(words(row.prompt)) for row in rows],
        "of it told": [len(words(told(row.prompt))) for row in rows],
        "answer": [len(words(row.answer)) for row in rows],
    }
    return [
        (name, of[0], of[len(of) // 2], of[len(of) * 95 // 100], of[-1])
        for name, of in ((name, sorted(found)) for name, found in sizes.items())
    ]


def shown(row: Example) -> dict[str, Any]:
    """A row as the page shows it."""
    return {"family": row.family, "prompt": row.prompt, "answer": row.answer, "reason": ""}


def dropped(kept: Made) -> list[dict[str, Any]]:
    """Some dropped rows with check, reason and number, of different reasons where there are."""
    path = kept.file("dropped.parquet")
    pairs = list(zip(read_examples(path), read_table(path), strict=True))
    pairs.sort(key=lambda pair: (pair[1]["check"], pair[1]["reason"]))
    return spread([shown(row) | {key: flat[key] for key in ("check", "reason", "number")} for row, flat in pairs])


def spread(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A few rows, evenly far apart."""
    return rows[:: max(1, -(-len(rows) // SAMPLES))]
