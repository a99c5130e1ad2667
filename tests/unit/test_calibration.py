"""Confidence against score, held against numbers found by hand and by counting pairs."""

from __future__ import annotations

import random

import pytest

from factory.calibration import auroc, binned, calibration_error


def test_bins_hold_as_many_each_and_the_error_is_the_mean_distance() -> None:
    found = binned([0.9, 0.1, 0.8, 0.2], [1, 0, 0.5, 1], 2)
    assert [(one.rows, one.low, one.high) for one in found] == [(2, 0.1, 0.2), (2, 0.8, 0.9)]
    assert [(one.confidence, one.score) for one in found] == [(pytest.approx(0.15), 0.5), (pytest.approx(0.85), 0.75)]
    assert calibration_error(found) == pytest.approx((0.35 + 0.1) / 2)


def test_more_bins_than_answers_are_as_many_as_answers() -> None:
    assert [one.rows for one in binned([0.3, 0.2, 0.5], [1, 0, 1], 10)] == [1, 1, 1]


def test_who_is_as_sure_as_right_has_no_error() -> None:
    assert calibration_error(binned([0.25] * 4 + [0.75] * 4, [1, 0, 0, 0, 1, 1, 1, 0], 2)) == 0


def test_auroc_is_the_share_of_pairs_in_which_the_right_answer_is_the_surer() -> None:
    draw = random.Random(4)
    sure = [draw.choice((0.1, 0.3, 0.5, 0.9)) for _ in range(60)]
    right = [draw.random() < one for one in sure]
    pairs = [(a > b) + (a == b) / 2 for a, yes in zip(sure, right, strict=True) if yes
             for b, no in zip(sure, right, strict=True) if not no]  # fmt: skip
    assert auroc(sure, right) == pytest.approx(sum(pairs) / len(pairs))
    assert auroc(sure, [True] * 60) is None and auroc(sure, [False] * 60) is None
