"""A sweep gives every point to the run as it was written, with Hydra out of the way; a user's own conf is found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from factory.cli import main
from factory.config import load
from factory.errors import Mistake
from factory.sweep import points, sweep

WORDS = ["base=tiny", "profile=smoke", "~filter.length", "train.steps=1,2", "seed=range(0,2)"]


@pytest.fixture(autouse=True)
def argv(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra reads the words of the program, which are put back."""
    monkeypatch.setattr(sys, "argv", ["factory"])


def test_every_point_is_given_to_the_run_and_composes_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    came: list[list[str]] = []

    def run(point: list[str]) -> int:
        asked = load(point)
        assert "length" not in asked.filter and f"train.steps={asked.train.steps}" in point
        came.append(point)
        return asked.train.steps + 2

    assert sweep(WORDS, run) == 4, "the highest exit code"
    assert came == points(WORDS) and len(came) == 4
    assert not list(tmp_path.iterdir()), "a sweep leaves nothing of its own"


def test_a_sweep_finds_a_specialist_of_ones_own(in_sums_folder: Path) -> None:
    came: list[str] = []
    assert sweep(["specialist=sums", "seed=0,1"], lambda point: came.append(load(point).specialist.name) or 0) == 0
    assert came == ["sums", "sums"]


def test_ctrl_c_ends_the_sweep_and_not_one_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    came: list[list[str]] = []

    def run(point: list[str]) -> int:
        came.append(point)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(WORDS, run)
    assert len(came) == 1


def test_what_is_no_override_is_one_line() -> None:
    with pytest.raises(Mistake, match="not an override"):
        points(["seed=[0,1"])


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("specialist=glob(*)", "specialist=glob(*): patterns are not looked up"),
        ("hydra/launcher=nowhere", "sweep: Hydra says: "),
        ("hydra.nope=1", "sweep: Hydra says: Could not override 'hydra.nope'."),
    ],
)
def test_what_hydra_refuses_is_one_line(word: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "base=tiny", "profile=smoke", word]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"factory: {said}")
