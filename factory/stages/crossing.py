"""Beside the data path: an adapter, of whatever specialist, sits an exam; one cell of a matrix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from factory import config, models
from factory.rows import write_table
from factory.specialist import find
from factory.stages.checkup import read, readable
from factory.stages.sitting import exam_hall
from factory.stages.tokenize import conversations
from factory.stats import mean_interval
from factory.store import Events, Source


def exam_cell(
    adapter: Source | None,
    tokenizer: Source,
    weights: Source,
    base: config.Weights,
    specialist: config.Specialist,
    exam: Source,
    evaluate: config.Evaluate,
    seed: int,
    *,
    out: Path,
    runtime: config.Runtime,
    events: Events,
) -> dict[str, Any]:
    """Writes `answers.parquet` (id, family, answer, score) of an adapter, or of the base alone, to an exam of any specialist."""
    hall = exam_hall(find(specialist.name), exam, tokenizer, evaluate, seed, events)
    with adapted(adapter, tokenizer, weights, base, runtime) as model:
        answered = hall.sit(model, "answers")
    scores, families = [one.score.value for one in answered], [row.family for row in hall.rows]
    write_table(
        out / "answers.parquet",
        [
            {"id": row.id, "family": row.family, "answer": one.text, "score": one.score.value}
            for row, one in zip(hall.rows, answered, strict=True)
        ],
    )
    how = (evaluate.bootstrap, evaluate.confidence, seed)
    return {"rows": len(hall.rows), "score": asdict(mean_interval(scores, families, *how))}


def text_cell(
    adapter: Source | None,
    tokenizer: Source,
    weights: Source,
    base: config.Weights,
    general: Source,
    *,
    runtime: config.Runtime,
    events: Events,
) -> dict[str, Any]:
    """The loss of an adapter, or of the base alone, on all conversations of a file: nats per token of their last answers."""
    words, name = models.load_tokenizer(tokenizer), "conversations"
    with adapted(adapter, tokenizer, weights, base, runtime) as model:
        rows, left_out = readable(words, {name: conversations(Path(general.path))}, model)
        found = read(model, words, rows, SIZE, partial(events, "reads"))
    return {"rows": len(rows[name]), "left_out": left_out[name], "loss": found[name]}


SIZE = 32
"""Conversations read at once."""


@contextmanager
def adapted(
    adapter: Source | None, tokenizer: Source, weights: Source, base: config.Weights, runtime: config.Runtime
) -> Iterator[Any]:
    """The base on loan, with an adapter on it where one is given; its contract is enforced."""
    with models.base_on_loan(weights, base, runtime) as bare:
        contract = models.base_contract(weights, tokenizer, base)
        yield models.attach(bare, Path(adapter.path), contract) if adapter else bare
