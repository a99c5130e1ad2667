"""What a run would make and find, and what it would cost; makes nothing and loads nothing heavy."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from factory.config import Config
from factory.pipeline import Step
from factory.store import Made

BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
NF4_BYTES = 0.516
"""Bytes per weight in NF4 with double quantisation (4.127 bits: Dettmers et al. 2023, section 3)."""

SAMPLE = 40
"""Rows drawn to estimate what a teacher reads."""
TRAININGS = ("adapter", "random", "full")


@dataclass(frozen=True)
class Forecast:
    """One row of the plan, as text: unknown is `-`."""

    stage: str
    folder: Path
    found: bool
    rows: str
    tokens: str
    memory: str
    time: str


def forecast(asked: Config, steps: list[Step]) -> list[Forecast]:
    """One forecast per step."""
    return [
        Forecast(
            step.made.stage,
            step.made.folder,
            step.made.complete,
            f"{rows:,}" if (rows := rows_of(asked, step.made.stage)) else "-",
            tokens_of(asked, step, steps),
            memory_of(asked, step.made.stage),
            time_of(asked, step),
        )
        for step in steps
    ]


def rows_of(asked: Config, stage: str) -> int | None:
    """The rows a stage works on: what it is asked for (none: all there are), or for training the rows it reads."""
    if stage in TRAININGS:
        return asked.train.steps * asked.train.batch_size * asked.train.gradient_accumulation
    if stage in ("report", "comparison"):
        return asked.evaluate.rows or sum(1 for _ in exam_lines(asked))
    return asked.generate.rows


def exam_lines(asked: Config) -> list[str]:
    """The lines of the specialist's exam."""
    from factory.specialist import find

    return find(asked.specialist.name).exam.read_text().splitlines()


def tokens_of(asked: Config, step: Step, steps: list[Step]) -> str:
    """Tokens read in training, from the median row of the tokens that are there; `-` before."""
    tokens = next(one.made for one in steps if one.made.stage == "tokens")
    if step.made.stage == "tokens" and step.made.complete:
        return f"{step.made.manifest['counts']['tokens']:,}"
    if step.made.stage not in TRAININGS or not tokens.complete:
        return "-"
    return f"{tokens.manifest['counts']['median'] * rows_of(asked, 'adapter'):,}"


def memory_of(asked: Config, stage: str) -> str:
    """What the base's weights take; activations come on top (`plan --probe` is to come)."""
    if stage not in (*TRAININGS, "report", "comparison") or not asked.base.parameters:
        return "-"
    weights = asked.base.weights
    each = NF4_BYTES if weights.quantisation.kind == "nf4" and stage != "full" else BYTES[weights.dtype]
    return f"{asked.base.parameters * each / 2**20:,.1f} MiB weights"


def time_of(asked: Config, step: Step) -> str:
    """Seconds of the latest product of this stage here, scaled by rows."""
    if step.made.complete:
        return f"{step.made.facts['seconds']:.0f} s when made"
    earlier = [Made(step.made.stage, "", folder) for folder in step.made.folder.parent.glob(f"{step.made.stage}-*")]
    done = sorted(
        (made for made in earlier if made.complete), key=lambda made: (made.folder / "facts.json").stat().st_mtime
    )
    if not done:
        return "-"
    rows = rows_of(asked, step.made.stage)
    return f"about {done[-1].facts['seconds'] * rows / rows_made(done[-1]):.0f} s" if rows else "-"


def rows_made(made: Made) -> int:
    """The rows a finished product was made from."""
    manifest = json.loads((made.folder / "manifest.json").read_text())
    if made.stage in TRAININGS:
        train = manifest["asked"]["train"]
        return train["steps"] * train["batch_size"] * train["gradient_accumulation"]
    return max(1, manifest["counts"]["rows"])


def teaching(asked: Config) -> str:
    """What a teacher's server may be asked for and paid, from a few rows of the grammar; nothing where there is none."""
    from factory.outside.seeds import seeds
    from factory.specialist import Inapplicable, find
    from factory.teachers import recipe
    from factory.teachers.endpoint import BYTES_PER_TOKEN, price

    task, rows, sizes = find(asked.specialist.name), asked.generate.rows, []
    if asked.teacher.kind != "endpoint" or rows is None:
        return ""
    way, settings = recipe(str(asked.teacher.recipe)), task.typed(asked.specialist.settings)
    prompt = way.template(task)
    if asked.source.kind != "drawn":
        sizes = [len(row.prompt) for row in islice(seeds(task.name, asked.source, asked.seed), SAMPLE)]
    else:
        for index in range(SAMPLE):
            with suppress(Inapplicable):
                sizes.append(len(way.asked(task, task.example(index, asked.seed, settings, "train"), prompt)))
    calls = rows * (asked.teacher.samples if way.SEVERAL else 1)
    read = round(calls * sum(sizes) / len(sizes) / BYTES_PER_TOKEN)
    written, cost = calls * asked.teacher.max_tokens, price(asked.teacher, asked.runtime.calls)
    money = (read * cost.input + written * cost.output) / 1e6
    return (
        f"teacher: {calls:,} calls or more (a row that is refused is replaced), about {read:,} tokens in, "
        f"at most {written:,} out, at most {money:.2f} in all"
    )
