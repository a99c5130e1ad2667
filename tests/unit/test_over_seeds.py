"""The points of a sweep by setting, and the table of what the seed does: figures by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factory.config import load
from factory.over_seeds import Setting, lines, notes, settings

TINY = ("base=tiny", "profile=smoke")
RANK = ("train.lora.rank=4", *TINY)


def setting(words: tuple[str, ...], *scores: list[float], rows: str = "abcd", exam: str = "e") -> Setting:
    """The base is right on the last row alone; every seed has such scores."""
    answers = {
        seed: {
            row: {"family": row, "base_score": float(row == rows[-1]), "adapter_score": score}
            for row, score in zip(rows, each, strict=True)
        }
        for seed, each in enumerate(scores)
    }
    return Setting(words, load([*words]), answers, exam)


def test_points_that_differ_by_the_seed_alone_are_one_setting() -> None:
    """Nothing is made here, and that is said of every seed; the words that all settings have are left out."""
    points = [["seed=0", *TINY], ["seed=1", *TINY], ["seed=0", *RANK], ["seed=1", *RANK]]
    found = settings(points, [load(point) for point in points])
    assert [(one.words, list(one.lacking)) for one in found] == [(TINY, [0, 1]), (RANK, [0, 1])]
    assert list(lines(found)) == []
    assert list(notes(found)) == [
        "as configured: no report of seed 0, 1",
        "train.lora.rank=4: no report of seed 0, 1",
    ]


@pytest.mark.parametrize("other", ["train.lora.rank=4", "seed=0"])
def test_a_sweep_without_seeds_has_no_such_table(other: str) -> None:
    points = [[*TINY, "seed=0"], [*TINY, "seed=0", other]]
    assert settings(points, [load(point) for point in points]) == []


def test_a_line_says_mean_deviation_range_and_leads() -> None:
    """Seeds of 50 and 100 %: mean 75, deviation 35.4. The second setting is right everywhere: 25 points more."""
    first = setting(TINY, [1, 1, 0, 0], [1, 1, 1, 1])
    second = setting(RANK, [1, 1, 1, 1], [1, 1, 1, 1])
    one, two = lines([first, second])
    assert one[:6] == ("as configured", "2", "75.0%", "35.4", "50.0% to 100.0%", "25.0%")
    assert one[6].startswith("+50.0 [") and one[7] == ""
    assert two[:4] == ("train.lora.rank=4", "2", "100.0%", "0.0") and two[6].startswith("+75.0 [")
    assert two[7].startswith("+25.0 [")
    assert "the 4 rows of the exam are the same for every seed" in list(notes([first, second]))


def test_settings_on_another_exam_are_not_held_against_the_first() -> None:
    first, other = setting(TINY, [1, 1, 0, 0], [1, 1, 1, 1]), setting(RANK, [1, 0], [1, 0], rows="xy", exam="f")
    assert [line[7] for line in lines([first, other])] == ["", ""]
    wider = [[any("wider" in note for note in notes(each))] for each in ([first, first, first], [first, first, other])]
    assert wider == [[True], [False]], "two of them are one comparison"
    same = setting(RANK, [1, 0], [1, 0], rows="xy")
    assert [line[7] for line in lines([first, same])] == ["", "no row in common"]


def test_seeds_that_sat_other_rows_are_said_to() -> None:
    same, others = (setting(TINY, [1, 0], [0, 1], rows=rows) for rows in ("ab", "zb"))
    one = replace(same, answers={seed: (others if seed == 1 else same).answers[seed] for seed in same.answers})
    assert any("others for each seed (evaluate.rows=24)" in note for note in notes([one]))


def test_one_seed_that_is_left_has_no_deviation() -> None:
    (line,) = lines([setting(TINY, [1, 1, 0, 0])])
    assert line[1:4] == ("1", "50.0%", "-")
