"""The card of a specialist's data: what was drawn, refused, kept and dropped, what it covers, and its rows to search in."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factory import human, pipeline, specialist
from factory.config import Card, Config
from factory.diversity import Diversity, compared
from factory.filters.near_duplicate import clusters
from factory.overlap import TOKEN, formal
from factory.pages import data_page
from factory.records import Example
from factory.rows import Examples, read_examples, read_table
from factory.store import digest, write
from factory.text import masked, told, values, words


@dataclass(frozen=True)
class DataCard:
    """Where the page was written, and the table of diversity on it."""

    page: Path
    diversity: Mapping[str, Diversity]


@dataclass
class Tally:
    """What one pass over the kept rows counts: lengths in words, and rows by what they cover."""

    lengths: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    coverage: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    renderings: Counter[str] = field(default_factory=Counter)

    def add(self, row: Example) -> None:
        """Counts a row."""
        for name, text in (("prompt", row.prompt), ("of it told", told(row.prompt)), ("answer", row.answer)):
            self.lengths[name].append(len(words(text)))
        self.coverage["families"][row.family] += 1
        for label, value in row.tags.items():
            if label != "balance":
                self.coverage[label][value or "(none)"] += 1
        if "balance" in row.tags:
            self.coverage["kinds, as filter.balance caps them"][row.tags["balance"]] += 1
        if formal(row.answer):
            keywords = {token for token in TOKEN.findall(row.answer) if token.isupper() and len(token) > 1}
            self.coverage["keywords of the answers"].update(keywords)
        self.renderings.update(row.provenance.get("renderings", ()))


def data_card(asked: Config) -> DataCard:
    """Writes `runs/<specialist>/data.html` from examples and kept rows; Mistake where they are still to be made."""
    made = pipeline.products(asked, "kept")
    kept, lost = (read_examples(made["kept"].file(f"{name}.parquet")) for name in ("kept", "dropped"))
    reasons = {
        row["id"]: row for row in read_table(made["kept"].file("dropped.parquet"), ["id", "check", "reason", "number"])
    }
    tally = Tally()
    for row in kept:
        tally.add(row)
    people = human.texts()
    diversity = compared(own_texts(kept[: asked.card.looked_at]) | people)
    shown = chosen(kept, lost, asked.card.rows)
    given = {
        "notice": specialist.find(asked.specialist.name).notice,
        "examples": made["examples"].manifest["counts"],
        "kept": made["kept"].manifest["counts"],
        "lengths": tally.lengths,
        "coverage": tally.coverage,
        "renderings": tally.renderings,
        "diversity": diversity,
        "human": bool(people),
        "card": asked.card,
        "clusters": repeated([row for row in shown if row.id not in reasons], asked.card),
        "dropped": samples(shown, reasons, asked.card.samples),
        "shown": len(shown),
        "packed": packed([[fate(row, reasons), row.family, row.prompt, row.answer, said(row)] for row in shown]),
    }
    path = Path(asked.runtime.runs) / asked.specialist.name / "data.html"
    write(path, data_page.page(asked.specialist.name, given))
    return DataCard(path, diversity)


def own_texts(rows: Iterable[Example]) -> dict[str, list[str]]:
    """What the prompts tell and what the answers say, their values masked."""
    pairs = [(row, values(row)) for row in rows]
    return {
        "our prompts": [masked(told(row.prompt), known) for row, known in pairs],
        "our answers": [masked(row.answer, known) for row, known in pairs],
    }


def chosen(kept: Examples, lost: Examples, most: int) -> list[Example]:
    """All kept and dropped rows; of more than `most` those with the least digests of their ids, whatever the order."""
    ids = [*kept.ids(), *lost.ids()]
    taken = set(ids) if len(ids) <= most else set(sorted(ids, key=digest)[:most])
    return [*kept.where(taken.__contains__), *lost.where(taken.__contains__)]


def repeated(rows: Sequence[Example], settings: Card) -> dict[str, Any]:
    """The clusters of rows that say nearly the same: how many, of how many rows, and some rows of the largest."""
    heads = clusters([f"{row.prompt}\n{row.answer}" for row in rows], settings.cluster, lambda _: None)
    sizes = {head: size for head, size in Counter(heads).most_common() if size > 1}
    members: dict[int, list[Example]] = defaultdict(list)
    for row, head in zip(rows, heads, strict=True):
        members[head].append(row)
    return {
        "looked_at": len(rows),
        "count": len(sizes),
        "rows": sum(sizes.values()),
        "largest": [(size, members[head][: settings.samples]) for head, size in sizes.items()][: settings.clusters],
    }


def samples(rows: Sequence[Example], reasons: Mapping[str, dict[str, Any]], most: int) -> dict[str, list[Example]]:
    """Some dropped rows of each check and reason."""
    found: dict[str, list[Example]] = defaultdict(list)
    for row in rows:
        if row.id in reasons:
            found["{check}: {reason}".format(**reasons[row.id])].append(row)
    return {why: found[why][:most] for why in sorted(found)}


def fate(row: Example, reasons: Mapping[str, dict[str, Any]]) -> str:
    """The split of a kept row, or why it was dropped."""
    return row.split if row.id not in reasons else "dropped by {check}: {reason}".format(**reasons[row.id])


def said(row: Example) -> str:
    """The labels of a row on one line."""
    return ", ".join(f"{label} {value}" for label, value in row.tags.items() if value and label != "balance")


def packed(rows: list[list[str]]) -> str:
    """Rows as the page carries them: JSON, compressed, as letters."""
    return base64.b64encode(gzip.compress(json.dumps(rows, separators=(",", ":")).encode(), 6, mtime=0)).decode()
