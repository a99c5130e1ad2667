"""An exam is drawn once, in equal cells, from its own side."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from factory.config import Config, load
from factory.errors import Mistake
from factory.exam import CAP, ROWS, draw_exam
from factory.rows import read_exam, write_jsonl
from factory.specialist import find
from factory.store import sha256


def events(*_: Any, **__: Any) -> None:
    """No one watches."""


@pytest.fixture
def asked(in_sums_folder: Path) -> Config:
    return load(["specialist=sums"])


def test_cells_are_equal_shapes_are_capped_and_half_is_told_otherwise(asked: Config) -> None:
    path, count = draw_exam(asked, events)
    rows = read_exam(path)
    assert path == find("sums").exam and count == len(rows) == ROWS
    assert Counter(row.tags["difficulty"] for row in rows) == {"easy": ROWS // 2, "hard": ROWS // 2}
    assert max(Counter(row.tags["balance"] for row in rows).values()) <= CAP
    assert 0.3 < sum(row.tags["rendering"] == "held out" for row in rows) / count < 0.7
    assert all(row.split == "exam" and row.family.startswith("exam ") for row in rows)
    assert all(("Sum the" in row.prompt) == (row.tags["rendering"] == "held out") for row in rows)


def test_an_exam_that_is_there_is_frozen(asked: Config) -> None:
    path, _ = draw_exam(asked, events)
    before = sha256(path)
    with pytest.raises(Mistake, match="this exam is frozen"):
        draw_exam(asked, events)
    assert sha256(path) == before


def test_the_same_seed_draws_the_same_exam(asked: Config) -> None:
    digests = []
    for _ in range(2):
        path, _ = draw_exam(asked, events)
        digests.append(sha256(path))
        path.unlink()
    assert digests[0] == digests[1]


def test_rows_whose_corrupted_gold_passes_stay_out(asked: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a corruption that is right wherever a is odd, only even rows are left."""
    import specialists.sums as sums

    monkeypatch.setattr(sums, "corrupt", lambda state: [str(state.a + state.b + (state.a + 1) % 2)])
    path, count = draw_exam(asked, events)
    assert count == ROWS
    assert all(row.state["a"] % 2 == 0 for row in read_exam(path))


def test_rows_written_by_hand_follow_and_are_held_against_the_verifier(asked: Config) -> None:
    task = find("sums")
    line = {"state": {"family": "exam 3", "a": 2, "b": 60}, "prompt": "What do 2 and 60 come to?", "answer": "62"}
    write_jsonl(task.hand, [line])
    path, count = draw_exam(asked, events)
    last = read_exam(path)[-1]
    assert count == ROWS + 1 and (last.prompt, last.answer) == (line["prompt"], "62")
    assert (last.tags["origin"], last.tags["rendering"], last.family) == ("hand", "by hand", "exam 3")
    path.unlink()
    write_jsonl(task.hand, [{**line, "answer": "63"}])
    with pytest.raises(Mistake, match=r"hand.jsonl, line 1: gold: wrong sum"):
        draw_exam(asked, events)
