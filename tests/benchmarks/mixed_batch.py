"""Several adapters trained in one batch that holds rows of them all, beside one after another on the same base.

    python -m tests.benchmarks.mixed_batch [--rounds 3] [--steps 3]

A prototype for docs/decisions/mixed-batch.md. Every arm runs in a fork of the process that holds the base, in turn (A B C
A B C ...): its CPU seconds are its own, and its memory begins at the base's. First comes what makes the figures worth
reading: the adapters of a mixed batch are those that each would be alone.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy, linear

from factory import config, fits, models
from factory.chat import IGNORED
from factory.display import console
from factory.made_with import made_with
from factory.stages.trainer import dataset
from tests.benchmarks.bench import make

SMALL = ["specialist=sql", "generate.rows=300", "base.weights.quantisation.kind=none", "runtime.threads=1"]
Row = tuple[list[int], list[int]]
"""Ids and labels."""
Batch = list[list[Row]]
"""The rows of a step, by adapter: as many for each."""


class Mixed(torch.nn.Module):
    """A frozen linear layer and the factors of K adapters: a batch is K runs of as many rows, each through its own."""

    def __init__(self, base: torch.nn.Linear, settings: config.Lora, adapters: Sequence[int], layer: int) -> None:
        super().__init__()
        self.base, self.scale, like = base, settings.alpha / settings.rank, base.weight
        drawn = [torch.Generator().manual_seed(1_000 * adapter + layer) for adapter in adapters]
        wide = base.in_features**-0.5
        first = [torch.empty(settings.rank, base.in_features).uniform_(-wide, wide, generator=one) for one in drawn]
        self.a = torch.nn.Parameter(torch.stack(first).to(like.dtype))  # (K, rank, in)
        self.b = torch.nn.Parameter(torch.zeros(len(drawn), base.out_features, settings.rank, dtype=like.dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The base once, and a batched product of low rank."""
        if len(self.a) == 1:  # as any LoRA layer does it, so that the arm alone has no batched product to pay for
            return self.base(x) + self.scale * linear(linear(x, self.a[0]), self.b[0])
        own = x.reshape(len(self.a), -1, x.shape[-1])  # (K, its rows x positions, in)
        return self.base(x) + self.scale * torch.bmm(torch.bmm(own, self.a.mT), self.b.mT).view(*x.shape[:-1], -1)


@contextmanager
def adapted(model: Any, settings: config.Lora, adapters: Sequence[int]) -> Iterator[list[Mixed]]:
    """The base with these adapters on all its linear layers but the head; bare again afterwards."""
    places = [(parent, name) for parent in model.model.modules() for name, _ in parent.named_children()]
    places = [(parent, name) for parent, name in places if isinstance(getattr(parent, name), torch.nn.Linear)]
    layers = [Mixed(getattr(parent, name), settings, adapters, n) for n, (parent, name) in enumerate(places)]
    for (parent, name), layer in zip(places, layers, strict=True):
        setattr(parent, name, layer)
    yield layers
    for (parent, name), layer in zip(places, layers, strict=True):
        setattr(parent, name, layer.base)


def padded(rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and labels, padded on the right: what attends to what came before sees none of it, so no mask is needed."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows])
    return ids, torch.tensor([labels + [IGNORED] * (width - len(labels)) for _, labels in rows])


def summed(model: Any, ids: torch.Tensor, labels: torch.Tensor, adapters: int) -> torch.Tensor:
    """The sum of every adapter's mean over its own trained tokens: no gradient of one knows of another's rows."""
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    trained = wanted != IGNORED
    each = cross_entropy(model.lm_head(hidden[trained]), wanted[trained], reduction="none")
    tokens = trained.view(adapters, -1).sum(1)
    return (each / tokens.repeat_interleave(tokens)).sum()


def clip(gradients: Sequence[torch.Tensor], most: float) -> None:
    """Every adapter's gradient to a norm of its own; one norm over all would couple them."""
    norms = torch.stack([gradient.square().flatten(1).sum(1) for gradient in gradients]).sum(0).sqrt()
    for gradient in gradients:
        gradient.mul_((most / (norms + 1e-6)).clamp(max=1.0)[:, None, None])


def trained(model: Any, train: config.Train, adapters: Sequence[int], batches: Sequence[Batch]) -> list[torch.Tensor]:
    """The factors of the adapters after a step on each batch, (K, ...); one AdamW over all, which looks at no neighbour."""
    with adapted(model, train.lora, adapters) as layers:
        factors = [factor for layer in layers for factor in (layer.a, layer.b)]
        optimizer = torch.optim.AdamW(factors, lr=train.learning_rate, weight_decay=train.weight_decay)
        for batch in batches:
            summed(model, *padded([row for rows in batch for row in rows]), len(adapters)).backward()
            clip([factor.grad for factor in factors], train.max_grad_norm)
            optimizer.step()
            optimizer.zero_grad()
    return [factor.detach() for factor in factors]


def alone(model: Any, train: config.Train, batches: Sequence[Batch]) -> list[list[torch.Tensor]]:
    """The same adapters one after another; an adapter's optimizer goes with it, as in a fleet."""
    return [
        trained(model, train, [adapter], [[batch[adapter]] for batch in batches]) for adapter in range(len(batches[0]))
    ]


def dealt(rows: Sequence[Row], adapters: int, each: int, steps: int, apart: bool = False) -> list[Batch]:
    """A batch for every step, from windows over the rows by length that are dealt out to the adapters.

    With `apart` each adapter is at another window, as where nobody sorts the rows of all adapters together.
    """
    size = adapters * each
    windows = [rows[(len(rows) - size) * n // max(1, steps - 1) :][:size] for n in range(steps)]
    shares = range(adapters)
    return [[windows[(step + n * apart) % steps][n::adapters] for n in shares] for step in range(steps)]


def forked(action: Callable[[], Any]) -> Any:
    """What an action returns, done in a fork of this process."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    process = fork.Process(target=lambda: theirs.send(action()))
    process.start()
    theirs.close()
    found = ours.recv()
    process.join()
    return found


def cost(action: Callable[[], object], first: Callable[[], object]) -> tuple[float, int]:
    """CPU seconds of an action, and its peak of memory above what the process held.

    A small step comes first: a fork has not yet mapped the code of its libraries, tens of MiB.
    """
    first()
    held = fits.memory()
    with fits.peak() as peak:
        start = time.process_time()
        action()
        seconds = time.process_time() - start
    return seconds, (peak.bytes or 0) - held


def differences(model: Any, train: config.Train, batches: Sequence[Batch]) -> Iterator[str]:
    """How far trainings are apart that should be one, as a share of how far weights have moved.

    The second is the measure for the first: the same training alone, its rows longer by padding.
    """
    adapters = range(len(batches[0]))
    longer = [[[(i + [0] * 16, y + [IGNORED] * 16) for i, y in rows] for rows in batch] for batch in batches]
    begun, mixed = trained(model, train, adapters, []), trained(model, train, adapters, batches)
    single, more = (
        [torch.cat(one) for one in zip(*alone(model, train, these), strict=True)] for these in (batches, longer)
    )
    moved = torch.cat([(one - was).abs().flatten() for one, was in zip(single, begun, strict=True)])
    for name, others in (("mixed", mixed), ("alone, more padding", more)):
        off = torch.cat([(one - other).abs().flatten() for one, other in zip(single, others, strict=True)])
        far = (off > 1e-3 * moved.max()).double().mean()
        yield f"{name}: mean {off.mean() / moved.mean():.1e}, most {off.max() / moved.max():.1e}, {far:.1e} beyond 0.001"


def read(path: Path) -> list[Row]:
    """The rows, short ones first."""
    rows = dataset(path, ("train", "dev"))
    return sorted(zip(rows["input_ids"], rows["labels"], strict=True), key=lambda row: len(row[0]))


def padding(batches: Sequence[Batch]) -> float:
    """The share of padded positions where a step is one batch."""
    steps = [[len(ids) for share in batch for ids, _ in share] for batch in batches]
    return 1 - sum(map(sum, steps)) / sum(len(lengths) * max(lengths) for lengths in steps)


def size(
    model: Any, train: config.Train, rows: Sequence[Row], adapters: int, each: int, steps: int, rounds: int
) -> str:
    """The figures of one size of batch: medians over the rounds, ratios of what ran in turn."""
    like, other = (dealt(rows, adapters, each, steps, apart) for apart in (False, True))
    arms = {
        "alone": partial(alone, model, train, like),
        "mixed": partial(trained, model, train, range(adapters), like),
        "apart": partial(trained, model, train, range(adapters), other),
    }
    first = partial(trained, model, train, [0], [[rows[:1]]])
    found = [{name: forked(partial(cost, arm, first)) for name, arm in arms.items()} for _ in range(rounds)]
    tokens = sum(label != IGNORED for batch in like for share in batch for _, labels in share for label in labels[1:])
    single = [[share] for batch in like for share in batch]
    shares = ", ".join(f"{padding(batches):.1%}" for batches in (single, like, other))
    told = f"{adapters} adapters, {each} rows each; padded alone, mixed, apart: {shares}"
    for name in arms:
        took = statistics.median(one[name][0] for one in found)
        peak = statistics.median(one[name][1] for one in found)
        told += f"\n  {name}: {took / adapters / steps:.3f} CPU-s an adapter-step, {tokens / took:.0f} tokens a CPU-s, "
        told += f"{fits.mib(peak)} above the base, "
        told += f"{statistics.median(one['alone'][0] / one[name][0] for one in found):.2f} times as fast as alone"
    return told


def main() -> None:
    """The check, then the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="only whether mixed is alone")
    parser.add_argument("--runs", type=Path, help="folder for the rows, kept; else a temporary one")
    given = parser.parse_args()
    logging.captureWarnings(True)
    with tempfile.TemporaryDirectory() as folder:
        rows = read(make(SMALL, "tokens", given.runs or Path(folder)).file("tokens.arrow"))
    asked = config.load(SMALL)
    torch.set_num_threads(1)
    model = models.load_base(models.weights_source(asked.base), asked.base.weights, asked.runtime).requires_grad_(False)
    console.print("  ".join(f"{name} {value}" for name, value in made_with(asked.runtime).items()))
    for kind in (torch.float32, torch.float64):
        batches = dealt(rows, 4, 2, given.steps, apart=True)
        for told in forked(lambda kind=kind, batches=batches: [*differences(model.to(kind), asked.train, batches)]):
            console.print(f"{kind}, off from alone as a share of what weights have moved: {told}")
    for adapters in () if given.check else (2, 4, 8):
        for each in (1, 2, 8):
            console.print(size(model, asked.train, rows, adapters, each, given.steps, given.rounds))


if __name__ == "__main__":
    main()
