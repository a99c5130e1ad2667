"""The factory with a tripwire: `python tests/tripwires.py '["step", 7]' run ...` kills itself after the seventh step.

One function is wrapped from outside, so that a chosen call sends SIGKILL to the process itself, half way through a file
where that is the point. `drill.py` has the trips that are drilled.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn


def die() -> NoReturn:
    """No handler, no finally, no atexit."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def wire(owner: Any, name: str, chosen: Callable[..., bool], moment: str = "before") -> None:
    """Replaces `owner.name`: its first chosen call kills this process before it, after it, or with half of its file there."""
    real = getattr(owner, name)

    def wired(*args: Any, **kwargs: Any) -> Any:
        if not chosen(*args, **kwargs):
            return real(*args, **kwargs)
        if moment != "before":
            real(*args, **kwargs)
        if moment == "half":
            path = next(Path(value) for value in args if isinstance(value, (str, Path)))
            os.truncate(path, path.stat().st_size // 2)
        die()

    setattr(owner, name, wired)


def nth(number: int) -> Callable[..., bool]:
    """True at the n-th call."""
    calls = iter(range(1, 1 << 30))
    return lambda *_, **__: next(calls) == number


def inside(checkpoint: int, name: str) -> Callable[..., bool]:
    """True for the call that is given the path of this file of this checkpoint."""
    wanted = (f"checkpoint-{checkpoint}", name)
    return lambda *args, **_: any(Path(value).parts[-2:] == wanted for value in args if isinstance(value, (str, Path)))


def step(number: int) -> None:
    """After an optimizer step, before it is logged or saved."""
    from factory.stages.watch import Watch

    wire(Watch, "on_step_end", lambda *given, **_: given[2].global_step == number)


def optimizer(number: int) -> None:
    """Between the backward pass and the update."""
    import torch

    wire(torch.optim.AdamW, "step", nth(number))


def weights(checkpoint: int) -> None:
    """Half of the adapter's weights, or of the model's where every weight is trained."""
    import peft.peft_model
    import transformers.modeling_utils

    wire(peft.peft_model, "safe_save_file", inside(checkpoint, "adapter_model.safetensors"), "half")
    wire(transformers.modeling_utils, "safe_save_file", inside(checkpoint, "model.safetensors"), "half")


def torch_save(checkpoint: int, name: str) -> None:
    """Half of a file that torch writes: the optimizer, the schedule, the random state."""
    import torch

    wire(torch, "save", inside(checkpoint, name), "half")


def state(checkpoint: int) -> None:
    """Half of the trainer's state."""
    from transformers import TrainerState

    wire(TrainerState, "save_to_json", inside(checkpoint, "trainer_state.json"), "half")


def marker(checkpoint: int) -> None:
    """All files of the checkpoint, and no marker."""
    import factory.stages.watch

    wire(factory.stages.watch, "write", inside(checkpoint, "complete"))


def manifest(stage: str) -> None:
    """The whole payload and the facts, no manifest."""
    import factory.store

    wire(factory.store, "write", lambda path, _: path.name == "manifest.json" and path.parent.name.startswith(stage))


def manifest_new(stage: str) -> None:
    """The manifest written under its temporary name, not yet renamed."""
    wire(os, "replace", lambda _, new: Path(new).name == "manifest.json" and Path(new).parent.name.startswith(stage))


def client(method: str, number: int, moment: str) -> None:
    """Before or after the n-th call of a method of MLflow's client."""
    import mlflow

    wire(mlflow.MlflowClient, method, nth(number), moment)


def alias() -> None:
    """The version is there with all its tags, the alias is not: with a gate forged to pass."""
    from factory.registry import gating

    gating.gate = lambda *_: gating.Verdict("PROMOTE")
    client("set_registered_model_alias", 1, "before")


TRIPS = {
    trip.__name__: trip
    for trip in (step, optimizer, weights, torch_save, state, marker, manifest, manifest_new, client, alias)
}


def armed(trip: Sequence[Any], words: Sequence[str]) -> int:
    """The factory's command line with a tripwire in it."""
    from factory.cli import main

    TRIPS[trip[0]](*trip[1:])
    return main(words)


if __name__ == "__main__":
    sys.exit(armed(json.loads(sys.argv[1]), sys.argv[2:]))
