"""One look at the real thing before a training starts: a step at the largest batch, a few others, the longest answers.

In a process of its own, so that memory counts from nothing and what does not fit takes nothing else down with it.
"""

from __future__ import annotations

import tempfile
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from factory import config, fits, models
from factory.errors import FactoryError, Mistake
from factory.log import log_to
from factory.pipeline import Step

SPREAD = 6
"""Steps that are timed, each standing for as many of the training's."""


@dataclass(frozen=True)
class Probe:
    """What was found; memory in bytes, times in seconds."""

    base: int  #: memory of the process with the base loaded
    training: int  #: peak above it of a step at the largest batch
    answering: int  #: peak above it of a batch of the longest answers
    foretold: int  #: what the plan said of the training
    room: int  #: memory this process may hold in all
    step: float  #: mean time of a step
    watching: float  #: time of one pass over the development rows
    ladder: tuple[fits.Rung, ...]  #: what to change for less memory

    @property
    def fits(self) -> bool:
        """Whether training and answering stay below what there is."""
        return self.base + max(self.training, self.answering) <= self.room

    def seconds(self, train: config.Train) -> float:
        """What the training would take: its steps, and a look at the development rows at every checkpoint."""
        return train.steps * self.step + -(-train.steps // train.checkpoint_every) * self.watching


def probe(asked: config.Config, step: Step) -> Probe:
    """Probes the training of a step whose tokens are made; Mistake where it does not fit, with what would."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=look, args=(theirs, asked.dump(), step.given))
    child.start()
    theirs.close()
    try:
        found = ours.recv()
    except EOFError:
        child.join()
        hint = "take a smaller train.batch_size with train.gradient_accumulation, or train.gradient_checkpointing=true"
        raise Mistake("train", f"does not fit: the probe was killed (signal {-(child.exitcode or 0)})", hint) from None
    child.join()
    if isinstance(found, FactoryError):
        raise found
    if isinstance(found, str):
        raise RuntimeError(found)
    return found


def look(parent: Connection, asked: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """What the child does; what libraries say goes to the log of the runs."""
    try:
        typed = config.Config.model_validate(dict(asked))
        log_to(Path(typed.runtime.runs))
        parent.send(looked(typed, given))
    except FactoryError as error:
        parent.send(error)
    except MemoryError:
        parent.send(Mistake("train", "does not fit: the probe ran out of memory", "take a smaller train.batch_size"))
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":
            parent.send(Mistake("train", "does not fit: the GPU ran out of memory", "take a smaller train.batch_size"))
        else:
            parent.send(traceback.format_exc())


def looked(asked: config.Config, given: Mapping[str, Any]) -> Probe:
    """The figures, of this process."""
    from factory.stages import watch  # noqa: F401  (what is imported later would count as memory of the training)
    from factory.stages.order import order
    from factory.stages.train import bare, room_for, started
    from factory.stages.trainer import dataset, lengths, new_trainer, rows_of

    models.go_offline(asked.runtime)
    fits.release(asked.runtime)
    train, runtime, seed = given["train"].model_copy(update={"prefer": None}), asked.runtime, given["seed"]
    words = models.load_tokenizer(given["tokenizer"])
    tokens = given["tokens"].file("tokens.arrow")
    rows, dev = dataset(tokens, ("train", "replay")), dataset(tokens, ("dev",))
    contract = models.base_contract(given["weights"], given["tokenizer"], given["base"])
    with (
        bare(given["weights"], given["base"], runtime, train) as (model, _),
        tempfile.TemporaryDirectory() as out,
    ):
        before = fits.memory()
        policy = started(model, given["start"], contract, train, seed, quiet)
        said = room_for(model, policy, rows, train, runtime)
        rungs = changes(model, policy, rows, train, runtime)
        trainer = new_trainer(
            policy, words, rows, dev, given["kept"], asked.specialist, few(train), seed, Path(out), runtime, quiet
        )
        trainer.order = spread(
            order(rows_of(rows, given["kept"], train), train, seed, train.steps), lengths(rows), train
        )
        times = timed(trainer)
        with fits.peak() as peak:
            trainer.train()
            watching = time.perf_counter()
            if dev:
                trainer.evaluate()
            watching = time.perf_counter() - watching
        training = (peak.bytes or before) - before
        with fits.peak() as peak:
            prompts = sorted(rows["input_ids"], key=len)[-asked.evaluate.batch_size :]
            models.answer(policy.eval(), words, prompts, asked.evaluate.max_new_tokens)
        answering = (peak.bytes or before) - before
        del trainer, policy
    room = fits.room(runtime, models.device(runtime))
    return Probe(before, training, answering, said, room, sum(times[1:]) / SPREAD, watching, rungs)


def changes(model: Any, policy: Any, rows: Any, train: config.Train, runtime: config.Runtime) -> tuple[fits.Rung, ...]:
    """The ladder of this training; empty for a base of an unknown shape."""
    from factory.stages.train import trainable
    from factory.stages.trainer import largest

    shape = fits.Shape.of(model.config.get_text_config().to_dict())
    where = fits.place(models.device(runtime), runtime)
    return () if shape is None else tuple(fits.ladder(shape, trainable(policy), train, largest(rows, train), where))


def few(train: config.Train) -> config.Train:
    """The training cut to the steps of a probe, without checkpoints to choose from."""
    plain = train.choose.model_copy(update={"by": "last"})
    return train.model_copy(update={"steps": SPREAD + 1, "checkpoint_every": 1 << 20, "choose": plain})


def spread(order: list[int], lengths: list[int], train: config.Train) -> list[int]:
    """The rows of the probe's steps: the longest first, then whole steps of the training, from its shortest to its longest.

    They are the middles of as many equal parts of its steps, by their padded tokens, so their mean is that of all of them.
    """
    size = train.rows_per_step
    longest = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    first = [longest[place % len(longest)] for place in range(size)]
    steps = [order[start : start + size] for start in range(0, len(order) - size + 1, size)]
    steps.sort(key=lambda places: max(lengths[place] for place in places))
    middles = (int((part + 0.5) * len(steps) / SPREAD) for part in range(SPREAD))
    return first + [place for middle in middles for place in steps[middle]]


def timed(trainer: Any) -> list[float]:
    """Seconds of every step, as they are taken."""
    from transformers import TrainerCallback

    times: list[float] = []

    class Clock(TrainerCallback):
        """Notes when a step begins and ends."""

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            """Begins."""
            times.append(-time.perf_counter())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            """Ends."""
            times[-1] += time.perf_counter()

    trainer.add_callback(Clock)
    return times


def quiet(*_: object, **__: object) -> None:
    """Progress nobody watches."""
