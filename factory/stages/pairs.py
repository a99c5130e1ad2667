"""Between two trainings: the adapter answers training prompts, the verifier says which answers are right; pairs for DPO.

A right answer is the adapter's own where one was right, else the row's; the wrong one is the best of the wrong ones, as in
the recipe `preferences`. Rows that were made with an answer to be rejected are pairs already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from factory import config, models
from factory.chat import IGNORED, encode, prompt_ids
from factory.errors import DataMistake
from factory.records import Example
from factory.rows import FIELDS, read_examples, write_arrow
from factory.specialist import Specialist, find
from factory.stages.sitting import chosen
from factory.store import Events, Made, Source


class Said(NamedTuple):
    """An answer, and whether it ended by itself."""

    text: str
    ended: bool = True


def pairs(
    start: Made,
    kept: Made,
    tokenizer: Source,
    weights: Source,
    base: config.Weights,
    specialist: config.Specialist,
    prefer: config.Prefer,
    seed: int,
    *,
    out: Path,
    runtime: config.Runtime,
    events: Events,
) -> dict[str, Any]:
    """Writes `pairs.arrow` (row, id, split, prompt_ids, chosen_ids, rejected_ids): both answers end with the stop token.

    DataMistake where no answer is wrong: there is nothing to prefer.
    """
    task, words = find(specialist.name), models.load_tokenizer(tokenizer)
    every = list(read_examples(kept.file("kept.parquet"), FIELDS))
    most = {"train": prefer.rows, "dev": max(1, prefer.rows // 10)}
    rows = [
        row
        for split, count in most.items()
        for row in chosen([one for one in every if one.split == split], count, seed)
    ]
    contract = models.base_contract(weights, tokenizer, base)
    with models.base_on_loan(weights, base, runtime) as bare:
        model = models.attach(bare, start.folder / "adapter", contract)
        said = answers(model, words, rows, prefer, seed, events)
        del model
    told, counts = [], Counter[str]()
    for row, texts in zip(rows, said, strict=True):
        pair, why = judged(task, row, texts)
        counts[why] += 1
        if pair:
            told.append(line(words, row, *pair))
    if not any(one["split"] == "train" for one in told):
        hint = "raise train.prefer.temperature or samples, or leave this training out: train=qlora"
        raise DataMistake("train.prefer", f"no pair in {len(rows)} prompts ({dict(counts)})", hint)
    write(out / "pairs.arrow", told)
    return {
        "rows": len(rows),
        "answers": len(rows) * prefer.samples,
        "pairs": len(told),
        **dict(sorted(counts.items())),
    }


def answers(
    model: Any, words: Any, rows: Sequence[Example], prefer: config.Prefer, seed: int, events: Events
) -> list[list[Said]]:
    """Sampled answers to every row."""
    import torch

    prompts = [(place, prompt_ids(words, row.messages)) for place, row in enumerate(rows)]
    asked = sorted((one for one in prompts for _ in range(prefer.samples)), key=lambda one: (len(one[1]), one[0]))
    found: list[list[Said]] = [[] for _ in rows]
    torch.manual_seed(seed)
    for first in range(0, len(asked), prefer.batch_size):
        batch = asked[first : first + prefer.batch_size]
        ids = [prompt for _, prompt in batch]
        for (place, _), said in zip(
            batch, models.answer(model, words, ids, prefer.max_new_tokens, temperature=prefer.temperature), strict=True
        ):
            found[place].append(Said(words.decode(said).strip(), len(said) < prefer.max_new_tokens))
        events("answers", done=first + len(batch), total=len(asked))
    return found


def judged(task: Specialist, row: Example, said: Sequence[Said]) -> tuple[tuple[Said, Said] | None, str]:
    """A right and a wrong answer, and in a word what the answers were; no pair where there is nothing to prefer.

    The wrong one is the best that ended by itself, else one that was cut off.
    """
    if "rejected" in row.provenance:
        return (Said(row.answer), Said(row.provenance["rejected"])), "paired when made"
    whole = list(dict.fromkeys(one.text for one in said if one.ended and one.text))
    graded = [(score.value, text) for text, score in zip(whole, task.grade(row, whole), strict=True)] if whole else []
    right = [text for value, text in graded if value >= 1]
    wrong = [Said(text) for _, text in sorted(graded, reverse=True) if text not in right]
    wrong += [one for one in said if not (one.ended and one.text)]
    if not wrong:
        return None, "all right"
    return (Said(right[0] if right else row.answer), wrong[0]), "some right" if right else "none right"


def line(words: Any, row: Example, right: Said, wrong: Said) -> dict[str, Any]:
    """A pair as tokens: the same ids for the same text as everywhere, and the stop token where the answer ended."""
    ends = []
    for one in (right, wrong):
        coded = encode(words, row.messages, one.text)
        first = next(place for place, label in enumerate(coded.labels) if label != IGNORED)
        said = [label for label in coded.labels[first:] if label != IGNORED]
        ends.append(said if one.ended else said[:-1])
    return {
        "id": row.id,
        "split": row.split,
        "prompt_ids": coded.ids[:first],
        "chosen_ids": ends[0],
        "rejected_ids": ends[1],
    }


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """The pairs, to be mapped into memory."""
    import pyarrow as pa

    ids = pa.list_(pa.int32())
    fields = [("id", pa.string()), ("split", pa.string())]
    write_arrow(path, rows, pa.schema([*fields, ("prompt_ids", ids), ("chosen_ids", ids), ("rejected_ids", ids)]))
