"""What was trained on: no family, text or mark of the exam among it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from factory import config
from factory.filters.contamination import check as contaminated
from factory.gate.findings import NAMED, Finding, finding
from factory.records import Example
from factory.rows import TOLD, read_exam, read_examples, read_jsonl
from factory.specialist import find
from factory.store import Made


def apart(planned: Mapping[str, Made], asked: config.Config) -> Iterator[Finding]:
    """Whether what was trained on shares a family, a text or a mark with the exam."""
    task, settings = find(asked.specialist.name), asked.registry.gate.contamination
    exam = read_exam(task.exam)
    path = planned["kept"].file("kept.parquet")
    kept = read_examples(path) if settings.marks else read_examples(path, TOLD)
    families = sorted({row.family for row in exam} & {row.family for row in kept})
    listed = f"families of the exam are in the training data: {', '.join(families[:NAMED])}"
    yield finding("exam families apart", "reject" if families else "ok", len(families), 0, listed)
    marked = {"marked": task.marked} if settings.marks and task.marks else {}
    look = partial(contaminated, settings=settings, exam=exam, say=lambda *_, **__: None, **marked)
    near = {name: found for name, found in look(kept).items() if found.reason != "family of the exam"}
    near |= look(replayed(asked))
    reasons = sorted({found.reason for found in near.values()})
    told = f"{len(near)} training rows nearly are rows of the exam ({', '.join(reasons)}): {', '.join(sorted(near)[:NAMED])}"
    yield finding("exam rows apart", "reject" if near else "ok", len(near), 0, told)


def replayed(asked: config.Config) -> list[Example]:
    """The conversations mixed into the training."""
    if asked.train.replay is None:
        return []
    lines = enumerate(read_jsonl(Path(asked.train.replay.file).expanduser()), 1)
    return [Example(f"replay line {number}", tuple(line["messages"]), "", None, "replay") for number, line in lines]
