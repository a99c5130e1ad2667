"""What each lever of training is worth on a GPU, on random weights of a real shape: `make bench-gpu`.

    python -m tests.benchmarks.gpu [--base qwen3-8b] [--steps 20] [--tiny]

A ladder: the plain training, then one lever after another, each added to those before it; one that cannot be here is left
out, with the reason. The weights are drawn on the device (tests/bases.py), so that nothing is fetched and no file written;
everything else is the factory's own path, from the rows to the adapter. Time is that of the second half of the steps.

The loss is that of the development rows after the last step: the levers change how it is computed, not what. Where rows are
put in another order the steps have other rows, so it is near that of the plain training, not equal. `--tiny` tries the
same code on small shapes, also on a CPU, where its figures mean nothing.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory import config, fits, models
from factory.display import columns, console
from factory.errors import Mistake
from factory.fits import mib
from factory.made_with import library, made_with
from factory.pipeline import steps
from factory.rows import read_jsonl, read_table
from factory.stages import train as stage
from factory.store import Made, run
from tests import bases
from tests.benchmarks.bench import make, quiet

PLAIN = [
    "train.precision=float32",
    "base.weights.dtype=float32",
    "base.weights.quantisation.compute_dtype=float32",
    "base.weights.attention=eager",
    "train.group_by_length=false",
    "train.packing=false",
    "train.head=sliced",
    "train.optimizer=adamw_torch",
    "train.gradient_checkpointing=false",
    "train.gradient_accumulation=1",
]
LEVERS = {
    "plain": [],
    "bfloat16": [
        "train.precision=bfloat16",
        "base.weights.dtype=bfloat16",
        "base.weights.quantisation.compute_dtype=bfloat16",
    ],
    "attention kernel": ["base.weights.attention=sdpa"],
    "rows of like length": ["train.group_by_length=true"],
    "packing": ["train.packing=true"],
    "chunked head": ["train.head=chunked"],
    "Liger's kernels": ["train.liger=true"],
    "compiled": ["train.compile=true"],
    "paged 8-bit optimizer": ["train.optimizer=paged_adamw_8bit"],
    "checkpointing": ["train.gradient_checkpointing=true"],
}
"""Each with the overrides that it adds; the same keys again win over those before them."""
OWN = {"qwen3-8b": [], "olmoe-1b-7b": ["base.architecture=moe", "base.weights.quantisation.kind=none"]}
"""What the bases of these shapes have for themselves in `conf/base`."""
NEAR = 0.02
"""A loss that is further from the plain one's than this share of it is marked."""


@dataclass(frozen=True)
class Figures:
    """One rung: rates per second of the second half of the steps, bytes, nats per token."""

    trained: float
    tokens: float
    seconds: float
    before: int
    peak: int | None
    foretold: int
    loss: float


@contextmanager
def clocked() -> Iterator[list[float]]:
    """Inside, the ends of the steps of a training, with the device idle."""
    from transformers import TrainerCallback

    ends: list[float] = []

    class Clock(TrainerCallback):
        """Notes when a step ends."""

        def on_step_end(self, *_: Any, **__: Any) -> None:
            """Ends."""
            import torch

            if torch.cuda.is_available():
                torch.cuda.synchronize()
            ends.append(time.perf_counter())

    real = stage.new_trainer

    def new_trainer(*given: Any) -> Any:
        trainer = real(*given)
        trainer.add_callback(Clock)
        return trainer

    stage.new_trainer = new_trainer
    try:
        yield ends
    finally:
        stage.new_trainer = real


def figures(words: Sequence[str], root: Path) -> Figures:
    """Trains; what it took. Mistake, or an error of torch's, where it cannot be."""
    asked = config.load([*words, f"runtime.runs={root}"])
    *_, tokens, last = steps(asked, "adapter")
    with clocked() as ends:
        run(last.stage, last.given, last.made, asked.runtime, quiet, {})
    return read(last.made, tokens.made, ends)


def read(made: Made, tokens: Made, ends: Sequence[float]) -> Figures:
    """The figures of a training from its products and the ends of its steps."""
    warm = len(ends) // 2
    visits = [row for row in read_table(made.file("rows.parquet")) if row["step"] > warm]
    lengths = {row["id"]: len(row["labels"]) for row in read_table(tokens.file("tokens.arrow"), ["id", "labels"])}
    took, fit = ends[-1] - ends[warm - 1], made.facts["fit"]
    losses = [point["eval_loss"] for point in read_jsonl(made.file("curve.jsonl")) if "eval_loss" in point]
    return Figures(
        sum(row["tokens"] for row in visits) / took,
        sum(lengths[row["id"]] for row in visits) / took,
        took / (len(ends) - warm),
        fit["before"],
        fit["peak"],
        fit["foretold"],
        losses[-1],
    )


def ladder(words: Sequence[str], root: Path) -> Iterator[tuple[str, Figures | str]]:
    """Every rung with its figures, or with why it was left out."""
    held = [*words, *PLAIN]
    for name, added in LEVERS.items():
        said: Figures | str
        try:
            said = figures([*held, *added], root)
        except Mistake as mistake:
            said = str(mistake)
        except Exception as error:  # a rung that breaks costs its row, not the table
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
            logging.getLogger(__name__).exception(name)
        if isinstance(said, Figures):
            held += added
        yield name, said


def words_of(name: str, folder: Path, asked: argparse.Namespace) -> list[str]:
    """The overrides that all rungs on a base share: its own configuration, drawn weights, the embedded tokenizer."""
    small = ["generate.rows=200", "profile=smoke"] if asked.tiny else ["generate.rows=800"]
    return [
        "base=folder",
        *small,
        f"base.name={name}",
        *OWN[name],
        f"base.weights.path={bases.named(name, folder, asked.tiny)}",
        "base.tokenizer.path=data/base/nano",
        "runtime.workers=1",
        "runtime.threads=1",
        f"train.batch_size={asked.batch}",
        f"train.steps={asked.steps}",
        f"train.checkpoint_every={asked.steps}",
        "train.log_every=1",
    ]


def table(name: str, rungs: Sequence[tuple[str, Figures | str]]) -> Any:
    """The ladder of a base."""
    shown = columns(name, "trained tokens/s", "all tokens/s", "a step", "base", "peak above", "foretold", "loss", "off")
    first = next((found for _, found in rungs if isinstance(found, Figures)), None)
    for lever, found in rungs:
        if isinstance(found, str):
            shown.add_row(f"+ {lever}", "-", "-", "-", "-", "-", "-", "-", "-")
            continue
        off = found.loss / first.loss - 1
        shown.add_row(
            lever if found is first else f"+ {lever}",
            f"{found.trained:,.0f}",
            f"{found.tokens:,.0f}",
            f"{found.seconds:.3f} s",
            mib(found.before),
            "-" if found.peak is None else mib(found.peak),
            mib(found.foretold),
            f"{found.loss:.4f}",
            f"{off:+.2%}{'' if abs(off) <= NEAR else ' !'}",
        )
    return shown


def machine() -> dict[str, str | int]:
    """What the figures were measured with: the factory's own record, the GPU, its driver and CUDA."""
    import torch

    found = made_with(config.load([]).runtime) | {"CUDA": torch.version.cuda or "none", "Triton": library("triton")}
    if not torch.cuda.is_available():
        return found | {"GPU": "none"}
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    driver = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split("\n")[0]
    free, whole = torch.cuda.mem_get_info()
    memory = f"{mib(whole)}, {mib(free)} free"
    return found | {"GPU": torch.cuda.get_device_name(0), "memory": memory, "driver": driver or "unknown"}


def main(words: Sequence[str]) -> int:
    """The ladders of all bases asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", nargs="*", choices=list(bases.SHAPES), default=list(bases.SHAPES))
    parser.add_argument("--steps", type=int, default=20, help="of each rung; the first half warms up")
    parser.add_argument("--batch", type=int, default=8, help="rows a step")
    parser.add_argument("--tiny", action="store_true", help="small shapes, also on a CPU: a trial of the code")
    asked = parser.parse_args(words)
    if not asked.tiny and not fits.gpu():
        console.print("bench-gpu: no GPU here - try its code with --tiny")
        return 2
    logging.captureWarnings(True)
    console.print("  ".join(f"{name} {value}" for name, value in machine().items()))
    with tempfile.TemporaryDirectory() as folder, bases.unwritten():
        root = Path(folder)
        for name in asked.base:
            common = words_of(name, root / "bases" / name, asked)
            make(common, "tokens", root / "runs")
            rungs = []
            for lever, found in ladder(common, root / "runs"):
                rungs.append((lever, found))
                said = found if isinstance(found, str) else f"{found.tokens:,.0f} tokens/s"
                console.print(f"  {name}, {lever}: {said}", markup=False)
            console.print(table(name, rungs))
            models.LOAN.key, models.LOAN.model = (), None
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
