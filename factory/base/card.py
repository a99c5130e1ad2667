"""The card beside an embedded base: what it is, what it read, and what of the exam it cannot have seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from factory.base.corpus import conversation
from factory.config import Config, Pretrain, load
from factory.overlap import Line, Read, table, training_rows
from factory.rows import read_exam
from factory.specialist import find, names

SAMPLE, ROWS = 4000, 4000
"""Conversations of the corpus, and training rows of a specialist, that the overlap is measured on."""

HEADS = ("of the exam", "number", "in the base corpus", "in the training rows", "wanted")


def card(conf: Pretrain, parameters: int, curve: list[dict[str, Any]]) -> str:
    """The README of the base's folder, in the form of a Hugging Face model card."""
    shape, name = conf.architecture, Path(conf.out).name
    read = f"{curve[-1]['tokens']:,} tokens" if curve else "nothing: its weights are random"
    mix = ", ".join(f"{task} {weight:g}" for task, weight in conf.mix.items())
    return f"""---
license: apache-2.0
language: en
library_name: transformers
---

# {name}

The embedded base of the specialist factory: a Llama of {parameters:,} parameters ({shape.layers} layers of width
{shape.hidden_size}, {shape.heads} heads, vocabulary {conf.vocabulary}), made by `make base` from `conf/pretrain/{name}.yaml`.
It is there so that the whole factory runs offline on a CPU. It is no general language model: use it to prove the
machine, not to claim a model's quality.

It read {read}. Weights and tokenizer: Apache-2.0, made for this project from its own generators
(`factory/base/corpus.py`); no text from elsewhere. Mix by conversations: {mix}. Only what the assistant says was trained.
{learnt(curve) + seen(conf) if curve else ""}"""


def learnt(curve: list[dict[str, Any]]) -> str:
    """The loss as it fell, and what the base answers exactly of conversations that it has not read."""
    last = curve[-1]
    shown = [*curve[7:-1:8], last]
    losses = "\n".join(f"| {point['step']} | {point['tokens']:,} | {point['loss']:.3f} |" for point in shown)
    exact = "\n".join(f"| {lesson} | {share:.0%} |" for lesson, share in last["exact"].items())
    return f"""
| step | tokens | loss per trained token |
|---|---|---|
{losses}

On full-size conversations that no step has read the loss is {last["held_out_loss"]:.3f} as stored, and
{last["held_out_loss_nf4"]:.3f} in NF4, as QLoRA holds it. An answer counts as exact when each of its tokens is the
likeliest after the right ones before it:

| lesson | exact answers |
|---|---|
{exact}
"""


def seen(conf: Pretrain) -> str:
    """What of the exams it can have seen."""
    return f"""
## What of the exams it can have seen

All rows of each exam against {SAMPLE:,} conversations of the corpus and the first {ROWS:,} draws of the specialist's training
rows (`factory overlap specialist=NAME` prints the same). A paraphrase is not seen by any such count.

{overlap(conf)}
"""


def corpus(conf: Pretrain) -> Read:
    """The first conversations of the corpus, as what was read before an exam."""
    spoken = (
        message["content"] for index in range(SAMPLE) for message in conversation(conf.seed, index, conf.mix, 1.0)
    )
    return Read("base corpus", tuple(spoken))


def overlap_with(asked: Config, read: Sequence[Read] = ()) -> list[Line]:
    """What the exam of the configuration's specialist shares with the corpus of its base and with its training rows."""
    task = find(asked.specialist.name)
    settings = task.typed(asked.specialist.settings)
    before = read or [corpus(asked.pretrain)]
    return table(task, read_exam(task.exam), [*before, training_rows(task, settings, asked.seed, ROWS)])


def overlap(conf: Pretrain) -> str:
    """The tables of all specialists that have an exam, as Markdown."""
    read, told = [corpus(conf)], []
    for name in names():
        if find(name).exam.exists():
            lines = overlap_with(load([f"specialist={name}"]), read)
            told.append(f"### {name}\n\n" + "\n".join(markdown(lines)))
    return "\n\n".join(told)


def markdown(lines: Sequence[Line]) -> Iterator[str]:
    """A table of overlaps."""
    yield f"| {' | '.join(HEADS)} |"
    yield "|---|---|---|---|---|"
    for line in lines:
        yield f"| {' | '.join(cells(line))} |"


def cells(line: Line) -> list[str]:
    """A line of the table as text; a dash where a reading cannot be asked."""
    shared = ["-" if number is None else f"{number:,}" for number in line.shared]
    return [line.what, f"{line.of:,}", *shared, "0" if line.none_wanted else "told only"]
