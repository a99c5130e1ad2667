"""Texts that people wrote, from the evaluation sets where they are: what our own texts are measured beside.

Nothing of them is trained on, shipped or copied. They are looked for at `FACTORY_EVAL_DATA`, else at `../shared/data`.
"""

from __future__ import annotations

import json
import lzma
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from factory.rows import read_jsonl
from factory.text import masked, words

PLACE = Path("..") / "shared" / "data"


def folder() -> Path | None:
    """The folder of the evaluation sets, or None where there is none."""
    place = Path(os.environ.get("FACTORY_EVAL_DATA", PLACE))
    return place if place.is_dir() else None


def texts() -> dict[str, list[str]]:
    """Name of a set to its texts, each once, masked; nothing where the folder is not there."""
    place = folder()
    if place is None:
        return {}
    return {name: list(dict.fromkeys(read(place))) for name, read in SETS.items()}


def spider(place: Path, part: str) -> Iterator[str]:
    """Spider's training questions or queries (one of each; nearly all are asked in two wordings), schema names masked."""
    schemas = json.loads((place / "sql/spider/tables.json").read_text())
    known = {schema["db_id"]: schema_names(schema) for schema in schemas}
    rows = {row["query"]: row for row in read_jsonl(place / "sql/spider/train.jsonl")}
    for row in rows.values():
        yield masked(row[part], known[row["db_id"]])


def schema_names(schema: dict[str, Any]) -> set[str]:
    """The names of a Spider schema's tables and columns, as identifiers and as words."""
    columns = [name for kind in ("column_names", "column_names_original") for _, name in schema[kind] if name != "*"]
    said = [*columns, *schema["table_names"], *schema["table_names_original"]]
    return {" ".join(words(name)) for name in said} - {""}


def mts_dialog(place: Path, part: str) -> Iterator[str]:
    """MTS-Dialog's training dialogues (without the speakers' labels) or notes."""
    for row in read_jsonl(place / "medical/mts-dialog/train.jsonl"):
        lines = row[part].splitlines()
        yield masked("\n".join(line.partition(": ")[2] if part == "dialogue" else line for line in lines))


def sonnets(place: Path) -> Iterator[str]:
    """Poems, all in lower case: names in them are not masked."""
    with lzma.open(place / "creative/sonnets/sonnet_train.txt.xz", "rt") as file:
        for line in file:
            yield masked(line.replace(" <eos>", "\n"))


SETS: dict[str, Callable[[Path], Iterator[str]]] = {
    "Spider questions": lambda place: spider(place, "question"),
    "Spider queries": lambda place: spider(place, "query"),
    "MTS-Dialog dialogues": lambda place: mts_dialog(place, "dialogue"),
    "MTS-Dialog notes": lambda place: mts_dialog(place, "note"),
    "sonnets": sonnets,
}
