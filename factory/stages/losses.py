"""The loss of every row at every visit: kept for reports, the source of the curve, and what names the rows of a bad step."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from factory.errors import DataMistake

if TYPE_CHECKING:
    import torch

NAMED = 3
"""Rows named where a training stops."""
HINT = "look at the rows, or lower train.learning_rate or train.max_grad_norm"


class Visit(NamedTuple):
    """One row in one step: its place, how many of its tokens are trained, and their losses summed, in nats."""

    step: int
    row: int
    tokens: int
    loss: float


class Losses:
    """Visits in the order of the steps, in a file that a resumed training cuts back to its checkpoint.

    What a step notes stays on the device until it is asked for, so that a GPU does not wait for every step.
    """

    def __init__(self, path: Path, ids: Mapping[int, str], rise: float) -> None:
        """`ids`: row -> its id; `rise`: nats per token above the first logged loss at which a training is given up."""
        self.path, self.ids, self.rise = path, ids, rise
        self.noted: list[tuple[int, torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self.open: list[Visit] = []
        self.latest: list[int] = []
        self.first: float | None = None

    def note(self, step: int, rows: torch.Tensor, tokens: torch.Tensor, losses: torch.Tensor) -> None:
        """Rows of one forward pass, with their trained tokens and summed losses."""
        self.noted.append((step, rows, tokens, losses.detach()))

    def flush(self) -> None:
        """Writes what was noted, so that it outlives the process."""
        visits = [
            Visit(step, *visit)
            for step, *columns in self.noted
            for visit in zip(*(column.tolist() for column in columns), strict=True)
        ]
        self.noted.clear()
        self.open += visits
        with self.path.open("a") as file:
            file.writelines(json.dumps(visit) + "\n" for visit in visits)
            file.flush()
            os.fsync(file.fileno())

    def settle(self, step: int) -> dict[str, float]:
        """Loss per token and trained tokens since it was last called; DataMistake where the loss is none, or explodes."""
        self.flush()
        for visit in self.open:
            if not math.isfinite(visit.loss):
                bad = [other.row for other in self.open if other.step == visit.step and not math.isfinite(other.loss)]
                self.stop(visit.step, "the loss is not a number any more", bad)
        tokens = sum(visit.tokens for visit in self.open)
        loss = sum(visit.loss for visit in self.open) / tokens
        if self.first is None:
            self.first = loss
        if loss > self.first + self.rise:
            worst = sorted(self.open, key=lambda visit: visit.loss / visit.tokens, reverse=True)
            what = f"the loss rose from {self.first:.2f} to {loss:.2f} nats per token, over train.loss_rise={self.rise}"
            self.stop(step, what, [visit.row for visit in worst])
        self.latest = [visit.row for visit in self.open if visit.step == step]
        self.open.clear()
        return {"loss": loss, "tokens": tokens}

    def stop(self, step: int, what: str, rows: Sequence[int]) -> None:
        """Ends the training, naming the step and the rows that did it."""
        names = [self.ids[row] for row in dict.fromkeys(rows)]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise DataMistake(f"train, step {step}", f"{what}; rows {', '.join(names[:NAMED])}{more}", HINT)

    def cut(self, step: int, history: Sequence[dict[str, Any]]) -> None:
        """Back to a checkpoint: forgets later visits, and takes up those that its curve does not hold yet."""
        kept = [visit for visit in visits(self.path) if visit.step <= step]
        new = self.path.with_name(self.path.name + ".new")
        new.write_text("".join(json.dumps(visit) + "\n" for visit in kept))
        os.replace(new, self.path)
        logged = [point for point in history if "loss" in point]
        self.first = logged[0]["loss"] if logged else None
        self.open = [visit for visit in kept if visit.step > (logged[-1]["step"] if logged else 0)]


def visits(path: Path) -> Iterator[Visit]:
    """The visits of a file, up to a line that a kill has cut."""
    with path.open() if path.exists() else open(os.devnull) as file:
        for line in file:
            try:
                yield Visit(*json.loads(line))
            except ValueError:
                return
