"""The benchmark of private data: recall by kind over marked places, its lead over plain patterns, and precision."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory import config
from tests.benchmarks import private_data
from tests.benchmarks.private_data import FLOOR, OURS, Found, Marked, lines, overlaps


def test_recall_is_over_marked_places_and_precision_over_found_ones() -> None:
    name, other, day = Found("person name", 0, 7), Found("person name", 20, 25), Found("date", 10, 15)
    rows = [Marked("", [name, day], "a"), Marked("", [name], "b"), Marked("", [], "c")]
    found = {
        FLOOR: [[], [], []],
        OURS: [[Found("person name", 4, 9), other, Found("date", 15, 20)], [name], [name]],
    }
    cells = {(kind, arm): rest for kind, arm, *rest in lines(rows, found, config.load([]))}
    assert list(cells) == [(kind, arm) for kind in ("person name", "date") for arm in (FLOOR, OURS)]
    assert cells["person name", OURS] == ["2", "1.000", "1.000 to 1.000", "+1.000 [+1.000, +1.000]", "2 of 4"]
    assert cells["date", OURS][:2] == ["1", "0.000"] and cells["date", OURS][-1] == "0 of 1", (
        "it begins where the mark ends"
    )
    assert cells["person name", FLOOR][1:2] == ["0.000"] and cells["person name", FLOOR][-1] == "0 of 0"


def test_a_place_of_another_kind_is_none() -> None:
    assert overlaps(Found("date", 0, 5), [Found("date", 4, 9)])
    assert not overlaps(Found("date", 0, 5), [Found("phone number", 0, 5), Found("date", 5, 9)])


def test_without_the_sets_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(tmp_path / "nowhere"))
    assert private_data.main([]) == 3 and "no evaluation sets" in capsys.readouterr().err
