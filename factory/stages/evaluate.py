"""Stage five: base and adapter answer the same rows of the exam; the difference has an interval and a test."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from factory import config, models
from factory.pages import report_page
from factory.records import Example
from factory.rows import TOLD, read_examples, read_jsonl, write_table
from factory.specialist import find
from factory.stages.sitting import Answered, exam_hall, kind, parts, survey
from factory.stats import mcnemar, mean_interval, paired_bootstrap, seen, sign_flips
from factory.store import Events, Made, Source, write_facts


def evaluate(
    adapter: Made,
    kept: Made,
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
    task = find(specialist.name)
    hall = exam_hall(task, exam, tokenizer, evaluate, seed, events)
    contract = models.base_contract(weights, tokenizer, base)
    rows, first = hall.rows, hall.prompts[:8]
    seconds: dict[str, float] = {}

    def answered_by(name: str, model: Any) -> list[Answered]:
        started = time.monotonic()
        found = hall.sit(model, name)
        seconds[name] = round((time.monotonic() - started) / len(rows), 4)
        return found

    with models.base_on_loan(weights, base, runtime) as bare:
        if (adapter.folder / "adapter").exists():
            model = models.attach(bare, adapter.folder / "adapter", contract)
            as_it_is = model.disable_adapter()
        else:
            model, as_it_is = models.load_full(adapter, base, runtime), nullcontext()
        with as_it_is:
            answered, before = {"base": answered_by("base", bare)}, next_logits(bare, first)
        answered["adapter"] = answered_by("adapter", model)
        moved = max(
            (after - before).abs().max().item() for after, before in zip(next_logits(model, first), before, strict=True)
        )
    report = summary(rows, answered["base"], answered["adapter"], evaluate, seed)
    training = [row for row in read_examples(kept.file("kept.parquet"), TOLD) if row.split == "train"]
    texts = {name: [one.text for one in sat] for name, sat in answered.items()}
    report |= {
        "exam": exam.digest,
        "notice": task.notice,
        "survey": survey(task, rows, training, **texts, gold=[row.answer for row in rows]),
    }
    report["alive"] = round(moved, 4)  # the largest change of a next-token logit on a few prompts: 0 does nothing
    (out / "report.json").write_text(json.dumps(report, indent=1))
    write_table(
        out / "answers.parquet",
        [side_by_side(*three) for three in zip(rows, answered["base"], answered["adapter"], strict=True)],
    )
    curve = list(read_jsonl(adapter.file("curve.jsonl")))
    samples = pick(rows, answered, evaluate.samples)
    (out / "report.html").write_text(report_page.page(specialist.name, report, curve, samples), encoding="utf-8")
    write_facts(out, {"seconds_per_answer": seconds})
    return {name: report[name] for name in ("rows", "confidence", "base", "adapter", "difference", "parts", "survey")}


def summary(
    rows: Sequence[Example], base: Sequence[Answered], adapter: Sequence[Answered], settings: config.Evaluate, seed: int
) -> dict[str, Any]:
    """The report: both scores with intervals, their difference over families, tests, what the exam can tell, every cut."""
    labels = sorted({name for row in rows for name in row.tags if name != "balance"})
    return {
        "rows": len(rows),
        "families": len({row.family for row in rows}),
        "confidence": settings.confidence,
        **compared(rows, base, adapter, settings, seed),
        "design": designed(rows, base, adapter),
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
        "sign_flips": sign_flips(first, second, groups, settings.bootstrap, seed),
        "parts": parts(base=base, adapter=adapter),
    }


def designed(rows: Sequence[Example], base: Sequence[Answered], adapter: Sequence[Answered]) -> dict[str, float]:
    """What the exam can tell, as it was sat."""
    scores = ([one.score.value for one in side] for side in (base, adapter))
    found = seen(*scores, [row.family for row in rows])
    return asdict(found) | {"effective_rows": round(found.effective_rows, 1)}


def cut(
    rows: Sequence[Example], base: Sequence[Answered], adapter: Sequence[Answered], label: str, value: str
) -> tuple:
    """The rows that carry a value of a label, with their answers."""
    kept = [i for i, row in enumerate(rows) if row.tags.get(label, "") == value]
    return [rows[i] for i in kept], [base[i] for i in kept], [adapter[i] for i in kept]


def reasons(answered: Sequence[Answered]) -> dict[str, int]:
    """How often answers are wrong for which kind of reason, most frequent first."""
    count = Counter(kind(one.score.reason) for one in answered if one.score.value < 1)
    return {name: count[name] for name in sorted(count, key=lambda name: (-count[name], name))}


def next_logits(model: Any, prompts: list[list[int]]) -> list[Any]:
    """The logits of the first token of the answer to each prompt."""
    import torch

    with torch.inference_mode():
        return [model(input_ids=torch.tensor([ids], device=model.device)).logits[0, -1] for ids in prompts]


def side_by_side(row: Example, base: Answered, adapter: Answered) -> dict[str, Any]:
    """One exam row with both answers, flat; a tag with the name of a column (medical's `family`: a history) is `tag_...`."""
    own = {"id": row.id, "family": row.family, "prompt": row.prompt, "gold": row.answer}
    return {
        **own,
        **{f"tag_{name}" if name in own else name: value for name, value in row.tags.items()},
        **{
            f"{name}_{key}": value
            for name, one in (("base", base), ("adapter", adapter))
            for key, value in (
                ("answer", one.text),
                ("score", one.score.value),
                ("reason", one.score.reason),
                ("parts", json.dumps(one.score.parts)),
                ("tokens", one.tokens),
                ("stopped", one.stopped),
                ("logprob", one.logprob),
            )
        },
    }


def pick(rows: Sequence[Example], answered: dict[str, list[Answered]], most: int) -> list[dict[str, Any]]:
    """Samples for the page, half right and half wrong where there are both."""
    flat = [side_by_side(*three) for three in zip(rows, answered["base"], answered["adapter"], strict=True)]
    right, wrong = ([row for row in flat if (row["adapter_score"] >= 1) == want] for want in (True, False))
    half = most // 2
    return (right[: max(half, most - len(wrong))] + wrong[: max(most - half, most - len(right))])[:most]
