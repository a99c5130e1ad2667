"""Rows come back from disk as they went, whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from factory.records import Example
from factory.rows import GROUP, TOLD, read_exam, read_examples, read_jsonl, read_table, write_examples, write_jsonl

ROW = Example(
    id="0a",
    messages=({"role": "user", "content": "Où?\n'x'"},),
    answer="SELECT 1",
    state={"a": [1, None, 2.5]},
    family="library",
    tags={"balance": "b"},
    provenance={"renderings": ["list.0"]},
    split="dev",
)
BARE = Example(id="0b", messages=({"role": "user", "content": ""},), answer="", state=None, family="outside")


def as_read(row: Example) -> Example:
    return Example(**{**vars(row), "messages": list(row.messages)})


def test_examples_come_back_as_they_went(tmp_path: Path) -> None:
    write_examples(tmp_path / "rows.parquet", [ROW, BARE])
    assert list(read_examples(tmp_path / "rows.parquet")) == [as_read(ROW), as_read(BARE)]


def test_no_rows_are_a_file_with_the_same_columns(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    write_examples(tmp_path / "none.parquet", [])
    write_examples(tmp_path / "one.parquet", [ROW])
    assert list(read_examples(tmp_path / "none.parquet")) == []
    assert pq.read_schema(tmp_path / "none.parquet").equals(pq.read_schema(tmp_path / "one.parquet"))


def test_many_rows_are_read_group_by_group_in_order_and_left_out_by_id(tmp_path: Path) -> None:
    rows = [as_read(replace(ROW, id=str(i), answer=f"SELECT {i}")) for i in range(2 * GROUP + 10)]
    assert write_examples(tmp_path / "rows.parquet", iter(rows)) == len(rows)
    found = read_examples(tmp_path / "rows.parquet")
    some = found.where(lambda one: int(one) % 3 == 1)
    assert list(found) == rows
    assert list(some) == rows[1::3]
    assert [one.id for one in some.where(lambda one: one != "4")][:3] == ["1", "7", "10"]
    assert some[0] == rows[1] and some[-1] == rows[1::3][-1] and some[GROUP // 2] == rows[1 + 3 * (GROUP // 2)]
    assert list(found[5 :: GROUP - 1]) == rows[5 :: GROUP - 1]


def test_only_the_columns_that_are_asked_for_are_read(tmp_path: Path) -> None:
    write_examples(tmp_path / "rows.parquet", [ROW])
    (told,) = read_examples(tmp_path / "rows.parquet", TOLD)
    assert (told.answer, told.tags, told.state, told.provenance) == (ROW.answer, ROW.tags, None, {})


def test_drops_carry_check_reason_and_number(tmp_path: Path) -> None:
    write_examples(
        tmp_path / "dropped.parquet",
        [ROW, BARE],
        [{"check": "length", "reason": "too long", "number": 9}, {"check": "x", "reason": "y", "number": None}],
    )
    first, second = read_table(tmp_path / "dropped.parquet")
    assert (first["check"], first["reason"], first["number"], second["number"]) == ("length", "too long", 9.0, None)
    assert list(read_examples(tmp_path / "dropped.parquet")) == [as_read(ROW), as_read(BARE)]


def test_more_reasons_than_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        write_examples(tmp_path / "dropped.parquet", [ROW, BARE], [{"check": "a", "reason": "b", "number": None}])
    assert not (tmp_path / "dropped.parquet").exists()


def test_same_rows_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_examples(tmp_path / name, [ROW, BARE])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_jsonl(path, [{"a": 1}])

    def broken():
        yield {"a": 2}
        raise RuntimeError("killed here")

    with pytest.raises(RuntimeError):
        write_jsonl(path, broken())
    assert list(read_jsonl(path)) == [{"a": 1}]


def test_an_exam_is_one_example_a_line(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "exam.jsonl", [vars(ROW), vars(BARE)])
    assert read_exam(tmp_path / "exam.jsonl") == [as_read(ROW), as_read(BARE)]
    assert len((tmp_path / "exam.jsonl").read_text().splitlines()) == 2
