"""What happens while the Trainer runs: progress, the marker of complete checkpoints, a stop on NaN."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from factory.errors import DataMistake
from factory.store import Events, write


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
