"""Rows on disk: examples as Parquet, anything small as JSON lines; written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from factory.records import Example

NESTED = ("messages", "state", "tags", "provenance")


def write_table(path: Path, rows: list[dict[str, Any]], schema: Any = None) -> None:
    """Writes plain rows as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    new = path.with_name(path.name + ".new")
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), new, compression="zstd")
    os.replace(new, path)


def read_table(path: Path) -> list[dict[str, Any]]:
    """The plain rows of a Parquet file."""
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()


def write_examples(path: Path, examples: Iterable[Example], extra: Iterable[dict[str, Any]] | None = None) -> None:
    """Examples as Parquet; nested parts as JSON text; `extra` adds columns (a drop's reason)."""
    import pyarrow as pa

    rows = [flat(example) for example in examples]
    names = {name: pa.string() for name in ("id", *NESTED[:1], "answer", "family", *NESTED[1:], "split")}
    if extra is not None:
        rows = [{**row, **more} for row, more in zip(rows, extra, strict=True)]
        names |= {"check": pa.string(), "reason": pa.string(), "number": pa.float64()}
    write_table(path, rows, pa.schema(list(names.items())))


def flat(example: Example) -> dict[str, Any]:
    """An example with its nested parts as JSON text."""
    row = dict(vars(example))
    return row | {name: json.dumps(row[name], separators=(",", ":")) for name in NESTED}


def read_examples(path: Path) -> list[Example]:
    """The examples of a Parquet file; columns an example does not have are left out."""
    rows = read_table(path)
    fields = Example.__dataclass_fields__
    return [
        Example(
            **{name: json.loads(value) if name in NESTED else value for name, value in row.items() if name in fields}
        )
        for row in rows
    ]


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Rows as JSON lines."""
    new = path.with_name(path.name + ".new")
    with new.open("w") as file:
        for row in rows:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
    os.replace(new, path)


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON lines file."""
    with path.open() as file:
        for line in file:
            yield json.loads(line)


def read_exam(path: Path) -> list[Example]:
    """An exam: one Example a line."""
    return [Example(**row) for row in read_jsonl(path)]
