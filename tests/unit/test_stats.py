"""Intervals and tests against cases worked by hand, and the interval's coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from factory import stats
from factory.stats import (
    Design,
    Interval,
    foreseen,
    mcnemar,
    mean_interval,
    over_seeds,
    paired_bootstrap,
    seen,
    shared,
    sign_flips,
    widened,
)


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
def test_the_percentiles_are_those_of_all_resamples_of_three_groups(
    tail: float, low: float, high: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups a, b, c of 1, 2 and 3 rows that gain 1, 0 and -3 together; the 27 resamples counted by hand."""
    monkeypatch.setattr(stats, "widened", lambda *_: 1.0)
    found = paired_bootstrap([0, 0, 0, 1, 1, 1], [1, 0, 0, 0, 0, 0], list("abbccc"), 20_000, 1 - 2 * tail, 1)
    assert found.value == pytest.approx(-2 / 6)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


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


# --- few groups -------------------------------------------------------------------------------------------------------


def test_an_interval_is_wider_the_fewer_groups_there_are() -> None:
    """Student's t for the normal, and n for n - 1, from their tables: 2.364624 and 1.959964 for 8 groups at 95 %."""
    assert widened(8, 0.95) == pytest.approx(2.364624 / 1.959964 * (8 / 7) ** 0.5, rel=1e-6)
    assert widened(34, 0.95) == pytest.approx(2.034515 / 1.959964 * (34 / 33) ** 0.5, rel=1e-6)
    assert widened(10**6, 0.95) == pytest.approx(1, abs=1e-5)
    assert widened(1, 0.95) == 1


def test_the_percentiles_are_those_of_a_statistics_library(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.stats import bootstrap

    monkeypatch.setattr(stats, "widened", lambda *_: 1.0)
    rng = np.random.default_rng(3)
    gains = rng.normal(0.1, 0.3, 25)
    theirs = bootstrap((gains,), np.mean, n_resamples=20_000, method="percentile", rng=rng).confidence_interval
    ours = paired_bootstrap([0.0] * 25, gains.tolist(), list(map(str, range(25))), 20_000, 0.95, 0)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.005)


def test_an_end_is_never_beyond_what_a_row_differs_by() -> None:
    found = mean_interval([1.0, 0, 0, 0, 0, 0], list("aabbcc"), 500, 0.99, 0)
    assert found.low == 0 and found.high <= 1


@pytest.mark.parametrize("sizes", [[10] * 30, [56, 50, 44, 44, 43, 42, 38, 33]], ids=["30 of 10", "8 of 44"])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(sizes: list[int]) -> None:
    """200 worlds, 3.2 standard errors of slack; 1,000 worlds of every shipped exam: tests/contract/check_statistics.py."""
    from tests.contract.check_statistics import World, coverage

    assert 0.90 <= coverage(World("", sizes, 0.2, 0.35, 0.1), 200, 400)[0] <= 0.99


# --- seeds ------------------------------------------------------------------------------------------------------------


def test_over_seeds_the_ends_are_of_families_and_of_seeds() -> None:
    """Seeds whose means are 0.48, 0.5 and 0.52: 4.3027 * 0.02 / sqrt(3) = 0.04968, squared and added to what families reach."""
    rng = np.random.default_rng(1)
    rows = rng.random(40) * 0.2
    rows += 0.5 - rows.mean()
    gains, families = [(rows + moved).tolist() for moved in (-0.02, 0, 0.02)], [str(i % 8) for i in range(40)]
    found, alone = over_seeds(gains, [families] * 3, 400, 0.95, 0), mean_interval(rows.tolist(), families, 400, 0.95, 0)
    assert found.value == pytest.approx(0.5) and alone.high - alone.low < 0.1
    assert found.high - 0.5 == pytest.approx(((alone.high - 0.5) ** 2 + 0.04968**2) ** 0.5, abs=1e-4)
    assert 0.5 - found.low == pytest.approx(((0.5 - alone.low) ** 2 + 0.04968**2) ** 0.5, abs=1e-4)


def test_one_seed_has_the_interval_of_its_report_and_equal_seeds_too() -> None:
    gains, families = [0.0, 1, 0, 1, 1, 0], list("aabbcc")
    alone = mean_interval(gains, families, 200, 0.9, 0)
    assert over_seeds([gains], [families], 200, 0.9, 0) == alone
    assert over_seeds([gains] * 3, [families] * 3, 200, 0.9, 0) == alone


@pytest.mark.parametrize(("seeds", "spread"), [(2, 0.05), (3, 0.0), (3, 0.1), (5, 0.05)])
def test_the_interval_over_seeds_covers_what_another_seed_would_come_to(seeds: int, spread: float) -> None:
    """300 recipes each; one seed's report knows nothing of the others. 1,000 of many: tests/contract/check_statistics.py."""
    from tests.contract.check_statistics import Reruns, World, coverage_over_seeds

    inside, alone = coverage_over_seeds(Reruns(World("", [10] * 30, 0.2, 0.35, 0.1), seeds, spread), 300, 200)
    assert inside >= 0.92
    assert spread < 0.1 or alone < 0.85


# --- whole groups change sides ----------------------------------------------------------------------------------------


def test_sign_flips_are_exact_where_they_can_be() -> None:
    assert sign_flips([0] * 5, [1] * 5, list("abcde"), 32, 0) == 2 / 32, "all or none changed: 2 of 2^5"
    assert sign_flips([0, 0, 1], [1, 1, 0], list("aab"), 100, 0) == 1, "2 and -1 come to 1, -1, 3 or -3"
    assert sign_flips([0, 0], [0, 0], list("ab"), 100, 0) == 1.0


def test_sign_flips_are_those_of_a_statistics_library() -> None:
    from scipy.stats import permutation_test

    gains = np.random.default_rng(5).normal(0.15, 0.3, 10)
    theirs = permutation_test(
        (gains, np.zeros(10)), lambda a, b, axis: (a - b).sum(axis), permutation_type="samples", vectorized=True
    ).pvalue
    names = list(map(str, range(10)))
    assert sign_flips([0.0] * 10, gains.tolist(), names, 1024, 0) == pytest.approx(theirs, abs=1e-12)
    assert sign_flips([0.0] * 10, gains.tolist(), names, 1000, 0) == pytest.approx(theirs, abs=0.05)


def test_sign_flips_are_never_sure() -> None:
    assert sign_flips([0] * 40, [1] * 40, list(map(str, range(40))), 999, 0) == 1 / 1000


# --- power ------------------------------------------------------------------------------------------------------------


def test_tries_share_the_error_of_one() -> None:
    assert shared(0.95, 1) == 0.95
    assert shared(0.95, 5) ** 5 == pytest.approx(0.95)


def test_rows_of_a_family_that_are_all_alike_count_once() -> None:
    """Gains 1, 1 and 0, 0: between 1, within 0, so the correlation is 1 and four rows are two."""
    alike = seen([0, 0, 0, 0], [1, 1, 0, 0], list("aabb"))
    assert (alike.correlation, alike.like, alike.effective_rows) == (1, 2, 2)
    apart = seen([0, 0, 0, 0], [1, 0, 1, 0], list("aabb"))
    assert (apart.correlation, apart.effective_rows) == (0, 4)
    assert seen([0, 0], [1, 0], list("ab")).correlation == 0, "one row each: nothing to see"
    assert seen([0], [1], ["a"]).spread == 0


def test_the_smallest_detectable_difference_has_the_power_it_says() -> None:
    """Against the exact power of a one-sample t-test (non-central t)."""
    from scipy.stats import nct, t

    design = foreseen([str(i) for i in range(30)], spread=0.4, correlation=0.0)
    shift = design.detectable(0.95, 0.8) / (0.4 / 30**0.5)
    assert nct.sf(t.ppf(0.975, 29), 29, shift) == pytest.approx(0.8, abs=0.01)


def test_correlated_rows_and_few_families_see_less() -> None:
    families = [f"{i % 10}" for i in range(100)]
    alone, alike = (foreseen(families, 0.5, correlation) for correlation in (0.0, 0.2))
    assert alone.effective_rows == 100 and alike.effective_rows == pytest.approx(100 / (1 + 9 * 0.2))
    assert alone.detectable(0.95, 0.8) < alike.detectable(0.95, 0.8) < alike.detectable(0.99, 0.8)
    assert foreseen(["a"] * 100, 0.5, 0.0).detectable(0.95, 0.8) == float("inf")


def test_the_exam_that_is_wanted_is_the_smallest_that_would_do() -> None:
    design = Design(100, 10, 10.0, 0.5, 0.1)
    wanted = design.wanted(0.05, 0.95, 0.8)
    assert wanted is not None and wanted.rows == 10 * wanted.families
    assert wanted.detectable(0.95, 0.8) <= 0.05 < design.of(wanted.families - 1).detectable(0.95, 0.8)
    assert design.wanted(0.0, 0.95, 0.8) is None and design.wanted(-0.1, 0.95, 0.8) is None
