"""What TRL's trainers do otherwise here: one order of rows, losses by row and by token, marked checkpoints, a good stop."""

from __future__ import annotations

import math
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl import DPOTrainer, SFTTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from factory import config, coverage
from factory.chat import IGNORED
from factory.errors import DataMistake
from factory.stages.losses import HINT, Losses
from factory.store import Events, write

KEPT = 2
"""Checkpoints: the last may be that of the last step, from which nothing can be gone on with."""
ROW = "row"
"""The column, and the entry of a batch, that says which rows are in it."""


class Rows(DataCollatorForLanguageModeling):
    """TRL's batches, padded or end to end, with the places of their rows."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """A batch of rows."""
        return super().torch_call(examples) | {ROW: torch.tensor([example[ROW] for example in examples])}


class Pairs(DataCollatorForPreference):
    """TRL's batches of pairs with the places of their rows."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """A batch of pairs."""
        return super().torch_call(examples) | {ROW: torch.tensor([example[ROW] for example in examples])}


class Watched:
    """What every training has here, whatever its loss is; goes before one of TRL's trainers."""

    order: Sequence[int]
    losses: Losses
    score: Callable[[Any], float] | None = None
    dev: list[tuple[torch.Tensor, torch.Tensor]]

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self.order

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if ROW not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, ROW]

    def note(self, rows: torch.Tensor, tokens: torch.Tensor, losses: torch.Tensor) -> None:
        """Keeps the losses of a forward pass: by row while training, summed on the development rows."""
        if self.model.training:
            self.losses.note(self.state.global_step + 1, rows, tokens, losses)
        else:
            self.dev.append((tokens.sum(), losses.detach().double().sum()))

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The loss per token of the development rows, and their score where checkpoints are chosen by it."""
        self.dev = []
        metrics = super().evaluate(*args, **kwargs)
        if self.score is not None:
            self.model.eval()
            metrics["eval_score"] = self.score(self.model)
            self.log({"eval_score": metrics["eval_score"]})
        return metrics

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """With losses per token; DataMistake where one stops being a number or explodes."""
        if "loss" in logs:
            logs.update(self.losses.settle(self.state.global_step))
        if "eval_loss" in logs:
            tokens, losses = zip(*self.dev, strict=True)
            logs["eval_loss"] = float(sum(losses) / sum(tokens))
        super().log(logs, start_time)
        if not math.isfinite(logs.get("grad_norm", 0.0)):
            what = "the gradient is not a number any more"
            self.losses.stop(self.state.global_step, what, self.losses.latest)
        if not math.isfinite(logs.get("eval_loss", 0.0)):
            what = "the loss of the development rows is not a number any more"
            raise DataMistake(f"train, step {self.state.global_step}", what, HINT)


class Trainer(Watched, SFTTrainer):
    """Supervised: the loss per token of the answers."""

    args_of = "SFTConfig"
    head: str = "sliced"

    @staticmethod
    def batches(pad: int, train: config.Train) -> Rows:
        """How rows become a batch: padded, or end to end."""
        return Rows(pad, padding_free=train.packing)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The summed loss over the trained tokens of the whole step, wherever its forward passes are cut."""
        rows, labels = inputs.pop(ROW), inputs["labels"]
        if self.aux_loss_enabled:
            inputs["output_router_logits"] = True
        each, outputs = (sliced if self.head == "sliced" else chunked)(model, inputs)
        self.note(rows, *by_row(each, labels, inputs.get("seq_idx")))
        counted = (labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        loss = each.sum() / counted
        if self.aux_loss_enabled:
            loss = loss + self.router_aux_loss_coef * outputs.aux_loss / self.current_gradient_accumulation_steps
        return (loss, outputs) if return_outputs else loss


class PreferenceTrainer(Watched, DPOTrainer):
    """By preference: TRL's loss over pairs that are tokens already."""

    args_of = "DPOConfig"

    @staticmethod
    def batches(pad: int, train: config.Train) -> Pairs:
        """How pairs become a batch."""
        return Pairs(pad)

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss; it is a mean over the pairs of the forward pass, so every one of them is noted with it."""
        rows = inputs.pop(ROW)
        found = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        loss = found[0] if return_outputs else found
        self.note(rows, torch.ones_like(rows), loss.detach().expand(len(rows)))
        return found


def sliced(model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, Any]:
    """Losses from the first trained position of the batch on, nothing elsewhere; (rows, positions - 1).

    Prompts come first and take most of a row; head and softmax over them are what a small model spends most on
    (measured: 38 % of a step).
    """
    labels = inputs["labels"]
    first = int((labels != IGNORED).any(0).nonzero()[0])
    given = {name: value for name, value in inputs.items() if name != "labels"}
    outputs = model(**given, use_cache=False, logits_to_keep=labels.shape[1] - first + 1)
    wanted = labels[:, first:]
    logits = outputs.logits[:, :-1].float()
    each = cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="none")
    return each.view_as(wanted), outputs


def chunked(model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, Any]:
    """Losses by TRL's head, which never holds the logits of a large vocabulary; (rows, positions - 1)."""
    outputs = model(**inputs, use_cache=False, fused_lm_head=True)
    return -outputs.log_probs, outputs


def by_row(each: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Trained tokens and summed losses of every row; `rows` says whose a position is where rows lie end to end."""
    trained = labels != IGNORED
    losses = each.detach().double()
    if rows is None:
        return trained.sum(1), losses.sum(1)
    rows, count = rows[0].long(), int(rows[0, -1]) + 1
    tokens = torch.zeros(count, dtype=torch.long, device=rows.device).index_add_(0, rows, trained[0].long())
    summed = torch.zeros(count, dtype=torch.double, device=rows.device)
    return tokens, summed.index_add_(0, rows[-losses.shape[1] :], losses[0])


class Watch(TrainerCallback):
    """Passes progress on, marks complete checkpoints, and stops well when told to."""

    def __init__(self, events: Events, marker: str, losses: Losses) -> None:
        self.events, self.marker, self.losses = events, marker, losses
        self.told: int | None = None
        self.looked = False

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """The losses by row go back to where the training does."""
        self.losses.cut(state.global_step, state.log_history)

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """At the first step every adapted module has a gradient, or the training ends."""
        if not self.looked:
            coverage.reached(given["model"])
            self.looked = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """The curve ends with the last step; a checkpoint is made when the process is told to end."""
        control.should_log = control.should_log or state.global_step >= state.max_steps
        control.should_save = control.should_save or self.told is not None

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict, **_: Any
    ) -> None:
        """Progress."""
        figures = {name: logs[name] for name in ("loss", "eval_loss", "eval_score") if name in logs}
        if figures:
            self.events("step", done=state.global_step, total=state.max_steps, **figures)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """The checkpoint is whole: say so, last, and let older ones go. Then the process may end."""
        self.losses.flush()
        write(Path(args.output_dir) / f"checkpoint-{state.global_step}" / self.marker, "")
        spare(Path(args.output_dir), state)
        if self.told is not None:
            self.events(f"checkpoint of step {state.global_step} written")
            self.leave()

    def leave(self) -> None:
        """Does what the signal does outside a training."""
        raise NotImplementedError


def spare(folder: Path, state: TrainerState) -> None:
    """Removes the checkpoints before the newest two, but for the best one.

    The Trainer would do so before the newest counts: a kill between the two could cost the best.
    """
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    for path in found[:-KEPT]:
        if path.name != Path(state.best_model_checkpoint or "").name:
            shutil.rmtree(path)


@contextmanager
def told_to_stop(watch: Watch) -> Iterator[None]:
    """While training, SIGTERM and Ctrl-C end it at the next checkpoint, which is made at once; a second one ends it now."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    both = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    before = {number: handler for number, handler in both.items() if handler is not signal.SIG_IGN}

    def restored() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def tell(number: int, frame: FrameType | None) -> None:
        restored()  # the second signal meets what was there before
        watch.told = number

    def leave() -> None:
        signal.raise_signal(watch.told)

    watch.leave = leave
    for number in before:
        signal.signal(number, tell)
    try:
        yield
    finally:
        restored()
    if watch.told is not None:  # it came too late for another checkpoint
        leave()
