"""What a training of any of the trainers costs, measured from outside in its own process: no callback, no change of code.

All of them load by `PreTrainedModel.from_pretrained`, step by `Trainer.training_step` and update by a torch optimizer; the
meter stands at these three doors. It knows torch and transformers only, and so works in another environment too.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook
from transformers import PreTrainedModel, Trainer

IGNORED = -100
"""The label of a token that bears no loss, in all of them."""
PROFILED = 8
"""Steps under the profiler, after the first."""


class Meter:
    """Counts from its making on; `read` when the training is over.

    The steps are timed from the end of the first to the end of the last: what the first one sets up once, imports, loading
    and tokenising are outside. CPU seconds are those of all threads of the process.
    """

    def __init__(self, profiled: bool = False) -> None:
        self.base, self.tokens, self.padded, self.peak = 0.0, 0, 0, 0.0
        self.ends: list[tuple[float, float, int, int]] = []
        self.profile = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) if profiled else None
        self.at_loading()
        self.at_steps()
        register_optimizer_step_post_hook(self.after_update)

    def at_loading(self) -> None:
        """Notes the memory in use when the base has just been loaded."""
        loading = PreTrainedModel.from_pretrained.__func__

        def from_pretrained(cls: type, *args: Any, **settings: Any) -> Any:
            model = loading(cls, *args, **settings)
            self.base = memory("VmRSS")
            return model

        PreTrainedModel.from_pretrained = classmethod(from_pretrained)

    def at_steps(self) -> None:
        """Counts the tokens of every batch that is trained on: those with a label behind the first, and all, padding too."""
        stepping = Trainer.training_step

        def training_step(trainer: Trainer, model: Any, inputs: dict[str, Any], *args: Any, **settings: Any) -> Any:
            self.tokens += int((inputs["labels"][:, 1:] != IGNORED).sum())
            self.padded += inputs["input_ids"].numel()
            return stepping(trainer, model, inputs, *args, **settings)

        Trainer.training_step = training_step

    def after_update(self, *_: Any) -> None:
        """The end of a step."""
        self.ends.append((time.process_time(), time.perf_counter(), self.tokens, self.padded))
        self.peak = memory("VmHWM")
        if self.profile and len(self.ends) == 1:
            self.profile.start()
        if self.profile and len(self.ends) == 1 + PROFILED:
            self.profile.stop()

    def read(self) -> dict[str, Any]:
        """The figures: seconds and tokens of the steps behind the first, MiB above the loaded base."""
        if len(self.ends) < 2 or not self.tokens or not self.base:
            raise RuntimeError(
                f"{len(self.ends)} updates, {self.tokens} tokens, base {self.base}: the meter was passed by"
            )
        first, last = self.ends[0], self.ends[-1]
        names = ("cpu", "wall", "tokens", "padded")
        return {
            **{name: b - a for name, a, b in zip(names, first, last, strict=True)},
            "steps": len(self.ends),
            "memory": self.peak - self.base,
            "operators": operators(self.profile) if self.profile else [],
        }


def operators(profile: Any) -> list[tuple[str, float, int]]:
    """Every operator's own milliseconds and calls per step, the costliest first."""
    found = [
        (each.key, each.self_cpu_time_total / 1000 / PROFILED, each.count // PROFILED)
        for each in profile.key_averages()
    ]
    return sorted(found, key=lambda each: -each[1])


def memory(field: str) -> float:
    """A figure of this process in MiB: VmRSS, in use now; VmHWM, the most so far. Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024
