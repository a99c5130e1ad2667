"""A loss that stops being a number or explodes ends the training at once, naming the step and the rows."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from factory.errors import DataMistake
from factory.stages.losses import Losses, Visit, visits

IDS = {number: f"row-{number}" for number in range(8)}


@pytest.fixture
def losses(tmp_path: Path) -> Losses:
    return Losses(tmp_path / "rows.jsonl", IDS, rise=2.0)


def note(losses: Losses, step: int, *each: tuple[int, int, float]) -> None:
    rows, tokens, summed = zip(*each, strict=True)
    losses.note(step, torch.tensor(rows), torch.tensor(tokens), torch.tensor(summed, dtype=torch.float64))


def test_the_loss_is_per_token_over_all_steps_since_the_last_point(losses: Losses) -> None:
    note(losses, 1, (0, 1, 3.0), (1, 9, 9.0))
    note(losses, 2, (2, 10, 8.0))
    assert losses.settle(2) == {"loss": 1.0, "tokens": 20}
    note(losses, 3, (3, 2, 3.0))
    assert losses.settle(3) == {"loss": 1.5, "tokens": 2}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_no_number_names_step_and_rows(losses: Losses, bad: float) -> None:
    note(losses, 1, (0, 5, 5.0))
    note(losses, 2, (3, 5, 5.0), (4, 5, bad), (5, 5, bad))
    note(losses, 3, (6, 5, math.nan))
    with pytest.raises(DataMistake, match="train, step 2: the loss is not a number any more; rows row-4, row-5 - look"):
        losses.settle(3)


def test_an_explosion_names_the_worst_rows(losses: Losses) -> None:
    note(losses, 1, (0, 10, 50.0))
    assert losses.settle(1)["loss"] == 5.0
    note(losses, 2, *((row, 10, 70.0 + row) for row in range(6)))
    with pytest.raises(
        DataMistake, match=r"step 2: the loss rose from 5.00 to 7.25 .*; rows row-5, row-4, row-3 and 3 more"
    ):
        losses.settle(2)


def test_a_resumed_training_goes_on_where_its_checkpoint_was(losses: Losses) -> None:
    """Visits after the checkpoint go; those that no point of the curve holds yet count in the next one."""
    for step in (1, 2, 3):
        note(losses, step, (step, 2, float(step)))
    losses.settle(3)
    note(losses, 4, (4, 2, 8.0))
    note(losses, 5, (5, 2, 99.0))
    losses.flush()
    with losses.path.open("a") as file:
        file.write("[6, 1")  # cut by the kill
    again = Losses(losses.path, IDS, rise=2.0)
    again.cut(4, [{"step": 3, "loss": 1.0}, {"step": 3, "eval_loss": 1.0}])
    assert again.open == [Visit(4, 4, 2, 8.0)] and again.first == 1.0
    assert [visit.step for visit in visits(losses.path)] == [1, 2, 3, 4]
    assert all(json.loads(line) for line in losses.path.read_text().splitlines())
