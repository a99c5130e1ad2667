"""Candidates made in parts, as by machines beside each other: the same bytes whatever the number of parts, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.cli import main


def words(place: Path) -> list[str]:
    more = ["generate.rows=300", "generate.shard=32", "runtime.workers=1", f"runtime.runs={place}"]
    return ["specialist=medical", *more]


def made(place: Path) -> bytes:
    (file,) = place.glob("medical/examples-*/examples.parquet")
    return file.read_bytes()


def test_the_same_bytes_whatever_the_number_of_parts(tmp_path: Path, capsys) -> None:
    assert main(["generate", *words(tmp_path / "whole")]) == 0
    for of in (2, 5):
        place = tmp_path / str(of)
        for number in range(of, 0, -1):
            assert main(["part", f"{number}/{of}", *words(place)]) == 0
        work = list(place.glob("medical/examples-*/work/shard-*.jsonl"))
        assert 300 / 32 <= len(work) <= 300 / 32 + 2 * of
        assert main(["generate", *words(place)]) == 0
        assert made(place) == made(tmp_path / "whole")
    assert main(["part", "1/2", *words(tmp_path / "whole")]) == 0
    assert "all made" in capsys.readouterr().out


@pytest.mark.parametrize("which", ["0/2", "3/2", "two", "1/0"])
def test_a_part_that_is_none(which: str, tmp_path: Path, capsys) -> None:
    assert main(["part", which, *words(tmp_path)]) == 2
    assert "factory part 3/8" in capsys.readouterr().err
