"""What the Trainer does otherwise here: an order of rows that a resumed run repeats, marked checkpoints, a stop on NaN."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Sampler
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_pt_utils import get_length_grouped_indices
from trl import SFTTrainer

from factory.errors import DataMistake
from factory.store import Events, write


class ByLength(Sampler):
    """Rows of like length together, shuffled by seed and epoch alone.

    transformers' own sampler draws from torch's global stream, which a training resumed in a later epoch meets in another
    state: its rows came in another order (measured: other bytes from every checkpoint past the first epoch).
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        order = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return iter(get_length_grouped_indices(self.lengths, self.batch_size, generator=order))

    def set_epoch(self, epoch: int) -> None:
        """The Trainer says which epoch begins."""
        self.epoch = epoch


class Trainer(SFTTrainer):
    """TRL's trainer with our order of rows where they are grouped by length."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        lengths = [len(ids) for ids in self.train_dataset["input_ids"]]
        return ByLength(
            lengths, self.args.train_batch_size * self.args.gradient_accumulation_steps, self.args.data_seed
        )


class Watch(TrainerCallback):
    """Passes progress on, logs at and marks complete checkpoints, and stops on a loss that is no number."""

    def __init__(self, events: Events, marker: str) -> None:
        self.events, self.marker = events, marker

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """A checkpoint's step is logged too: the mean loss since the last log is in no checkpoint and would begin anew."""
        control.should_log = control.should_log or control.should_save

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict, **kwargs: Any
    ) -> None:
        """Progress; DataMistake names the step at which the loss stopped being a number."""
        figures = {name: logs[name] for name in ("loss", "eval_loss") if name in logs}
        bad = [name for name, value in figures.items() if not math.isfinite(value)]
        if bad:
            raise DataMistake(
                f"train, step {state.global_step}",
                f"{bad[0]} is not a number any more",
                "lower train.learning_rate or train.max_grad_norm",
            )
        if figures:
            self.events("step", done=state.global_step, total=state.max_steps, **figures)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """The checkpoint is whole: say so, last."""
        write(Path(args.output_dir) / f"checkpoint-{state.global_step}" / self.marker, "")
