"""Beside the exam: whether the adapter answers at all, what it remembers of its rows, what the base knew and it does not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from factory import config, models
from factory.canaries import Canary, canaries, exposure, rivals
from factory.chat import Tokens, encode, prompt_ids
from factory.copies import Copy, longest
from factory.records import Example
from factory.rows import TOLD, read_exam, read_examples, read_table
from factory.specialist import find
from factory.stages.sitting import chosen
from factory.stages.tokenize import conversations
from factory.store import Events, Made, Source
from factory.text import words as words_of

OWN = "the base's own text"
"""The suite that is what the base was trained on; the others are exams."""
SHOWN = 200
"""Characters of an answer that is shown."""


def checkup(
    adapter: Made,
    report: Made,
    kept: Made,
    tokenizer: Source,
    weights: Source,
    base: config.Weights,
    specialist: config.Specialist,
    general: Source | None,
    others: Source,
    checkup: config.Checkup,
    seed: int,
    *,
    out: Path,
    runtime: config.Runtime,
    events: Events,
) -> dict[str, Any]:
    """Writes `checkup.json`: of the report's answers how many are refusals or one text, and the longest copy of a training row;
    the base's and the adapter's loss on the base's own text and on `others`, the exams of other specialists; the canaries.
    """
    answers = read_table(report.file("answers.parquet"), ["id", "prompt", "gold", "base_answer", "adapter_answer"])
    training = [row for row in read_examples(kept.file("kept.parquet"), TOLD) if row.split == "train"]
    found: dict[str, Any] = {
        "rows": checkup.rows,
        "refused": refused(answers, checkup.refusals),
        "same": same(answers),
        "copied": copied(answers, training),
    }
    words, contract = models.load_tokenizer(tokenizer), models.base_contract(weights, tokenizer, base)
    with models.base_on_loan(weights, base, runtime) as bare:
        rows, left_out = readable(words, suites(general, specialist, checkup, seed), bare)
        before = read(bare, words, rows, checkup.batch_size, partial(events, "base reads"))
        model = models.attach(bare, adapter.folder / "adapter", contract)
        after = read(model, words, rows, checkup.batch_size, partial(events, "adapter reads"))
        found["canaries"] = checkup.canaries and given_away(model, words, checkup, events)
    found["loss"] = {
        name: {
            "own": name == OWN,
            "base": before[name],
            "adapter": after[name],
            "rows": len(rows[name]),
            "left_out": left_out[name],
        }
        for name in rows
    }
    (out / "checkup.json").write_text(json.dumps(found, indent=1))
    return found


# --- the report's answers ---------------------------------------------------------------------------------------------


def refused(answers: Sequence[Mapping[str, str]], refusals: Sequence[str]) -> dict[str, Any]:
    """The share of answers that begin as a refusal does, and of the right ones; the adapter's first, as it says it."""
    begins = [words_of(text) for text in refusals]

    def refuses(text: str) -> bool:
        said = words_of(text)
        return any(said[: len(one)] == one for one in begins)

    sides = {side: [row[column] for row in answers if refuses(row[column])] for side, column in SIDES.items()}
    shares = {side: round(len(texts) / len(answers), 4) for side, texts in sides.items()}
    return shares | {"text": next(iter(sides["adapter"]), "")[:SHOWN]}


SIDES = {"base": "base_answer", "adapter": "adapter_answer", "gold": "gold"}
"""Who answered -> the column of the report."""


def same(answers: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The share of the answers that are the most frequent text, words alone; and that text of the adapter's."""
    found: dict[str, Any] = {}
    for side, column in SIDES.items():
        counts = Counter(" ".join(words_of(row[column])) for row in answers)
        text, count = counts.most_common(1)[0]
        found[side] = round(count / len(answers), 4)
        if side == "adapter":
            found["text"] = text[:SHOWN]
    return found


def copied(answers: Sequence[Mapping[str, str]], training: Sequence[Example]) -> dict[str, Any]:
    """The longest run of words that an answer has from a training row, and neither from its prompt nor from the right answer.

    `gold` is the same of the right answers: rows that nobody trained on, and what one grammar's texts share by themselves.
    """
    sources = [f"{row.prompt}\n{row.answer}" for row in training]
    read = {side: [f"{row['prompt']}\n{row['gold']}" for row in answers] for side in ("base", "adapter")}
    read["gold"] = [row["prompt"] for row in answers]
    found: dict[str, Any] = {}
    for side, column in SIDES.items():
        every = longest([row[column] for row in answers], read[side], sources)
        place = max(range(len(every)), key=lambda place: every[place].words)
        found[side] = told(every[place], answers[place]["id"], training)
    return found


def told(copy: Copy, row: str, training: Sequence[Example]) -> dict[str, Any]:
    """A copy with the exam row whose answer has it and the training row that it is from."""
    of = {"id": row, "training": training[copy.source].id} if copy.words else {}
    return {"words": copy.words, "text": copy.text, **of}


# --- what the base knew -----------------------------------------------------------------------------------------------


def suites(
    general: Source | None, specialist: config.Specialist, settings: config.Checkup, seed: int
) -> dict[str, list[Example]]:
    """What is read, by name: the base's own text where there is any, and the exams of the other specialists."""
    own = {OWN: conversations(Path(general.path))} if general else {}
    exams = {f"exam of {name}": read_exam(find(name).exam) for name in settings.exams if name != specialist.name}
    return {name: chosen(rows, settings.rows, seed) for name, rows in (own | exams).items()}


def readable(
    words: Any, suites: Mapping[str, list[Example]], model: Any
) -> tuple[dict[str, list[Tokens]], dict[str, int]]:
    """The rows as tokens, and how many of each suite are longer than the base has positions for, and left out."""
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    coded = {name: [encode(words, row.messages, row.answer) for row in rows] for name, rows in suites.items()}
    rows = {name: [one for one in coded[name] if most is None or len(one.ids) <= most] for name in coded}
    return rows, {name: len(coded[name]) - len(rows[name]) for name in coded}


def read(
    model: Any, words: Any, rows: Mapping[str, list[Tokens]], size: int, progress: Callable[..., None]
) -> dict[str, float | None]:
    """Suite -> nats per token of its right answers; None where no row is left."""
    found: dict[str, float | None] = {}
    for number, (name, coded) in enumerate(rows.items(), 1):
        total = sum(row.trained for row in coded)
        found[name] = round(sum(sums(model, words, coded, size)) / total, 4) if total else None
        progress(done=number, total=len(rows))
    return found


def sums(model: Any, words: Any, rows: Sequence[Tokens], size: int) -> list[float]:
    """The loss of every row's answer in nats, summed over its tokens; rows of like length are read together."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    found = [0.0] * len(rows)
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        for i, loss in zip(batch, models.losses(model, words, [rows[i] for i in batch]), strict=True):
            found[i] = loss * rows[i].trained
    return found


# --- canaries ---------------------------------------------------------------------------------------------------------


def given_away(model: Any, words: Any, settings: config.Checkup, events: Events) -> dict[str, Any]:
    """Of the planted canaries and of those never shown: how many are said word for word when asked, their mean exposure."""
    asked = settings.canaries
    assert asked is not None
    found: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    every = canaries(asked)
    for number, one in enumerate(every, 1):
        found[one.planted].append(of_canary(one, model, words, asked, settings.batch_size))
        events("canaries", done=number, total=len(every))
    return {
        name: {
            "number": len(group),
            "said": sum(one["said"] for one in group),
            "exposure": round(sum(one["exposure"] for one in group) / len(group), 3),
            "each": group,
        }
        for name, group in (("planted", found[True]), ("never_shown", found[False]))
    }


def of_canary(one: Canary, model: Any, words: Any, asked: config.Canaries, batch_size: int) -> dict[str, Any]:
    """Whether its secret is said when it is asked for, greedily; and its exposure."""
    rows = [encode(words, row.messages, row.answer) for row in map(one.row, rivals(one, asked))]
    most = 2 * max(row.trained for row in rows)
    ids = models.answer(model, words, [prompt_ids(words, one.row().messages)], most)[0]
    losses = sums(model, words, rows, batch_size)
    said = words.decode(ids).strip()
    return {
        "name": one.name,
        "said": one.secret in said,
        "exposure": round(exposure(losses), 3),
        "answer": said[:SHOWN],
    }
