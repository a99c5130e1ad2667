"""Stage one: sources to examples, as many as asked for, each passed by the specialist's own verifier."""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from factory import config
from factory.errors import ConfigMistake, DataMistake
from factory.outside.collect import collect
from factory.outside.seeds import seeds
from factory.records import KEPT, Example, Verdict
from factory.rows import read_jsonl, write_examples, write_jsonl
from factory.specialist import Inapplicable, Specialist, find
from factory.stages.sitting import chosen
from factory.store import Events, Source

if TYPE_CHECKING:
    from factory.teachers import Teacher
    from factory.teachers.local import Speaker

WAVE = 1024
"""Rows that a teacher is asked about before more are drawn, at most."""
ALL = slice(None)
Shard = list[tuple[int, Verdict, Example | None]]


def generate(
    specialist: config.Specialist,
    source: config.Source,
    rows: Source | None,
    lists: Source,
    teacher: config.Teacher,
    speaker: Speaker | None,
    generate: config.Generate,
    seed: int,
    *,
    out: Path,
    runtime: config.Runtime,
    events: Events,
) -> dict[str, Any]:
    """Writes `examples.parquet` and `refused.json`; `lists` are the files the specialist draws from, `rows` those of a user,
    `speaker` is the model of a local teacher.

    Every candidate is kept or counted under the reason it was refused for: candidates = rows + refused.
    """
    task, fates, costs = find(specialist.name), Counter[str](), Counter[str]()
    allowed(source, teacher, generate)
    if source.kind in ("file", "hub"):
        kept: Iterable[Example] = given(task, source, generate.rows, seed, fates, events)
    else:
        if source.kind == "drawn":
            accepted = drawn(task, request(task, specialist, seed), generate, out / "work", runtime.workers, fates)
        else:
            accepted = islice(seeds(task.name, source, seed), budget(generate) if generate.rows else None)
        if teacher.kind != "grammar":
            accepted = retold(task, accepted, named(teacher, speaker, runtime), generate, fates, costs, events)
        kept = enough(accepted, generate, fates, events)
    written = write_examples(out / "examples.parquet", kept)
    refused = dict(sorted(fates.items()))
    (out / "refused.json").write_text(json.dumps(refused, indent=1))
    counts = {
        "candidates": written + sum(refused.values()),
        "rows": written,
        "refused": sum(refused.values()),
        "refused_by": refused,
    }
    return counts | ({"teacher": dict(costs)} if costs else {})


def allowed(source: config.Source, teacher: config.Teacher, generate: config.Generate) -> None:
    """ConfigMistake where the recipe makes nothing of the source, or where nothing would end it."""
    recipes = {
        "drawn": ("paraphrase", "back_translation", "best_of_n", "preferences", None),
        "documents": ("questions",),
    }
    fitting = recipes.get(source.kind, ("grid",) if source.kind == "grid" else (None,))
    if generate.rows is None and source.kind in ("drawn", "grid"):
        what = "a grammar" if source.kind == "drawn" else "a grid"
        raise ConfigMistake("generate.rows=null", f"{what} has no end", "say how many rows")
    if teacher.recipe not in fitting:
        hint = ", ".join("teacher=grammar" if one is None else f"teacher.recipe={one}" for one in fitting)
        raise ConfigMistake(f"teacher.recipe={teacher.recipe}", f"makes nothing of source={source.kind}", hint)


def share(
    specialist: config.Specialist,
    generate: config.Generate,
    seed: int,
    part: int,
    of: int,
    work: Path,
    runtime: config.Runtime,
) -> int:
    """Makes every `of`-th shard of the candidates, from the `part`-th on, until these promise rows enough; the rows in them.

    The shards lie where `generate` looks for them: it makes what is missing, and the same rows whatever was there.
    """
    task, rows = find(specialist.name), 0
    for shard in shards(
        task.name, request(task, specialist, seed), generate, work, runtime.workers, slice(part - 1, None, of)
    ):
        rows += sum(example is not None for _, _, example in shard)
        if rows * of >= generate.rows:
            break
    return rows


def request(task: Specialist, specialist: config.Specialist, seed: int) -> dict[str, Any]:
    """What every candidate is drawn with."""
    return {"teacher": "grammar", "settings": task.typed(specialist.settings).model_dump(), "seed": seed}


def drawn(
    task: Specialist, ask: dict[str, Any], generate: config.Generate, work: Path, workers: int, fates: Counter[str]
) -> Iterator[Example]:
    """The rows that the grammar draws and the verifier accepts, in order, to the end of the budget of candidates.

    Candidates are numbered random streams, verified in shards, in parallel: neither the workers nor the order of arrival
    changes which come. What is refused before a row that is taken is counted.
    """
    for shard in shards(task.name, ask, generate, work, workers):
        for _, verdict, example in shard:
            if example is None:
                fates[verdict.reason] += 1
            else:
                yield example


def retold(
    task: Specialist,
    rows: Iterator[Example],
    teacher: Teacher,
    generate: config.Generate,
    fates: Counter[str],
    costs: Counter[str],
    events: Events,
) -> Iterator[Example]:
    """What a teacher makes of the rows and what holds; as many are asked for at a time as are still lacking."""
    from factory.teachers import recipe, retell

    asked, answered, out = recipe(str(teacher.settings.recipe)), 0, 0
    lacking = math.inf if generate.rows is None else generate.rows

    def done() -> None:
        nonlocal answered, out
        answered, out = answered + 1, out - 1
        events("teacher answered", done=answered, total=answered + out)

    try:
        while lacking and (wave := list(islice(rows, min(lacking, WAVE)))):
            out = len(wave)
            found = asyncio.run(retell(teacher, asked, task, wave, done))
            costs.clear()
            add(costs, teacher.costs())
            for verdict, example in found:
                if example is not None:
                    verdict = admit(task, example)
                if example is None or verdict != KEPT:
                    fates[verdict.reason] += 1
                else:
                    lacking -= 1
                    yield example
    finally:
        teacher.replies.close()


def named(teacher: config.Teacher, speaker: Speaker | None, runtime: config.Runtime) -> Teacher:
    """The teacher that the configuration names."""
    from factory.teachers.endpoint import Endpoint
    from factory.teachers.local import Local
    from factory.teachers.replies import of

    kept = of(runtime)
    return Local(teacher, speaker, runtime, kept) if speaker else Endpoint(teacher, runtime.calls, kept)


def add(costs: Counter[str], more: dict[str, Any]) -> None:
    """Adds a ledger to another; tries that failed under their reason."""
    for name, value in more.items():
        if isinstance(value, dict):
            add(costs, {f"{name}: {reason}": count for reason, count in value.items()})
        else:
            costs[name] += value


def enough(
    rows: Iterator[Example], generate: config.Generate, fates: Counter[str], events: Events
) -> Iterator[Example]:
    """As many rows as asked for, or all there are; DataMistake where they end before."""
    kept = 0
    for kept, example in enumerate(rows, 1):
        if kept % generate.shard == 0 or kept == generate.rows:
            events("examples", done=kept, total=generate.rows)
        yield example
        if kept == generate.rows:
            return
    if generate.rows is None and kept:
        return
    worst = ", ".join(f"{reason} {count}" for reason, count in fates.most_common(4))
    raise DataMistake(
        "generate",
        f"{kept + sum(fates.values())} candidates gave {kept} of {generate.rows} rows ({worst})",
        "raise generate.candidates_per_row or ask for fewer rows",
    )


def given(
    task: Specialist, source: config.Source, most: int | None, seed: int, fates: Counter[str], events: Events
) -> list[Example]:
    """The rows of a file or a data set that its own score accepts; of more than `most`, those that their ids choose."""
    found = collect(task.name, source, "train", events)
    for place, why in found.malformed:
        fates[f"malformed: {why}"] += 1
        events(f"left out: {place}: {why}")
    kept = []
    for example in found.examples:
        if (verdict := admit(task, example)) == KEPT:
            kept.append(example)
        else:
            fates[verdict.reason] += 1
    asked = {row.id for row in chosen(kept, most, seed)}
    if len(asked) < len(kept):
        fates[f"more than generate.rows={most}"] = len(kept) - len(asked)
    if not asked:
        worst = ", ".join(f"{reason} {count}" for reason, count in fates.most_common(4))
        raise DataMistake(
            str(source.train), f"none of {len(found.examples)} rows is accepted ({worst})", "look at source.score"
        )
    return [row for row in kept if row.id in asked]


def budget(generate: config.Generate) -> int:
    """The candidates that may be looked at, at most."""
    return math.ceil((generate.rows or 0) * generate.candidates_per_row)


def shards(
    name: str, ask: dict[str, Any], generate: config.Generate, work: Path, workers: int, which: slice = ALL
) -> Iterator[Shard]:
    """The shards in order, as far as anyone asks for them; those that are there already are read, not made."""
    most, size = budget(generate), generate.shard
    spans = [(start, min(start + size, most)) for start in range(0, most, size)][which]
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
