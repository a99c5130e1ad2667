"""Stage one: sources to examples, as many as asked for, each passed by the specialist's own verifier."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from typing import Any

from factory import config
from factory.errors import DataMistake
from factory.records import KEPT, Example, Verdict
from factory.rows import read_jsonl, write_examples, write_jsonl
from factory.specialist import Inapplicable, Specialist, find
from factory.store import Events, Source

Shard = list[tuple[int, Verdict, Example | None]]


def generate(
    specialist: config.Specialist,
    lists: Source,
    teacher: config.Teacher,
    generate: config.Generate,
    seed: int,
    *,
    out: Path,
    runtime: config.Runtime,
    events: Events,
) -> dict[str, Any]:
    """Writes `examples.parquet` and `refused.json`; `lists` are the files the specialist itself draws from.

    Candidates are numbered random streams; they are verified in shards, in parallel, and the rows are the first `rows`
    accepted numbers, so that neither the workers nor the order of arrival changes what is made. Every refusal up to
    the last row is counted. DataMistake where the budget of candidates ends first.
    """
    task = find(specialist.name)
    settings = task.typed(specialist.settings)
    budget = math.ceil(generate.rows * generate.candidates_per_row)
    kept: list[Example] = []
    fates: Counter[str] = Counter()
    ask = {"teacher": teacher.kind, "settings": settings.model_dump(), "seed": seed}
    for shard in shards(task.name, ask, budget, generate.shard, out / "work", runtime.workers):
        for _, verdict, example in shard:
            if len(kept) == generate.rows:
                break
            fates[verdict.reason if verdict.fate != "kept" else "kept"] += 1
            if example is not None:
                kept.append(example)
        events("examples", done=len(kept), total=generate.rows)
        if len(kept) == generate.rows:
            break
    if len(kept) < generate.rows:
        worst = ", ".join(f"{reason} {count}" for reason, count in fates.most_common(4))
        raise DataMistake(
            "generate",
            f"{sum(fates.values())} candidates gave {len(kept)} of {generate.rows} rows ({worst})",
            "raise generate.candidates_per_row or ask for fewer rows",
        )
    write_examples(out / "examples.parquet", kept)
    refused = {reason: count for reason, count in sorted(fates.items()) if reason != "kept"}
    (out / "refused.json").write_text(json.dumps(refused, indent=1))
    return {
        "candidates": sum(fates.values()),
        "rows": len(kept),
        "refused": sum(refused.values()),
        "refused_by": refused,
    }


def shards(name: str, ask: dict[str, Any], budget: int, size: int, work: Path, workers: int) -> Iterator[Shard]:
    """The shards in order, as far as anyone asks for them; those an interrupted run left are read, not made."""
    spans = [(start, min(start + size, budget)) for start in range(0, budget, size)]
    arguments = [(name, ask, *span, work / f"shard-{span[0]:07d}.jsonl") for span in spans]
    if workers == 1:
        yield from (make_shard(*one) for one in arguments)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=die_with_the_parent) as pool:
        waiting = []
        for one in arguments[: workers + 1]:
            waiting.append(pool.submit(make_shard, *one))
        try:
            for one in [*arguments[workers + 1 :], *[None] * (workers + 1)]:
                if not waiting:
                    break
                yield waiting.pop(0).result()
                if one is not None:
                    waiting.append(pool.submit(make_shard, *one))
        finally:
            pool.shutdown(cancel_futures=True)


def die_with_the_parent() -> None:
    """Ends this worker when its parent is gone, also when that was killed."""

    def watch() -> None:
        wait([parent_process().sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def make_shard(name: str, ask: dict[str, Any], start: int, end: int, path: Path) -> Shard:
    """One shard: the verdict on each of its candidates, and the example where it is kept."""
    task = find(name)
    if not path.exists():
        ask = ask | {"settings": task.typed(ask["settings"]), "side": "train"}
        write_jsonl(path, (candidate(task, index, ask) for index in range(start, end)))
    return [
        (row["index"], Verdict(**row["verdict"]), Example(**row["example"]) if row["example"] else None)
        for row in read_jsonl(path)
    ]


def candidate(task: Specialist, index: int, ask: dict[str, Any]) -> dict[str, Any]:
    """The fate of one candidate: drawn, told, and held against its own verifier."""
    try:
        example = task.example(index, **ask)
    except Inapplicable as none:
        return {"index": index, "verdict": vars(Verdict.drop(f"not drawn: {none}")), "example": None}
    verdict = admit(task, example)
    return {"index": index, "verdict": vars(verdict), "example": vars(example) if verdict == KEPT else None}


def admit(task: Specialist, example: Example) -> Verdict:
    """Kept when the gold scores 1 and every corrupted gold less."""
    corrupted = task.corrupt(task.state(**example.state))
    gold, *others = task.grade(example, [example.answer, *corrupted])
    if gold.value < 1:
        return Verdict.drop(f"gold: {gold.reason}", gold.value)
    alive = sum(score.value >= 1 for score in others)
    return Verdict.drop("a corrupted gold passes", alive) if alive else KEPT
