"""What the Trainer does otherwise here: an order of rows that a resumed run repeats, marked checkpoints, a stop on NaN."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import Sampler
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_pt_utils import get_length_grouped_indices
from trl import SFTTrainer

from factory.chat import IGNORED
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
    """TRL's trainer with our order of rows where they are grouped by length, and no logit that nothing is trained on."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss from the first trained position of the batch on: prompts come first and take most of a row.

        The head and the softmax over the whole vocabulary are what a small model spends most on (measured: 38 % of a
        step). Routed experts add a loss of their own, and are left to TRL.
        """
        if self.aux_loss_enabled:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs["labels"]
        first = int((labels != IGNORED).any(0).nonzero()[0])
        outputs = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            use_cache=False,
            logits_to_keep=labels.shape[1] - first + 1,
        )
        wanted = labels[:, first:].flatten()
        counted = (wanted != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        logits = outputs.logits[:, :-1].flatten(0, 1).float()
        loss = cross_entropy(logits, wanted, ignore_index=IGNORED, reduction="sum") / counted
        return (loss, outputs) if return_outputs else loss

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
