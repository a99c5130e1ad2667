"""Training beside others: the factory, TRL's SFTTrainer and LLaMA-Factory, on the same base, rows, rank and steps.

    python -m tests.benchmarks.training [--steps N] [--rounds N] [--profile]

Each contender trains in a process of its own with one thread, in turn (A B C A B C). Counted are the tokens that bear a loss
(their label is not -100), of the batches themselves; CPU seconds are those of the steps alone, from the end of the first to
the end of the last, so imports, loading and tokenising are outside; they are in those of the whole process. Memory is the peak
above the process with the base just loaded. The loss is that of all development rows, by one function for every adapter.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from factory import config, models, packing
from factory.chat import IGNORED, Tokens
from factory.display import columns, console
from factory.log import log_to
from factory.made_with import made_with
from factory.rows import TOLD, read_examples, read_table
from factory.store import Made
from tests.benchmarks.bench import make

ROOT = Path(__file__).parents[2]
WORDS = ["specialist=sql", "base=nano", "generate.rows=600", "train.checkpoint_every=100000", "runtime.device=cpu"]
OTHER_PYTHON = ROOT / ".venv-llamafactory" / "bin" / "python"
GROUPED = {"train_sampling_strategy": "group_by_length"}
PATIENCE = 7200
"""Seconds for one training, also on a machine that others use; alone the longest takes a minute or two."""
TRIED = 13
"""Steps of a try of settings."""
SHOWN = 12
"""Operators of a profile."""


@dataclass(frozen=True)
class Contender:
    """A trainer with settings of its own, and what it gave in every round."""

    name: str
    trainer: str
    settings: dict[str, Any]
    python: Path | str = sys.executable
    given: list[dict[str, Any]] = field(default_factory=list)

    @property
    def pace(self) -> float:
        """Loss-bearing tokens per CPU second of the steps, median of the rounds."""
        return statistics.median(tokens_per_second(each) for each in self.given)

    @property
    def words(self) -> str:
        """The settings as they are written."""
        return ", ".join(f"{name}={value}" for name, value in self.settings.items()) or "defaults"


class Failed(Exception):
    """A contender that did not get through; its last words."""


def tokens_per_second(figures: dict[str, Any]) -> float:
    """Loss-bearing tokens per CPU second of the steps."""
    return figures["tokens"] / figures["cpu"]


@dataclass(frozen=True)
class Ring:
    """Where all of them train: folder, configuration, tokens, and the rows as messages."""

    folder: Path
    asked: config.Config
    tokens: Made
    rows: Path

    @property
    def recipe(self) -> dict[str, Any]:
        """What is equal for all."""
        train = self.asked.train
        return {
            "base": str(ROOT / self.asked.base.weights.path),
            "steps": train.steps,
            "batch_size": train.batch_size,
            "learning_rate": train.learning_rate,
            "schedule": train.schedule.kind,
            "floor": train.schedule.floor,
            "warmup": train.schedule.warmup,
            "rank": train.lora.rank,
            "alpha": train.lora.alpha,
            "seed": self.asked.seed,
        }

    def split(self, name: str) -> list[Tokens]:
        """The token arrays of a split."""
        table = read_table(self.tokens.file("tokens.arrow"))
        return [Tokens(row["input_ids"], row["labels"]) for row in table if row["split"] == name]


def ring(folder: Path) -> Ring:
    """Makes the tokens once, and writes the training rows as messages for the others."""
    words = [*WORDS, f"runtime.runs={folder / 'runs'}"]
    tokens = make(words, "tokens", folder / "runs")
    kept = make(words, "kept", folder / "runs")
    path = folder / "rows.jsonl"
    with path.open("w") as file:
        for row in read_examples(kept.file("kept.parquet"), TOLD):
            if row.split == "train":
                messages = [*row.messages, {"role": "assistant", "content": row.answer}]
                file.write(json.dumps({"messages": messages}) + "\n")
    return Ring(folder, config.load(words), tokens, path)


def train(ring: Ring, contender: Contender, steps: int, profiled: bool = False) -> dict[str, Any]:
    """One training in a process of its own; Failed with its last line."""
    out = Path(tempfile.mkdtemp(dir=ring.folder))
    job = {
        "contender": contender.trainer,
        "root": str(ring.folder / "runs"),
        "words": [*WORDS, f"train.steps={steps}"],
        "rows": str(ring.rows),
        "recipe": {**ring.recipe, "steps": steps},
        "settings": contender.settings,
        "profiled": profiled,
    }
    (out / "job.json").write_text(json.dumps(job))
    alone = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    away = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HOME": str(out / "cache")}
    command = [str(contender.python), "-m", "tests.benchmarks.contenders", str(out / "job.json")]
    around = {**os.environ, **alone, **away, "PYTHONPATH": str(ROOT)}
    before, start = spent(), time.perf_counter()
    with (out / "log").open("w") as log:
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=around, stdout=log, stderr=subprocess.STDOUT, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"longer than {PATIENCE} s") from None
    if done.returncode:
        said = [line for line in (out / "log").read_text().splitlines() if "Error" in line]
        raise Failed(said[-1] if said else f"exit code {done.returncode}")
    whole = {"whole_cpu": spent() - before, "whole_wall": time.perf_counter() - start, "adapter": str(out / "adapter")}
    return {**json.loads((out / "figures.json").read_text()), **whole}


def spent() -> float:
    """CPU seconds of all processes this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def fastest(ring: Ring, name: str, tries: list[Contender]) -> Contender:
    """Tries every settings for a few steps, prints its pace, and returns the fastest under a new name."""
    for each in tries:
        try:
            each.given.append(train(ring, each, TRIED))
            console.print(f"  {each.trainer} with {each.words}: {each.pace:.0f} loss-bearing tokens a CPU-s")
        except Failed as failed:
            console.print(f"  {each.trainer} with {each.words}: does not train here ({failed})")
    best = max((each for each in tries if each.given), key=lambda each: each.pace)
    return replace(best, name=name, given=[])


def packed(ring: Ring, length: str) -> dict[str, Any]:
    """Packs for the longest row (and whole eights, which LLaMA-Factory pads to), as many a step as hold a step's rows.

    `length` is the trainer's word for it.
    """
    lengths = [len(row.ids) for row in ring.split("train")]
    long = -(-max(lengths) // 8) * 8
    packs = round(ring.recipe["batch_size"] * statistics.mean(lengths) / long)
    return {"packing": True, length: long, "per_device_train_batch_size": max(1, packs)}


def of_trl(ring: Ring) -> list[Contender]:
    """TRL as it comes, without its bfloat16, and with the fastest of what its documentation offers a CPU.

    Its guides to speed and memory name packing, padding-free batches, precision, gradient checkpointing, and kernels that need
    a GPU; grouping by length is transformers'. The last try takes back by hand what TRL does to the adapter of a quantised
    base (bfloat16).
    """
    plain = {"bf16": False, "gradient_checkpointing": False}
    tries = [
        plain,
        {**plain, **GROUPED},
        {"gradient_checkpointing": False, **GROUPED},
        {**plain, **packed(ring, "max_length")},
        {**plain, "padding_free": True, "max_length": None},
        {**plain, **GROUPED, "adapter_in_float32": True},
    ]
    tuned = fastest(ring, "TRL, tuned", [Contender("", "trl", settings) for settings in tries])
    return [Contender("TRL as it comes", "trl", {}), Contender("TRL in float32", "trl", {"bf16": False}), tuned]


def of_llamafactory(ring: Ring) -> list[Contender]:
    """LLaMA-Factory as it comes and tuned; none, and one line that says why, where it is not there or does not train."""
    if not OTHER_PYTHON.exists():
        console.print("LLaMA-Factory: not here (`make bench` puts it into .venv-llamafactory where it installs)")
        return []
    plain = Contender("LLaMA-Factory as it comes", "llamafactory", {}, OTHER_PYTHON)
    off = {"disable_gradient_checkpointing": True}
    tries = [off, {**off, **GROUPED}, {**off, **GROUPED, "bf16": True}]
    tries += [{**off, **packed(ring, "cutoff_len"), "neat_packing": True}]
    try:
        train(ring, plain, 2)
    except Failed as failed:
        console.print(f"LLaMA-Factory: does not train here ({failed})")
        return []
    tuned = [replace(plain, settings=settings, given=[]) for settings in tries]
    return [plain, fastest(ring, "LLaMA-Factory, tuned", tuned)]


def loss(ring: Ring, adapter: str | None) -> float:
    """The mean loss in nats of a trained token of the development rows, the base's NF4 values in float32."""
    from peft import PeftModel

    asked, words = ring.asked, models.load_tokenizer(models.tokenizer_source(ring.asked.base))
    model = models.load_base(models.weights_source(asked.base), asked.base.weights, asked.runtime)
    packing.unpack(model)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter)
    rows = ring.split("dev")
    each = [models.losses(model, words, [row])[0] for row in rows]
    counts = [sum(label != IGNORED for label in row.labels) for row in rows]
    return sum(one * count for one, count in zip(each, counts, strict=True)) / sum(counts)


def table(ring: Ring, contenders: list[Contender]) -> Any:
    """A line per contender; the first is the factory."""
    shown = columns(
        "contender",
        "tokens a CPU-s",
        "the factory is",
        "tokens a step",
        "with padding",
        "steps CPU-s",
        "wall",
        "whole CPU-s",
        "wall",
        "peak MiB",
        "dev loss",
    )
    for each in contenders:
        paces = [tokens_per_second(one) for one in each.given]
        ratios = [
            a / tokens_per_second(b)
            for a, b in zip(map(tokens_per_second, contenders[0].given), each.given, strict=True)
        ]
        names = ("cpu", "wall", "whole_cpu", "whole_wall", "memory", "tokens", "padded", "steps")
        middle = {name: statistics.median(one[name] for one in each.given) for name in names}
        shown.add_row(
            each.name,
            f"{each.pace:.0f} ({min(paces):.0f} to {max(paces):.0f})",
            f"{statistics.median(ratios):.2f} x",
            *(f"{middle[name] / (middle['steps'] - 1):.0f}" for name in ("tokens", "padded")),
            *(f"{middle[name]:.1f}" for name in ("cpu", "wall", "whole_cpu", "whole_wall")),
            f"{middle['memory']:.0f}",
            f"{loss(ring, each.given[0]['adapter']):.4f}",
        )
    return shown


def profile(ring: Ring, contender: Contender, steps: int) -> Any:
    """The operators that a step spends most in."""
    found = train(ring, contender, steps, profiled=True)["operators"]
    whole = sum(milliseconds for _, milliseconds, _ in found)
    shown = columns(f"operator of {contender.name}", "own ms a step", "share", "calls a step")
    for name, milliseconds, calls in found[:SHOWN]:
        shown.add_row(name, f"{milliseconds:.1f}", f"{milliseconds / whole:.1%}", str(calls))
    shown.add_row("all", f"{whole:.1f}", "", "")
    return shown


def main(words: list[str]) -> None:
    """The table, or the profile."""
    reader = argparse.ArgumentParser(prog="python -m tests.benchmarks.training")
    reader.add_argument("--steps", type=int, default=60)
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--profile", action="store_true", help="the operators of a step, in place of the comparison")
    reader.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="of the factory alone")
    asked = reader.parse_args(words)
    own = Contender("factory", "factory", dict(word.split("=", 1) for word in asked.settings))
    with tempfile.TemporaryDirectory() as folder:
        log_to(Path(folder))
        here = ring(Path(folder))
        for name, value in made_with(here.asked.runtime).items():
            console.print(f"{name} {value}", end="  ")
        console.print()
        if asked.profile:
            console.print(profile(here, own, max(asked.steps, 10)))
            return
        contenders = [own, *of_trl(here), *of_llamafactory(here)]
        for number in range(1, asked.rounds + 1):
            for each in contenders:
                each.given.append(train(here, each, asked.steps))
                last = tokens_per_second(each.given[-1])
                console.print(f"  round {number}, {each.name}: {last:.0f} loss-bearing tokens a CPU-s")
        console.print(
            f"{asked.steps} steps of {here.recipe['batch_size']} rows, {asked.rounds} rounds in turn; "
            f"development rows before training: {loss(here, None):.4f} nats a token"
        )
        console.print(table(here, contenders))
        for each in contenders:
            console.print(f"{each.name}: {each.words}")


if __name__ == "__main__":
    main(sys.argv[1:])
