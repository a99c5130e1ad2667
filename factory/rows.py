"""Rows on disk: examples as Parquet, anything small as JSON lines; written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import copy
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, overload

import numpy as np

from factory.records import Example

NESTED = ("messages", "state", "tags", "provenance")
FIELDS = ("id", "messages", "answer", "family", "state", "tags", "provenance", "split")
TOLD = ("id", "messages", "answer", "family", "tags", "split")
"""What most readers want of an example: all but where it came from, which is the larger part."""
GROUP = 4096
"""Rows written and read at once."""


def write_table(path: Path, rows: Iterable[dict[str, Any]], schema: Any = None) -> int:
    """Writes plain rows as Parquet, as they come, and counts them; without a schema it is that of the first ones."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    new, rows = path.with_name(path.name + ".new"), iter(rows)
    first = pa.Table.from_pylist(list(islice(rows, GROUP)), schema=schema)
    with pq.ParquetWriter(new, first.schema, compression="zstd") as file:
        file.write_table(first)
        written = len(first)
        while more := list(islice(rows, GROUP)):
            file.write_table(pa.Table.from_pylist(more, schema=first.schema))
            written += len(more)
    os.replace(new, path)
    return written


def read_table(
    path: Path, columns: list[str] | None = None, ids: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """The plain rows of a Parquet or Arrow file, with all columns or some; of a Parquet file those with these ids alone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix != ".arrow":
        wanted = None if ids is None else [("id", "in", list(ids))]
        return pq.read_table(path, columns=columns, filters=wanted).to_pylist()
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_stream(file).read_all()
        return (table.select(columns) if columns else table).to_pylist()


def write_arrow(path: Path, rows: Iterable[dict[str, Any]], schema: Any) -> None:
    """Writes plain rows in Arrow's stream format, which a training maps into memory; `row` is added: a row's place."""
    import pyarrow as pa

    new, rows = path.with_name(path.name + ".new"), iter(rows)
    schema, start = schema.insert(0, pa.field("row", pa.int32())), 0
    with pa.OSFile(str(new), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        while some := list(islice(rows, GROUP)):
            lines = [{"row": place, **row} for place, row in enumerate(some, start)]
            stream.write_table(pa.Table.from_pylist(lines, schema=schema))
            start += len(some)
    os.replace(new, path)


def write_examples(path: Path, examples: Iterable[Example], extra: Iterable[dict[str, Any]] | None = None) -> int:
    """Examples as Parquet, as they come, counted; nested parts as JSON text; `extra` adds columns (a drop's reason)."""
    import pyarrow as pa

    rows: Iterable[dict[str, Any]] = map(flat, examples)
    names = dict.fromkeys(FIELDS, pa.string())
    if extra is not None:
        rows = (row | more for row, more in zip(rows, extra, strict=True))
        names |= {"check": pa.string(), "reason": pa.string(), "number": pa.float64()}
    return write_table(path, rows, pa.schema(list(names.items())))


def flat(example: Example) -> dict[str, Any]:
    """An example with its nested parts as JSON text."""
    row = dict(vars(example))
    return row | {name: json.dumps(row[name], separators=(",", ":")) for name in NESTED}


def decoded(row: dict[str, Any]) -> Example:
    """An example of its columns; those it was not read with are as an example has them by itself."""
    return Example(**{"state": None} | {name: json.loads(row[name]) if name in NESTED else row[name] for name in row})


class Examples(Sequence[Example]):
    """The examples of a Parquet file, in its order, each decoded when it is looked at.

    A million of them take a few megabytes. A slice, of a positive step, is another of these.
    """

    def __init__(self, path: Path, columns: Sequence[str] = FIELDS) -> None:
        import pyarrow.parquet as pq

        self._file, self._columns = pq.ParquetFile(path), list(columns)
        sizes = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self._rows = np.arange(self._starts[-1])
        self._held: tuple[int, Any] = (-1, None)
        self._edits: tuple[Callable[[Example], Example], ...] = ()

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Example]:
        for table in self._tables(self._columns):
            yield from map(self._decoded, table.to_pylist())

    @overload
    def __getitem__(self, place: int) -> Example: ...

    @overload
    def __getitem__(self, place: slice) -> Examples: ...

    def __getitem__(self, place: int | slice) -> Example | Examples:
        if isinstance(place, slice):
            return self._only(self._rows[place])
        row = self._rows[place]
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        if group != self._held[0]:
            self._held = group, self._file.read_row_group(group, columns=self._columns)
        return self._decoded(self._held[1].slice(row - self._starts[group], 1).to_pylist()[0])

    def where(self, wanted: Callable[[str], bool]) -> Examples:
        """Those of them whose id is wanted."""
        return self._only(self._rows[np.fromiter(map(wanted, self.ids()), bool, len(self))])

    def edited(self, edit: Callable[[Example], Example]) -> Examples:
        """All of them, each with this change made when it is looked at; it must leave the id as it is."""
        other = copy(self)
        other._edits = (*self._edits, edit)
        return other

    def ids(self) -> Iterator[str]:
        """Their ids."""
        return (one for table in self._tables(["id"]) for one in table.column("id").to_pylist())

    def _decoded(self, row: dict[str, Any]) -> Example:
        example = decoded(row)
        for edit in self._edits:
            example = edit(example)
        return example

    def _only(self, rows: np.ndarray) -> Examples:
        other = copy(self)
        other._rows = rows
        return other

    def _tables(self, columns: list[str]) -> Iterator[Any]:
        """The rows that are left of each row group, as Arrow tables."""
        for group, (start, end) in enumerate(pairwise(self._starts)):
            low, high = np.searchsorted(self._rows, (start, end))
            if low < high:
                table = self._file.read_row_group(group, columns=columns)
                yield table if high - low == end - start else table.take(self._rows[low:high] - start)


def read_examples(path: Path, columns: Sequence[str] = FIELDS) -> Examples:
    """The examples of a Parquet file; what is not among the columns is empty in them."""
    return Examples(path, columns)


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
