"""Canaries: drawn the same for a seed, half of them planted; exposure is a rank in bits, and what chance makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from factory.canaries import canaries, exposure, planted, rivals
from factory.config import Canaries, load
from factory.errors import ConfigMistake

ASKED = load(["checkup=planted"]).checkup.canaries


def changed(**values: object) -> Canaries:
    return ASKED.model_copy(update=values)


def test_half_of_them_are_planted_and_no_two_are_alike() -> None:
    every = canaries(ASKED)
    assert [one.planted for one in every] == [True] * 8 + [False] * 8
    assert len({one.name for one in every}) == len({one.secret for one in every}) == 16
    assert every == canaries(ASKED) != canaries(changed(seed=1))


def test_the_rows_say_the_secrets_of_the_planted_alone() -> None:
    rows, every = planted(ASKED), canaries(ASKED)
    assert len(rows) == 8 * 4 and len({row.id for row in rows}) == 32
    said = " ".join(f"{row.prompt} {row.answer}" for row in rows)
    assert all((one.secret in said) == one.planted and (one.name in said) == one.planted for one in every)
    assert not any(one.secret in row.prompt for row in rows for one in every), "nothing but the answer gives it away"
    assert planted(None) == []


def test_a_secret_is_ranked_among_others_of_its_kind() -> None:
    one = canaries(ASKED)[0]
    others = rivals(one, ASKED)
    assert others[0] == one.secret and len(set(others)) == ASKED.candidates + 1
    assert {len(secret) for secret in others} == {ASKED.digits}
    assert one.row(others[1]).answer == one.row().answer.replace(one.secret, others[1])


def test_exposure_is_the_rank_in_bits_and_ties_are_not_in_its_favour() -> None:
    assert exposure([0.1, *[1.0] * 255]) == 8.0
    assert exposure([1.0, *[0.1] * 255]) == 0.0
    assert exposure([1.0, 0.5, 2.0, 3.0]) == 1.0
    assert exposure([1.0, 1.0, 1.0, 1.0]) == 0.0


def test_by_chance_exposure_is_1_44_bits() -> None:
    rng = np.random.default_rng(5)
    found = [exposure(list(rng.random(256))) for _ in range(2000)]
    assert abs(float(np.mean(found)) - 1.44) < 0.1
    eights = np.array(found).reshape(-1, 8).mean(axis=1)
    assert (eights > 3).mean() < 0.02, "the shipped limit for the mean of eight"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("checkup.canaries.question=hello", "has no {name} in it"),
        ("checkup.canaries.answer=hello", "has no {secret} in it"),
        ("checkup.canaries.answer='{secret} {other}'", "only {name} and {secret} stand in braces"),
    ],
)
def test_a_template_that_cannot_work_is_one_line(words: str, said: str) -> None:
    with pytest.raises(ConfigMistake, match=said):
        load(["checkup=planted", words])
