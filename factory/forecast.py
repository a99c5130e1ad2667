"""What a run would make and find, and what it would cost; makes nothing and loads nothing heavy."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from factory import fits
from factory.config import Config, Server, Teacher, Train, resolve_path
from factory.pipeline import Step
from factory.records import Example
from factory.rows import read_exam, read_table
from factory.store import Made

BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
NF4_BYTES = 0.516
"""Bytes per weight in NF4 with double quantisation (4.127 bits: Dettmers et al. 2023, section 3)."""

SAMPLE = 40
"""Rows drawn to estimate what a teacher reads."""
TRAININGS = ("start", "adapter", "random", "full")


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
            memory_of(asked, step, steps),
            time_of(asked, step),
        )
        for step in steps
    ]


def rows_of(asked: Config, stage: str) -> int | None:
    """The rows a stage works on: what it is asked for (none: all there are), or for training the rows it reads."""
    if stage in TRAININGS:
        second = asked.train.prefer if stage == "adapter" else None
        return (second or asked.train).steps * asked.train.rows_per_step
    if stage == "pairs":
        return asked.train.prefer.rows if asked.train.prefer else None
    if stage == "checkup":
        return asked.checkup.rows
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
    both = 2 if preferring(asked, step) else 1
    return f"{tokens.manifest['counts']['median'] * both * (rows_of(asked, step.made.stage) or 0):,}"


def preferring(asked: Config, step: Step) -> bool:
    """Whether a training is the second one, whose rows are pairs: twice the prompt, each with an answer."""
    return step.made.stage == "adapter" and asked.train.prefer is not None


def memory_of(asked: Config, step: Step, steps: list[Step]) -> str:
    """What the base's weights take, and what a training is foretold to take above them."""
    stage = step.made.stage
    if stage not in (*TRAININGS, "report", "checkup", "comparison") or not asked.base.parameters:
        return "-"
    weights = step.given.get("base", asked.adapted)
    shape, wide = shape_of(asked), BYTES[weights.dtype]
    left = shape.never_quantised if shape and weights.quantisation.kind == "nf4" else 0
    each = NF4_BYTES if weights.quantisation.kind == "nf4" else wide
    said = f"{((asked.base.parameters - left) * each + left * wide) / 2**20:,.1f} MiB weights"
    if shape is None or stage not in TRAININGS:
        return said
    return f"{said} + {fits.mib(above(asked, step, steps, shape))}"


def above(asked: Config, step: Step, steps: list[Step], shape: fits.Shape) -> int:
    """Bytes above the base that a training is foretold to take."""
    train = step.given["train"]
    adapter = asked.base.parameters if train.method == "full" else fits.adapter_parameters(shape, train.lora)
    tokens = next(one.made for one in steps if one.made.stage == "tokens")
    where = fits.place(asked.runtime.device, asked.runtime)
    batch = batch_of(asked, tokens, train)
    batch = replace(batch, rows=2 * batch.rows) if preferring(asked, step) else batch
    return fits.foretold(shape, adapter or 0, train, batch, where)


def shape_of(asked: Config) -> fits.Shape | None:
    """The base's shape from its `config.json`, where that is on this machine."""
    folder = resolve_path(asked.base.weights.path)
    if folder is None or not (folder / "config.json").exists():
        return None
    found = json.loads((folder / "config.json").read_text())
    return fits.Shape.of(found.get("text_config", found))


def batch_of(asked: Config, tokens: Made, train: Train) -> fits.Batch:
    """The largest batch: of the rows that are there, else of rows as long as they may be."""
    if not tokens.complete:
        return fits.Batch(train.batch_size, asked.tokenize.max_length, asked.tokenize.max_length)
    rows = read_table(tokens.file("tokens.arrow"), ["split", "labels"])
    return fits.largest([row["labels"] for row in rows if row["split"] != "dev"], train.batch_size)


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
        asked = manifest["asked"]
        train = asked["train"]
        steps = train["prefer"]["steps"] if asked["pairs"] else train["steps"]
        return steps * train["batch_size"] * train["gradient_accumulation"]
    return max(1, manifest["counts"]["rows"])


def teaching(asked: Config) -> str:
    """What a teacher's server may be asked for and paid, from a few rows of the grammar; nothing where there is none."""
    from factory.specialist import find
    from factory.teachers import recipe

    task, rows = find(asked.specialist.name), asked.generate.rows
    if asked.teacher.kind != "endpoint" or rows is None:
        return ""
    way = recipe(str(asked.teacher.recipe))
    prompt, calls = way.template(task), rows * (asked.teacher.samples if way.SEVERAL else 1)
    sizes = [len(way.asked(task, row, prompt)) for row in sampled(asked)]
    costs = paying(asked, asked.teacher, calls, calls * sum(sizes) / len(sizes))
    return f"teacher: {calls:,} calls or more (a row that is refused is replaced), {costs}"


def proving(asked: Config) -> str:
    """What the exam will be able to tell, said before anybody sits it."""
    from factory.specialist import find
    from factory.stages.sitting import chosen
    from factory.stats import foreseen

    rows, gate = (
        chosen(read_exam(find(asked.specialist.name).exam), asked.evaluate.rows, asked.seed),
        asked.registry.gate,
    )
    design = foreseen([row.family for row in rows], gate.spread, gate.correlation)
    least = design.detectable(asked.evaluate.confidence, gate.power)
    return (
        f"exam: {design.rows} rows of {design.families} families, as much as {design.effective_rows:.0f} independent rows; "
        f"a lead of {100 * least:.1f} points would be seen with {gate.power:.0%} power "
        f"(assumed: spread {gate.spread:g}, correlation within a family {gate.correlation:g})"
    )


def judging(asked: Config) -> str:
    """The same of a judge, if every row reaches it; nothing where there is none, or where the rows are not drawn."""
    from factory.filters.judge import sources, told

    rows = asked.generate.rows
    if "judge" not in asked.filter or rows is None or asked.source.kind != "drawn":
        return ""
    judge, rubric = asked.filter["judge"], Path(sources(asked)["rubric"].path).stat().st_size
    calls, sample = math.ceil(rows / judge.batch), sampled(asked)
    costs = paying(asked, judge, calls, calls * rubric + rows * len(told(sample)) / len(sample))
    return f"judge: {calls:,} calls or more (an answer that does not fit is asked for again), {costs}"


def sampled(asked: Config) -> list[Example]:
    """A few of the rows that are drawn, or that a teacher makes rows from."""
    from factory.outside.seeds import seeds
    from factory.specialist import Inapplicable, find

    task, found = find(asked.specialist.name), []
    if asked.source.kind != "drawn":
        return list(islice(seeds(task.name, asked.source, asked.seed), SAMPLE))
    settings = task.typed(asked.specialist.settings)
    for index in range(SAMPLE):
        with suppress(Inapplicable):
            found.append(task.example(index, asked.seed, settings, "train"))
    return found


def paying(asked: Config, server: Teacher | Server, calls: int, characters: float) -> str:
    """Tokens and money of so many calls with so many characters in all."""
    from factory.teachers.endpoint import BYTES_PER_TOKEN, price

    read, written, cost = (
        round(characters / BYTES_PER_TOKEN),
        calls * server.max_tokens,
        price(server, asked.runtime.calls),
    )
    cents = math.ceil((read * cost.input + written * cost.output) / 1e4)  # upwards: it is a bound
    return f"about {read:,} tokens in, at most {written:,} out, at most {cents / 100:.2f} in all"
