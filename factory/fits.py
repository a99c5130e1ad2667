"""Does a training fit, and what does it take: memory foretold from the shape of base and adapter, and as it was.

All figures are bytes above the loaded base: what a training adds to what serving needs anyway.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from factory.chat import IGNORED
from factory.config import Lora, Runtime, Train
from factory.errors import Mistake
from factory.made_with import library

MEGA = 2**20
FLOAT = 4
"""Bytes; adapters, their gradients and the optimizer's two moments are held in float32."""


@dataclass(frozen=True)
class Fit:
    """One training: memory held before it, its peak above that as it was (None: unknown here) and as foretold."""

    before: int
    peak: int | None
    foretold: int
    seconds_per_step: float


@dataclass
class Peak:
    """The most memory of the process, or of the GPU, inside the block."""

    bytes: int | None = None


def memory() -> int:
    """Memory held now: of the GPU where torch uses one, else of the process, which first gives back what it has freed."""
    if on_gpu():
        import torch

        return int(torch.cuda.memory_allocated())
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
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
    """A figure of the kernel's about this process, in bytes; 0 where it says none."""
    if not Path("/proc/self/status").exists():
        return 0
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
    experts: int = 0  #: numbers of the experts of all layers
    tied: bool = True  #: the head is the embeddings

    @property
    def never_quantised(self) -> int:
        """Numbers that 4-bit loading leaves as they are: embeddings, head, and experts, which are no linear layers."""
        return (1 if self.tied else 2) * self.vocabulary * self.hidden + self.experts

    @staticmethod
    def of(found: Mapping[str, Any]) -> Shape | None:
        """Read from a configuration as plain data; None where it is written in other words than Llama's."""
        names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
        if not all(isinstance(found.get(name), int) for name in names):
            return None
        heads = found["num_attention_heads"]
        experts = found.get("num_experts_per_tok") or 1
        width = found.get("moe_intermediate_size") or found["intermediate_size"]
        blocks = found.get("num_experts") or found.get("num_local_experts") or 0
        return Shape(
            found["hidden_size"],
            found["num_hidden_layers"],
            heads,
            found.get("num_key_value_heads") or heads,
            found.get("head_dim") or found["hidden_size"] // heads,
            experts * width,
            found["vocab_size"],
            3 * blocks * width * found["hidden_size"] * found["num_hidden_layers"],
            bool(found.get("tie_word_embeddings", True)),
        )


@dataclass(frozen=True)
class Batch:
    """The largest batch of a training: its rows, the tokens of the longest, and the positions from the first trained one on."""

    rows: int
    longest: int
    trained: int


def largest(labels: Sequence[Sequence[int]], rows: int) -> Batch:
    """The batch of the longest rows, from the labels of all of them."""
    firsts = ((len(row), next(place for place, label in enumerate(row) if label != IGNORED)) for row in labels)
    longest = sorted(firsts, reverse=True)[:rows]
    return Batch(len(longest), longest[0][0], longest[0][0] - min(first for _, first in longest) + 1)


def foretold(shape: Shape, trained: int, train: Train, batch: Batch, where: str) -> int:
    """Bytes above the loaded base at the start of the backward pass of the largest batch, where they are most.

    What autograd keeps of a block of Llama's kind with an adapter on every layer, in numbers per token (counted with
    `saved_tensors_hooks`; docs/decisions/fits.md): 4 hidden for the two norms, queries, keys, values and the attention's
    output, 4 inner for the feed-forward block, the rank once per layer, and a row of the attention's mask. `trained` is how
    many numbers are: those of the adapter, or with `method=full` the base's own, which are there already.
    """
    wide, narrow = KEPT_BYTES[train.precision]
    tokens = batch.rows * batch.longest
    heads = (2 * shape.heads + 2 * shape.groups) * shape.head
    full = train.method == "full"
    block = wide * (4 * shape.hidden + heads) + narrow * (4 * shape.inner + (0 if full else 7 * train.lora.rank))
    kept = block + wide * shape.hidden * (shape.layers - 1) if train.gradient_checkpointing else block * shape.layers
    mask = (tokens if train.packing else batch.longest) * (1 if train.gradient_checkpointing else shape.layers)
    head = FLOAT * logits(shape, train, batch)
    states = trained * FLOAT * ((STATES_8BIT if "8bit" in train.optimizer else STATES) - full)
    held = FRAGMENTS["released" if where == "cpu" and wide * shape.hidden * tokens >= AT_ONCE else where]
    return int((tokens * kept + head + states) * held + narrow * tokens * mask) + FIRST_STEP


def logits(shape: Shape, train: Train, batch: Batch) -> int:
    """Numbers that the head holds at once."""
    positions = batch.rows * (batch.longest if train.packing and train.head == "sliced" else batch.trained)
    if train.head == "sliced":
        return SLICED * positions * shape.vocabulary
    return CHUNKED * min(positions, TILE[0]) * min(shape.vocabulary, TILE[1])


KEPT_BYTES = {"float32": (4.0, 4.0), "bfloat16": (3.5, 2.0)}
"""Bytes of a number of hidden width and of inner width; under autocast the norms stay wide, and adapters cast what they read."""
SLICED, CHUNKED = 3, 5
"""Copies of the logits: their softmax and the gradients of both; what TRL's head holds of a tile without Triton."""
TILE = (4096, 8192)
"""Positions and words of a tile of TRL's head."""
STATES, STATES_8BIT = 4.0, 2.5
"""Weight, gradient and the two moments of a trained number, in floats."""
FIRST_STEP = 60 * 2**20
"""Bytes that libraries and buffers take with the first step."""
FRAGMENTS = {"cpu": 1.75, "released": 1.05, "cuda": 1.1}
"""Held for what is in use: glibc keeps freed blocks (measured), unless `runtime.release` gives them back or those of hidden
width are as large as `AT_ONCE`; torch's allocator on a GPU (assumed)."""
AT_ONCE = 32 * MEGA
"""Blocks that glibc gives back as soon as they are freed, whatever it has learnt: DEFAULT_MMAP_THRESHOLD_MAX."""


def place(device: str, runtime: Runtime) -> str:
    """Whose habits the memory follows; `auto` is the GPU where there is one."""
    if device == "cuda" or (device == "auto" and gpu()):
        return "cuda"
    return "released" if runtime.release else "cpu"


def gpu() -> bool:
    """Whether torch would find a GPU here; asked of the driver where torch is not loaded, since that takes seconds."""
    if "torch" in sys.modules:
        return bool(sys.modules["torch"].cuda.is_available())
    if library("torch").endswith("+cpu"):
        return False
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def adapter_parameters(shape: Shape, settings: Lora) -> int:
    """Numbers of an adapter on the linear layers of a block of Llama's kind; experts are none."""
    query, group = shape.heads * shape.head, shape.groups * shape.head
    ends = {
        "q_proj": shape.hidden + query,
        "k_proj": shape.hidden + group,
        "v_proj": shape.hidden + group,
        "o_proj": query + shape.hidden,
        "gate_proj": shape.hidden + shape.inner,
        "up_proj": shape.hidden + shape.inner,
        "down_proj": shape.inner + shape.hidden,
    }
    if shape.experts:
        ends = {name: width for name, width in ends.items() if name.endswith(("q_proj", "k_proj", "v_proj", "o_proj"))}
    names = ends if settings.targets == "all-linear" else settings.targets
    return settings.rank * shape.layers * sum(ends.get(name, 2 * shape.hidden) for name in names)


def release(runtime: Runtime) -> None:
    """Gives memory back to the system as soon as it is free, where that is asked for: less of it, and slower.

    glibc otherwise raises the size from which it does so to 32 MiB, as large blocks are freed. For the rest of the process.
    """
    if runtime.release is not None and sys.platform == "linux":
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, runtime.release * MEGA)


M_MMAP_THRESHOLD = -3
"""glibc's number of the setting."""


def room(runtime: Runtime, device: str) -> int:
    """Bytes this process may hold in all: as configured, or what it holds and what is free, also in its control group."""
    if runtime.memory is not None:
        return runtime.memory * MEGA
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0]) + int(torch.cuda.memory_reserved())
    if not Path("/proc/meminfo").exists():
        return sys.maxsize  # unknown here: nothing is refused
    free = {line.split(":")[0]: line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines()}
    there = int(free["MemAvailable"]) * 1024
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and limit.read_text().strip().isdigit():
        there = min(there, int(limit.read_text()) - int(used.read_text()) + cached())
    return memory() + there


def cached() -> int:
    """Bytes of files that the control group holds and gives up when they are wanted."""
    found = Path("/sys/fs/cgroup/memory.stat")
    lines = (line.split() for line in found.read_text().splitlines()) if found.exists() else ()
    return sum(int(size) for name, size in lines if name in ("inactive_file", "active_file"))


@dataclass(frozen=True)
class Rung:
    """A change of the settings, said as overrides, and what the training would take with it."""

    words: str
    bytes: int


def ladder(shape: Shape, trained: int, train: Train, batch: Batch, where: str) -> list[Rung]:
    """What to change for less memory, the least loss first, each rung with those below it."""
    rungs: list[Rung] = []
    changed: dict[str, Any] = {}

    def rung(**changes: Any) -> None:
        nonlocal train, batch
        for name, value in changes.items():
            changed[name] = value
        train = train.model_copy(update={name: value for name, value in changes.items() if name in Train.model_fields})
        said = " ".join(f"train.{name}={str(value).lower()}" for name, value in changed.items())
        rungs.append(Rung(said, foretold(shape, trained, train, batch, where)))

    while train.batch_size > 1 and train.batch_size % 2 == 0 and batch.rows > 1:
        batch = replace(batch, rows=batch.rows // 2)
        rung(batch_size=train.batch_size // 2, gradient_accumulation=train.gradient_accumulation * 2)
    if not train.gradient_checkpointing:
        rung(gradient_checkpointing=True)
    words = [rungs[-1].words] if rungs else []
    if train.method != "full" and train.lora.rank > 1:
        lora = train.lora.model_copy(update={"rank": train.lora.rank // 2})
        trained, train = trained * lora.rank // train.lora.rank, train.model_copy(update={"lora": lora})
        words.append(f"train.lora.rank={lora.rank}")
    shorter = replace(batch, longest=batch.longest // 2, trained=min(batch.trained, batch.longest // 2))
    least = foretold(shape, trained, train, shorter, where)
    rungs.append(Rung(" ".join([*words, f"tokenize.max_length={shorter.longest}"]), least))
    return sorted(rungs, key=lambda one: -one.bytes)


def refuse_what_does_not_fit(
    shape: Shape, trained: int, train: Train, batch: Batch, runtime: Runtime, device: str
) -> int:
    """The bytes foretold; Mistake where they are more than there is room for, with the first change that would do."""
    where, held, whole = place(device, runtime), memory(), room(runtime, device)
    wanted = foretold(shape, trained, train, batch, where)
    if held + wanted > whole:
        found = next((one for one in ladder(shape, trained, train, batch, where) if held + one.bytes <= whole), None)
        hint = f"{found.words} would take {mib(found.bytes)}" if found else "take a smaller base or a larger machine"
        raise Mistake("train", f"does not fit: {mib(wanted)} above the base foretold, {mib(whole - held)} there", hint)
    return wanted


def mib(size: float) -> str:
    """Bytes for people."""
    return f"{size / MEGA:,.0f} MiB"
