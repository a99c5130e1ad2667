"""Stage five: base and adapter answer the same rows of the exam; the difference has an interval and a test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from factory import config, models
from factory.chat import prompt_ids
from factory.pages import report_page
from factory.records import Example, Score
from factory.rows import read_exam, read_jsonl, write_table
from factory.specialist import find
from factory.stats import mcnemar, mean_interval, paired_bootstrap
from factory.store import Events, Made, Source, digest


@dataclass(frozen=True)
class Answered:
    """One model's answer to one row of the exam."""

    text: str
    tokens: int
    stopped: bool
    score: Score


def evaluate(
    adapter: Made,
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
    """Writes `report.json` (scores, interval, test, cuts), `answers.parquet` (a row per exam row) and `report.html`."""
    task, rows = find(specialist.name), chosen(read_exam(Path(exam.path)), evaluate.rows, seed)
    words = models.load_tokenizer(tokenizer)
    contract = models.base_contract(weights, tokenizer, base)
    model = models.attach(models.load_base(weights, base, runtime), adapter.folder / "adapter", contract)
    answered = {}
    for name in ("base", "adapter"):
        with models.base_alone(model, name == "base"):
            texts = answers(
                model, words, rows, evaluate, lambda done, name=name: events(name, done=done, total=len(rows))
            )
        answered[name] = [
            Answered(text, tokens, stopped, task.grade(row, [text])[0])
            for row, (text, tokens, stopped) in zip(rows, texts, strict=True)
        ]
    report = summary(rows, answered["base"], answered["adapter"], evaluate, seed) | {"exam": exam.digest}
    report["alive"] = alive(model, [prompt_ids(words, row.messages) for row in rows[:8]])
    (out / "report.json").write_text(json.dumps(report, indent=1))
    write_table(
        out / "answers.parquet",
        [side_by_side(*three) for three in zip(rows, answered["base"], answered["adapter"], strict=True)],
    )
    curve = list(read_jsonl(adapter.file("curve.jsonl")))
    samples = pick(rows, answered, evaluate.samples)
    (out / "report.html").write_text(report_page.page(specialist.name, report, curve, samples), encoding="utf-8")
    return {name: report[name] for name in ("rows", "confidence", "base", "adapter", "difference")}


def chosen(rows: list[Example], most: int | None, seed: int) -> list[Example]:
    """All rows, or `most` of them by the digest of their ids: the same ones whatever the order of the file."""
    if most is None or most >= len(rows):
        return rows
    return sorted(rows, key=lambda row: digest([seed, row.id]))[:most]


def answers(
    model: Any, words: Any, rows: Sequence[Example], settings: config.Evaluate, progress: Any
) -> list[tuple[str, int, bool]]:
    """Text, tokens and whether it stopped by itself, for every row; batched by length of the prompt."""
    prompts = [prompt_ids(words, row.messages) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: len(prompts[i]))
    found: dict[int, tuple[str, int, bool]] = {}
    for start in range(0, len(order), settings.batch_size):
        batch = order[start : start + settings.batch_size]
        for i, ids in zip(
            batch, models.answer(model, words, [prompts[i] for i in batch], settings.max_new_tokens), strict=True
        ):
            found[i] = words.decode(ids).strip(), len(ids), len(ids) < settings.max_new_tokens
        progress(len(found))
    return [found[i] for i in range(len(rows))]


def summary(
    rows: Sequence[Example], base: Sequence[Answered], adapter: Sequence[Answered], settings: config.Evaluate, seed: int
) -> dict[str, Any]:
    """The report: both scores with intervals, their difference over families, McNemar's test, and every cut."""
    labels = sorted({name for row in rows for name in row.tags if name != "balance"})
    return {
        "rows": len(rows),
        "families": len({row.family for row in rows}),
        "confidence": settings.confidence,
        **compared(rows, base, adapter, settings, seed),
        "cuts": {
            label: {
                value: compared(*cut(rows, base, adapter, label, value), settings, seed)
                for value in sorted({row.tags.get(label, "") for row in rows})
            }
            for label in labels
        },
        "stopped": {"base": sum(one.stopped for one in base), "adapter": sum(one.stopped for one in adapter)},
        "tokens": {"base": sum(one.tokens for one in base), "adapter": sum(one.tokens for one in adapter)},
        "wrong_because": {"base": reasons(base), "adapter": reasons(adapter)},
    }


def compared(
    rows: Sequence[Example], base: Sequence[Answered], adapter: Sequence[Answered], settings: config.Evaluate, seed: int
) -> dict[str, Any]:
    """Scores, difference and test over some rows."""
    first, second = [one.score.value for one in base], [one.score.value for one in adapter]
    groups = [row.family for row in rows]
    how = (settings.bootstrap, settings.confidence, seed)
    return {
        "rows": len(rows),
        "base": asdict(mean_interval(first, groups, *how)),
        "adapter": asdict(mean_interval(second, groups, *how)),
        "difference": asdict(paired_bootstrap(first, second, groups, *how)),
        "mcnemar": asdict(mcnemar(first, second)),
    }


def cut(
    rows: Sequence[Example], base: Sequence[Answered], adapter: Sequence[Answered], label: str, value: str
) -> tuple:
    """The rows that carry a value of a label, with their answers."""
    kept = [i for i, row in enumerate(rows) if row.tags.get(label, "") == value]
    return [rows[i] for i in kept], [base[i] for i in kept], [adapter[i] for i in kept]


def reasons(answered: Sequence[Answered]) -> dict[str, int]:
    """How often answers are wrong for which kind of reason, most frequent first."""
    kinds = [one.score.reason.split(":")[0].split(" on copy")[0] for one in answered if one.score.value < 1]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds), key=lambda kind: (-kinds.count(kind), kind))}


def alive(model: Any, prompts: list[list[int]]) -> float:
    """The largest change of a next-token logit that the adapter makes on a few prompts: 0 means it does nothing."""
    import torch

    changes = []
    with torch.inference_mode():
        for prompt in prompts:
            ids = torch.tensor([prompt], device=model.device)
            on = model(input_ids=ids).logits[0, -1]
            with models.base_alone(model, True):
                changes.append((on - model(input_ids=ids).logits[0, -1]).abs().max().item())
    return round(max(changes), 4)


def side_by_side(row: Example, base: Answered, adapter: Answered) -> dict[str, Any]:
    """One exam row with both answers, flat."""
    return {
        "id": row.id,
        "family": row.family,
        **row.tags,
        "prompt": row.prompt,
        "gold": row.answer,
        **{
            f"{name}_{key}": value
            for name, one in (("base", base), ("adapter", adapter))
            for key, value in (
                ("answer", one.text),
                ("score", one.score.value),
                ("reason", one.score.reason),
                ("tokens", one.tokens),
                ("stopped", one.stopped),
            )
        },
    }


def pick(rows: Sequence[Example], answered: dict[str, list[Answered]], most: int) -> list[dict[str, Any]]:
    """Samples for the page, half right and half wrong where there are both."""
    flat = [side_by_side(*three) for three in zip(rows, answered["base"], answered["adapter"], strict=True)]
    right, wrong = ([row for row in flat if (row["adapter_score"] >= 1) == want] for want in (True, False))
    half = most // 2
    return (right[: max(half, most - len(wrong))] + wrong[: max(most - half, most - len(right))])[:most]
