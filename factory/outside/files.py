"""Rows of a file that somebody has, each with its line: JSON lines, a JSON list, CSV, Parquet, Arrow.

A row that cannot be read comes as `Malformed` with the reason; what makes the whole file unreadable is a DataMistake.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from factory.errors import DataMistake, closest


class Malformed(str):
    """Why a row cannot be read."""


Numbered = Iterator[tuple[int, dict[str, Any] | Malformed]]


def read(path: Path, max_line: int) -> Numbered:
    """The rows with their line (of a table: their number, from 1); `max_line` is the most bytes a line may have."""
    if path.suffix not in READERS:
        raise DataMistake(
            str(path), f"no reader for {path.suffix or 'a file without an ending'}", closest(path.suffix, READERS)
        )
    if path.stat().st_size == 0:
        raise DataMistake(str(path), "the file is empty", "look at what wrote it")
    yield from READERS[path.suffix](path, max_line)


def json_lines(path: Path, max_line: int) -> Numbered:
    """One JSON object a line; blank lines are passed over."""
    with path.open("rb") as file:
        for number, raw in enumerate(limited(file, max_line), 1):
            if isinstance(raw, Malformed):
                yield number, raw
            elif raw.strip():
                yield number, json_object(raw)


def limited(file: Any, max_line: int) -> Iterator[bytes | Malformed]:
    """The lines of a binary file; one that is too long is passed over in pieces, so that it never stands in memory."""
    while raw := file.readline(max_line + 1):
        if len(raw) <= max_line:
            yield raw
            continue
        size = len(raw)
        while not raw.endswith(b"\n") and (raw := file.readline(max_line)):
            size += len(raw)
        yield Malformed(f"a line of {size:,} bytes, above source.max_line={max_line:,}")


def json_object(raw: bytes) -> dict[str, Any] | Malformed:
    """The object on a line."""
    try:
        found = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Malformed(f"not UTF-8 at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return Malformed(f"no JSON: {str(error) or 'nested too deep'}")
    return found if isinstance(found, dict) else Malformed(f"a JSON {type(found).__name__}, no object")


def json_list(path: Path, max_line: int) -> Numbered:
    """A file that is one JSON list of objects, or JSON lines all the same."""
    with path.open("rb") as file:
        if file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"[":
            yield from json_lines(path, max_line)
            return
    try:
        found = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataMistake(
            str(path), f"no JSON: {error}", "one object a line (.jsonl) loses only the broken ones"
        ) from None
    for number, row in enumerate(found, 1):
        yield number, row if isinstance(row, dict) else Malformed(f"a JSON {type(row).__name__}, no object")


def comma_separated(path: Path, max_line: int) -> Numbered:
    """CSV with a heading, as Python's csv module reads it; UTF-8."""
    csv.field_size_limit(max_line)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            names = next(reader, [])
            for row in reader:
                if not row:
                    continue
                fits = len(row) == len(names)
                yield (
                    reader.line_num,
                    dict(zip(names, row, strict=True))
                    if fits
                    else Malformed(f"{len(row)} values under {len(names)} headings"),
                )
        except csv.Error as error:
            raise DataMistake(
                f"{path}, line {reader.line_num}", str(error), "nothing after it can be trusted"
            ) from None
        except UnicodeDecodeError as error:
            where = f"{path}, after line {reader.line_num}"
            raise DataMistake(where, f"not UTF-8: {error.reason}", "write the file again in UTF-8") from None


def parquet(path: Path, max_line: int) -> Numbered:
    """Parquet, a batch at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        yield from batches(pq.ParquetFile(path).iter_batches(1024))
    except pa.ArrowException as error:
        raise DataMistake(str(path), f"no Parquet: {error}", "look at what wrote it") from None


def arrow(path: Path, max_line: int) -> Numbered:
    """Arrow, as a stream (what `datasets` writes) or as a file."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source:
            try:
                yield from batches(pa.ipc.open_stream(source))
            except pa.ArrowInvalid:
                found = pa.ipc.open_file(source)
                yield from batches(found.get_batch(i) for i in range(found.num_record_batches))
    except pa.ArrowException as error:
        raise DataMistake(str(path), f"no Arrow: {error}", "look at what wrote it") from None


def batches(found: Any) -> Numbered:
    """The rows of record batches."""
    number = 0
    for batch in found:
        for row in batch.to_pylist():
            number += 1
            yield number, row


READERS: dict[str, Callable[[Path, int], Numbered]] = {
    ".jsonl": json_lines,
    ".json": json_list,
    ".csv": comma_separated,
    ".parquet": parquet,
    ".arrow": arrow,
}
