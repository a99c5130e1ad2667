"""Stage six: what else could have given the adapter's answers, on the same rows of the exam.

Arms beside the base: the base with training rows in its prompt, the nearest training row's answer, another specialist's
adapter, the same training on random weights, and every weight trained. An arm that cannot be had says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from factory import config, models
from factory.chat import prompt_ids
from factory.nearest import nearest
from factory.pages import comparison_page
from factory.records import Example, Message, Score
from factory.rows import TOLD, read_examples, read_table, write_table
from factory.specialist import find
from factory.stages.sitting import Answered, Hall, exam_hall
from factory.stats import mean_interval, paired_bootstrap
from factory.store import Events, Made, Source

LOOKED_AT = 8
"""Nearest rows tried for a place in the prompt, per row wanted there: the nearest may be too long."""


@dataclass(frozen=True)
class Arm:
    """One arm: what it is, and its answers to the rows; none where it cannot be had, and `about` says why."""

    about: str
    answered: list[Answered] | None


def compare(
    report: Made,
    kept: Made,
    random: Made | None,
    full: Made | None,
    other: Made | None,
    tokenizer: Source,
    weights: Source,
    base: config.Weights,
    specialist: config.Specialist,
    exam: Source,
    evaluate: config.Evaluate,
    compare: config.Compare,
    seed: int,
    *,
    out: Path,
    runtime: config.Runtime,
    events: Events,
) -> dict[str, Any]:
    """Writes `comparison.json` (scores, leads, intervals), `answers.parquet` (a row per arm and exam row), `comparison.html`."""
    task = find(specialist.name)
    hall = exam_hall(task, exam, tokenizer, evaluate, seed, events)
    training = [row for row in read_examples(kept.file("kept.parquet"), TOLD) if row.split == "train"]
    seats: dict[str, Callable[[Any], Arm]] = {
        "examples": lambda arm: with_examples(hall, training, arm, weights, base, runtime),
        "nearest": lambda arm: nearest_row(hall, training, arm),
        "other": lambda arm: other_adapter(hall, arm, other, weights, tokenizer, base, runtime),
        "random": lambda arm: on_random(hall, random, weights, tokenizer, base, runtime, seed),
        "full": lambda arm: every_weight(hall, full, base, runtime),
    }
    known = reported(report, hall.rows)
    arms = {"base": Arm("the base as it is", known["base"])}
    arms |= {name: seats[name](arm) for name, arm in compare.arms.items()}
    found = summary(hall.rows, known["adapter"], arms, evaluate, seed) | {
        "exam": exam.digest,
        "notice": task.notice,
    }
    (out / "comparison.json").write_text(json.dumps(found, indent=1))
    write_table(out / "answers.parquet", [flat for name, arm in arms.items() for flat in lines(hall.rows, name, arm)])
    (out / "comparison.html").write_text(comparison_page.page(specialist.name, found), encoding="utf-8")
    return {name: found[name] for name in ("rows", "confidence", "adapter", "arms")}


def reported(report: Made, rows: Sequence[Example]) -> dict[str, list[Answered]]:
    """The answers of base and adapter to these rows, as the report has them."""
    answers = {line["id"]: line for line in read_table(report.file("answers.parquet"))}
    return {
        name: [
            Answered(
                (line := answers[row.id])[f"{name}_answer"],
                line[f"{name}_tokens"],
                line[f"{name}_stopped"],
                Score(line[f"{name}_score"], line[f"{name}_reason"]),
            )
            for row in rows
        ]
        for name in ("base", "adapter")
    }


def with_examples(
    hall: Hall,
    training: Sequence[Example],
    arm: config.Examples,
    weights: Source,
    base: config.Weights,
    runtime: config.Runtime,
) -> Arm:
    """The base with the nearest training rows before the question, as many as fit beside the longest answer."""
    prompts = [row.prompt for row in hall.rows]
    near = nearest(prompts, [row.prompt for row in training], arm.ngram, LOOKED_AT * arm.rows)
    with models.base_on_loan(weights, base, runtime) as model:
        room = model.config.max_position_embeddings - hall.settings.max_new_tokens
        shown = [
            fitting(hall.words, row, [training[i] for i in places], arm.rows, room)
            for row, places in zip(hall.rows, near, strict=True)
        ]
        asked = [prompt_ids(hall.words, [*turns, *row.messages]) for turns, row in zip(shown, hall.rows, strict=True)]
        counts = [len(turns) // 2 for turns in shown]
        about = (
            f"the base with up to {arm.rows} of the nearest training rows in the prompt: "
            f"{sum(counts) / len(counts):.1f} fitted, none for {counts.count(0)} of {len(counts)} rows"
        )
        return Arm(about, hall.sit(model, "examples", asked))


def fitting(words: Any, row: Example, near: Sequence[Example], most: int, room: int) -> list[Message]:
    """The turns of the nearest rows that fit in `room` tokens together with the row's prompt, the nearest last."""
    turns: list[Message] = []
    for one in near:
        longer = [*one.messages, {"role": "assistant", "content": one.answer}, *turns]
        if len(prompt_ids(words, [*longer, *row.messages])) <= room:
            turns = longer
        if sum(turn["role"] == "assistant" for turn in turns) == most:
            break
    return turns


def nearest_row(hall: Hall, training: Sequence[Example], arm: config.Nearest) -> Arm:
    """The nearest training row's answer, said again."""
    near = nearest([row.prompt for row in hall.rows], [row.prompt for row in training], arm.ngram, 1)
    answers = [training[places[0]].answer for places in near]
    scores = [hall.task.grade(row, [text])[0] for row, text in zip(hall.rows, answers, strict=True)]
    hall.events("nearest", done=len(answers), total=len(answers))
    return Arm(
        f"the answer of the nearest of {len(training)} training rows",
        [
            Answered(text, len(hall.words.encode(text)), True, score)
            for text, score in zip(answers, scores, strict=True)
        ],
    )


def other_adapter(
    hall: Hall,
    arm: config.Other,
    other: Made | None,
    weights: Source,
    tokenizer: Source,
    base: config.Weights,
    runtime: config.Runtime,
) -> Arm:
    """Another specialist's adapter on the same base."""
    if arm.specialist is None:
        return Arm("the adapter of another specialist: none is named", None)
    if other is None:
        return Arm(f"the adapter of {arm.specialist}: not made yet with this configuration", None)
    contract = models.base_contract(weights, tokenizer, base)
    with models.base_on_loan(weights, base, runtime) as bare:
        model = models.attach(bare, other.folder / "adapter", contract)
        return Arm(f"the adapter of {arm.specialist}", hall.sit(model, "other"))


def on_random(
    hall: Hall,
    random: Made | None,
    weights: Source,
    tokenizer: Source,
    base: config.Weights,
    runtime: config.Runtime,
    seed: int,
) -> Arm:
    """The same training on random weights of the same shape."""
    if random is None:
        return Arm("the same training on random weights: not asked for", None)
    drawn = base.model_copy(update={"random_seed": seed})
    contract = models.base_contract(weights, tokenizer, drawn)
    with models.base_on_loan(weights, drawn, runtime) as bare:
        model = models.attach(bare, random.folder / "adapter", contract)
        return Arm("the same training on random weights of the same shape", hall.sit(model, "random"))


def every_weight(hall: Hall, full: Made | None, base: config.Weights, runtime: config.Runtime) -> Arm:
    """Full fine-tuning of the base."""
    if full is None:
        return Arm("every weight trained: not asked for", None)
    model = models.load_full(full, base, runtime)
    return Arm("every weight trained, on the same rows for as many steps", hall.sit(model, "full"))


def summary(
    rows: Sequence[Example],
    adapter: Sequence[Answered],
    arms: dict[str, Arm],
    settings: config.Evaluate,
    seed: int,
) -> dict[str, Any]:
    """Every arm's score and the adapter's lead over it, both with intervals over families."""
    groups, how = [row.family for row in rows], (settings.bootstrap, settings.confidence, seed)
    ours = [one.score.value for one in adapter]
    found: dict[str, Any] = {}
    for name, arm in arms.items():
        found[name] = {"about": arm.about, "score": None, "lead": None}
        if arm.answered is not None:
            theirs = [one.score.value for one in arm.answered]
            found[name]["score"] = asdict(mean_interval(theirs, groups, *how))
            found[name]["lead"] = asdict(paired_bootstrap(theirs, ours, groups, *how))
    return {
        "rows": len(rows),
        "families": len(set(groups)),
        "confidence": settings.confidence,
        "adapter": asdict(mean_interval(ours, groups, *how)),
        "arms": found,
    }


def lines(rows: Sequence[Example], name: str, arm: Arm) -> list[dict[str, Any]]:
    """An arm's answers as rows of a table."""
    return [
        {
            "arm": name,
            "id": row.id,
            "family": row.family,
            "answer": one.text,
            "score": one.score.value,
            "reason": one.score.reason,
            "tokens": one.tokens,
            "stopped": one.stopped,
        }
        for row, one in zip(rows, arm.answered or [], strict=arm.answered is not None)
    ]
