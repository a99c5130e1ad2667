"""The order of rows hangs on seed and rows alone; levels join in their order; replay has its share of every training."""

from __future__ import annotations

from collections import Counter

import pytest

from factory.config import Train, load
from factory.errors import DataMistake
from factory.stages.order import Row, order

ROWS = [Row(20 + place % 17, level=("easy", "medium", "hard")[place % 3]) for place in range(60)]


def train(*words: str) -> Train:
    return load(["base=tiny", "profile=smoke", *words]).train


def test_every_row_comes_once_an_epoch_in_an_order_of_its_own() -> None:
    places = order(ROWS, train(), seed=0, steps=15)
    assert len(places) == 15 * 8
    assert sorted(places[:60]) == sorted(places[60:]) == list(range(60))
    assert places[:60] != places[60:]
    assert places == order(ROWS, train(), seed=0, steps=15) != order(ROWS, train(), seed=1, steps=15)


def test_a_longer_training_begins_like_a_shorter_one() -> None:
    assert order(ROWS, train(), seed=0, steps=20)[:80] == order(ROWS, train(), seed=0, steps=10)


@pytest.mark.parametrize("cut", ["2x4", "8x1"])
def test_rows_of_a_step_do_not_hang_on_how_it_is_cut(cut: str) -> None:
    batch, times = cut.split("x")
    words = (f"train.batch_size={batch}", f"train.gradient_accumulation={times}")
    assert order(ROWS, train(*words), seed=0, steps=10) == order(ROWS, train(), seed=0, steps=10)


def test_rows_of_like_length_share_a_batch() -> None:
    many = [Row(tokens) for tokens in range(400)]
    places = order(many, train(), seed=0, steps=50)
    spread = [max(batch) - min(batch) for start in range(0, 400, 8) if (batch := places[start : start + 8])]
    assert sum(spread) / len(spread) < 40
    loose = order(many, train("train.group_by_length=false"), seed=0, steps=50)
    spread = [max(batch) - min(batch) for start in range(0, 400, 8) if (batch := loose[start : start + 8])]
    assert sum(spread) / len(spread) > 200


def test_levels_join_one_after_another() -> None:
    places = order(ROWS, train("train=curriculum", "train.curriculum.mixed=0"), seed=0, steps=30)
    seen = [Counter(ROWS[place].level for place in places[start : start + 80]) for start in (0, 80, 160)]
    assert [set(one) for one in seen] == [{"easy"}, {"easy", "medium"}, {"easy", "medium", "hard"}]


def test_a_share_of_later_levels_is_there_from_the_start() -> None:
    places = order(ROWS, train("train=curriculum", "train.curriculum.mixed=0.5"), seed=0, steps=9)
    assert {ROWS[place].level for place in places[:24]} == {"easy", "medium", "hard"}


def test_a_level_without_rows_leaves_its_steps_to_the_next() -> None:
    rows = [row for row in ROWS if row.level != "easy"]
    places = order(rows, train("train=curriculum", "train.curriculum.mixed=0"), seed=0, steps=9)
    assert len(places) == 72 and {rows[place].level for place in places[:48]} == {"medium"}


@pytest.mark.parametrize(
    ("level", "said"), [("odd", "rows have the level 'odd'"), ("", "rows have no tag 'difficulty'")]
)
def test_an_unknown_level_is_named(level: str, said: str) -> None:
    with pytest.raises(DataMistake, match=f"train.curriculum.levels=.*: {said} - name every level there is"):
        order([*ROWS, Row(9, level=level)], train("train=curriculum"), seed=0, steps=3)


def test_replay_has_its_share_and_the_others_stay_whole() -> None:
    rows = [*ROWS, *(Row(10, replay=True) for _ in range(7))]
    words = ("train=replay", "train.replay.file=x", "train.replay.share=0.25")
    places = order(rows, train(*words), seed=0, steps=20)
    replayed = [place for place in places if place >= 60]
    assert len(places) == 160 and len(replayed) == 40
    assert all(sum(place >= 60 for place in places[start : start + 8]) == 2 for start in range(0, 160, 8))
    assert sorted(place for place in places if place < 60)[::2] == list(range(60))
