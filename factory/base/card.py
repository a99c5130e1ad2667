"""The card beside an embedded base: what it is, what it read, and what of the exam it cannot have seen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from factory.base.corpus import conversation
from factory.config import Pretrain
from factory.filters.exact_duplicate import normalised
from factory.rows import read_exam
from factory.specialist import find
from factory.specialists.sql.families import families

SAMPLE = 2000
"""Conversations of the corpus that the overlap is measured on."""


def card(conf: Pretrain, parameters: int, curve: list[dict[str, Any]]) -> str:
    """The README of the base's folder, in the form of a Hugging Face model card."""
    shape, name = conf.architecture, Path(conf.out).name
    read = f"{curve[-1]['tokens']:,} tokens" if curve else "nothing: its weights are random"
    losses = "\n".join(
        f"| {point['step']} | {point['tokens']:,} | {point['loss']:.3f} |" for point in curve[7::8] or curve
    )
    table = f"\n| step | tokens | loss per trained token |\n|---|---|---|\n{losses}\n" if curve else ""
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
{table}
## What of the SQL exam it can have seen

Measured on {SAMPLE:,} conversations of the corpus against all rows of `factory/specialists/sql/exam.jsonl`:

{overlap(conf)}
"""


def overlap(conf: Pretrain) -> str:
    """The table of what corpus and exam share."""
    rows = read_exam(find("sql").exam)
    texts = [message["content"] for index in range(SAMPLE) for message in conversation(conf.seed, index, conf.mix, 1.0)]
    questions = [row.prompt.rpartition("Question:")[2] for row in rows]
    seen, asked = grams(texts), [grams([question]) for question in questions]
    ours, theirs = (
        {f.label for family in families(side) for e in family.entities for f in e.fields} for side in ("train", "exam")
    )
    facts = {
        "exam families": len({row.family for row in rows}),
        "of them in the corpus": len({row.family for row in rows} & {family.name for family in families("train")}),
        "exam questions that share an 8-word run with the corpus": sum(bool(gram & seen) for gram in asked),
        "exam queries that stand in the corpus": sum(row.answer in "\n".join(texts) for row in rows),
        "column labels of the exam families that a training family has too": f"{len(ours & theirs)} of {len(theirs)}",
    }
    return "| what | number |\n|---|---|\n" + "\n".join(f"| {what} | {number} |" for what, number in facts.items())


def grams(texts: Iterable[str]) -> set[str]:
    """The 8-word runs of texts."""
    split = [normalised(text).split() for text in texts]
    return {" ".join(words[i : i + 8]) for words in split for i in range(len(words) - 7)}
