"""Intervals and tests against cases worked by hand, and the interval's coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from factory.stats import Interval, mcnemar, mean_interval, paired_bootstrap


def scores(gained: int, lost: int, both: int = 3, neither: int = 2) -> tuple[list[float], list[float]]:
    first = [0.0] * gained + [1.0] * lost + [1.0] * both + [0.0] * neither
    second = [1.0] * gained + [0.0] * lost + [1.0] * both + [0.0] * neither
    return first, second


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [
        (8, 1, 0.0390625),  # 2 * (C(9,0) + C(9,1)) / 2**9 = 20 / 512
        (5, 0, 0.0625),  # 2 / 2**5
        (1, 8, 0.0390625),
        (3, 3, 1.0),
        (0, 0, 1.0),
        (1, 0, 1.0),
    ],
)
def test_mcnemar_gives_the_exact_p(gained: int, lost: int, p: float) -> None:
    found = mcnemar(*scores(gained, lost))
    assert (found.gained, found.lost) == (gained, lost)
    assert found.p == pytest.approx(p, abs=1e-12)


def test_mcnemar_counts_a_partly_right_answer_as_not_right() -> None:
    found = mcnemar([0.9, 1.0], [1.0, 0.5])
    assert (found.gained, found.lost) == (1, 1)


def test_the_difference_is_the_plain_mean_over_rows() -> None:
    found = paired_bootstrap([0, 0, 1, 1], [1, 1, 1, 0], ["a", "a", "b", "c"], 100, 0.9, 0)
    assert found.value == pytest.approx(0.25)


def test_no_spread_between_groups_gives_no_width() -> None:
    assert paired_bootstrap([0, 0, 0], [1, 1, 1], ["a", "b", "c"], 50, 0.95, 0) == Interval(1.0, 1.0, 1.0)
    assert paired_bootstrap([0, 1], [1, 0], ["a", "a"], 50, 0.95, 0) == Interval(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("tail", "low", "high"),
    [
        (0.5 / 27, -1.0, 1.0),  # c three times -9/9, a three times 3/3: one resample of 27 each
        (2.5 / 27, -0.75, 0.5),  # next c, c, b -6/8 and a, a, b 2/4: three resamples each
    ],
)
def test_the_interval_is_that_of_all_resamples_of_three_groups(tail: float, low: float, high: float) -> None:
    """Groups a, b, c of 1, 2 and 3 rows that gain 1, 0 and -3 together; the 27 resamples counted by hand."""
    found = paired_bootstrap([0, 0, 0, 1, 1, 1], [1, 0, 0, 0, 0, 0], list("abbccc"), 20_000, 1 - 2 * tail, 1)
    assert found.value == pytest.approx(-2 / 6)
    assert (found.low, found.high) == (low, high)


def test_whole_groups_are_drawn_not_rows() -> None:
    """Twenty rows in two groups that disagree: by rows the interval would be narrow, by groups it is the whole range."""
    first, second = [0.0] * 20, [1.0] * 10 + [0.0] * 10
    by_group = paired_bootstrap(first, second, ["a"] * 10 + ["b"] * 10, 2000, 0.95, 0)
    by_row = paired_bootstrap(first, second, list(map(str, range(20))), 2000, 0.95, 0)
    assert (by_group.low, by_group.high) == (0.0, 1.0)
    assert by_row.high - by_row.low < 0.5


def test_the_names_and_order_of_rows_do_not_matter() -> None:
    rows = list(zip([0, 1, 0, 0], [1, 1, 1, 0], ["a", "b", "b", "c"], strict=True))
    turned = [rows[i] for i in (2, 0, 3, 1)]
    first, second = (paired_bootstrap(*zip(*order, strict=True), 200, 0.9, 5) for order in (rows, turned))
    assert first == second


def test_the_same_seed_gives_the_same_interval_and_another_another() -> None:
    rng = np.random.default_rng(0)
    data = (rng.random(30).tolist(), rng.random(30).tolist(), [str(i) for i in range(30)])
    assert paired_bootstrap(*data, 100, 0.9, 3) == paired_bootstrap(*data, 100, 0.9, 3)
    assert paired_bootstrap(*data, 100, 0.9, 3) != paired_bootstrap(*data, 100, 0.9, 4)


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="argument"):
        paired_bootstrap([0, 1], [1], ["a", "b"], 10, 0.9, 0)
    with pytest.raises(ValueError, match="argument"):
        mcnemar([1, 0], [1])


def test_a_mean_has_the_interval_of_its_difference_from_zero() -> None:
    assert mean_interval([1, 0, 1], ["a", "b", "c"], 200, 0.9, 1) == paired_bootstrap(
        [0] * 3, [1, 0, 1], ["a", "b", "c"], 200, 0.9, 1
    )


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """300 worlds of 40 groups of 3 like rows: 95 % intervals hold the true difference 0.2 in 90 to 98 % of them."""
    rng, inside, worlds = np.random.default_rng(7), 0, 300
    names = np.repeat(np.arange(40).astype(str), 3).tolist()
    for world in range(worlds):
        gains = np.repeat(rng.choice([1.0, 0.0, -1.0], 40, p=[0.35, 0.5, 0.15]), 3)
        found = paired_bootstrap([0.0] * 120, gains.tolist(), names, 300, 0.95, world)
        inside += found.low <= 0.2 <= found.high
    assert 0.90 <= inside / worlds <= 0.98
