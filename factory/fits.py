"""Does a training fit, and what does it take: memory foretold from the shape of base and adapter, and as it was.

All figures are bytes above the loaded base: what a training adds to what serving needs anyway.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.config import Train

FLOAT = 4
"""Bytes; adapters, their gradients and the optimizer's two moments are held in float32."""


@dataclass(frozen=True)
class Fit:
    """One training: memory of the process before it, its peak above that as it was (None: unknown here) and as foretold."""

    before: int
    peak: int | None
    foretold: int
    seconds_per_step: float


@dataclass
class Peak:
    """The most memory of the process, or of the GPU, inside the block."""

    bytes: int | None = None


def memory() -> int:
    """Memory held now: of the GPU where torch uses one, else of the process."""
    if on_gpu():
        import torch

        return int(torch.cuda.memory_allocated())
    return status("VmRSS")


@contextmanager
def peak() -> Iterator[Peak]:
    """Measures the peak inside; on a CPU by the kernel's own mark, which Linux lets a process set back."""
    found = Peak()
    if on_gpu():
        import torch

        torch.cuda.reset_peak_memory_stats()
        yield found
        found.bytes = int(torch.cuda.max_memory_allocated())
        return
    mark = Path("/proc/self/clear_refs")
    if mark.exists():
        mark.write_text("5")
    yield found
    if mark.exists():
        found.bytes = status("VmHWM")


def on_gpu() -> bool:
    """Whether torch is loaded and has a GPU in use."""
    torch = sys.modules.get("torch")
    return bool(torch and torch.cuda.is_available() and torch.cuda.memory_allocated())


def status(name: str) -> int:
    """A figure of the kernel's about this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


@dataclass(frozen=True)
class Shape:
    """What of a base's `config.json` its memory hangs on."""

    hidden: int
    layers: int
    heads: int
    groups: int  #: heads of keys and values
    head: int  #: width of one
    inner: int  #: of the feed-forward block, of all experts a token meets
    vocabulary: int

    @staticmethod
    def of(found: Mapping[str, Any]) -> Shape:
        """Read from a configuration as plain data."""
        heads = found["num_attention_heads"]
        experts = found.get("num_experts_per_tok") or 1
        return Shape(
            found["hidden_size"],
            found["num_hidden_layers"],
            heads,
            found.get("num_key_value_heads") or heads,
            found.get("head_dim") or found["hidden_size"] // heads,
            experts * (found.get("moe_intermediate_size") or found["intermediate_size"]),
            found["vocab_size"],
        )


@dataclass(frozen=True)
class Batch:
    """The largest batch of a training: its rows, the tokens of the longest, and the positions from the first trained one on."""

    rows: int
    longest: int
    trained: int


def foretold(shape: Shape, adapter: int, train: Train, batch: Batch) -> int:
    """Bytes above the loaded base at the start of the backward pass of the largest batch, where they are most.

    What autograd keeps of a block of Llama's kind with an adapter on every layer, in numbers per token (counted with
    `saved_tensors_hooks`; docs/decisions/fits.md): 4 hidden for the two norms, queries, keys, values and the attention's
    output, 4 inner for the feed-forward block, the rank once per layer, and a row of the attention's mask.
    """
    size = 2 if train.precision == "bfloat16" else FLOAT
    tokens = batch.rows * batch.longest
    seen = tokens if train.packing else batch.longest
    heads = (2 * shape.heads + 2 * shape.groups) * shape.head
    block = 4 * shape.hidden + heads + 4 * shape.inner + 7 * train.lora.rank + seen
    kept = block + shape.hidden * (shape.layers - 1) if train.gradient_checkpointing else block * shape.layers
    positions = tokens if train.packing else batch.rows * batch.trained
    head = HEAD * FLOAT * shape.vocabulary * (positions if train.head == "sliced" else min(positions, CHUNK))
    states = adapter * FLOAT * (STATES_8BIT if "8bit" in train.optimizer else STATES)
    return int(size * tokens * kept + head + states) + FIRST_STEP


HEAD = 3
"""Copies of the logits: their softmax, and the gradients of both."""
CHUNK = 1024
"""Positions whose logits TRL's head holds at once."""
STATES, STATES_8BIT = 4.0, 2.5
"""Weight, gradient and the two moments of an adapter's number, in floats."""
FIRST_STEP = 60 * 2**20
"""Bytes that libraries and buffers take with the first step."""
