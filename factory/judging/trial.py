"""The stage: two sides' answers to the exam judged in pairs, as a product, with what the judge is worth beside what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from factory import config, pipeline, store
from factory.config import PairJudge
from factory.errors import ConfigMistake, Mistake
from factory.forecast import paying
from factory.judging import sides
from factory.judging.asking import PLACE, judged, questions, size
from factory.judging.figures import decided
from factory.judging.sides import Pair, Side
from factory.judging.worth import KNOWN, Judged, answered, worth
from factory.made_with import made_with
from factory.pages import judge_page
from factory.rows import read_exam, write_table
from factory.specialist import find
from factory.stages.sitting import chosen
from factory.store import Events, Made, Source, Stage, write_facts
from factory.teachers import Failed
from factory.teachers.rubric import rubric as rubric_of

CALLS = "calls"


def trial(asked: config.Config, first: Side, second: Side) -> tuple[Stage, dict[str, Any], Made]:
    """The stage, what it is given, and the product of judging these two; Mistake where no judge is named."""
    judge, task = asked.judge, find(asked.specialist.name)
    for key in ("url", "model"):
        if getattr(judge, key) is None:
            hint = "judge.url=http://localhost:8000/v1 judge.model=NAME, and its price"
            raise ConfigMistake(f"judge.{key}", "no value given", f"write {hint}")
    given = {
        "judge": judge.model_copy(update={"rubric": None, "human": None}),
        "first": first,
        "second": second,
        "rubric": rubric_of(judge.rubric, task.folder, config.conf_dir() / "judge" / "pair_rubric.txt", PLACE, "judge"),
        "human": sides.human(asked),
        "specialist": asked.specialist,
        "exam": pipeline.exam(task),
        "seed": asked.seed,
    }
    stage = Stage("judged", sit, version=1)
    root = Path(asked.runtime.runs) / "judged"
    return stage, given, store.plan(stage, given, {"specialist": task.version}, root)


def estimate(asked: config.Config, given: Mapping[str, Any]) -> str:
    """What judging may cost, as a line; ConfigMistake where the model has no price."""
    pairs, known = drawn(*(given[name] for name in ("first", "second", "judge", "exam", "specialist", "seed")))
    every = questions([*pairs, *known])
    costs = paying(asked, asked.judge, len(every), size(every, text(given["rubric"])))
    return f"judge: {len(every):,} calls or more (an answer that does not fit is asked for again), {costs}"


def made(asked: config.Config, planned: tuple[Stage, dict[str, Any], Made], events: Events) -> bool:
    """Makes the product; whether it was found."""
    stage, given, product = planned
    found = product.complete
    store.run(stage, given, product, asked.runtime, events, {} if found else made_with(asked.runtime))
    return found


def sit(
    judge: PairJudge,
    first: Side,
    second: Side,
    rubric: Source,
    human: Source | None,
    specialist: config.Specialist,
    exam: Source,
    seed: int,
    *,
    out: Path,
    runtime: config.Runtime,
    events: Events,
) -> dict[str, Any]:
    """Writes `judge.json` (figures and what they are worth), `pairs.parquet` (a line per pair) and `judge.html`."""
    pairs, known = drawn(first, second, judge, exam, specialist, seed)
    labels = sides.labels(Path(human.path), {pair.id for pair in pairs}) if human else {}
    said, costs = judged([*pairs, *known], judge, text(rubric), runtime, events)
    ours, others = (list(zip(*two, strict=True)) for two in ((pairs, said[: len(pairs)]), (known, said[len(pairs) :])))
    found = {
        "a": {"name": first.name, "place": first.place},
        "b": {"name": second.name, "place": second.place},
        "specialist": specialist.name,
        "notice": find(specialist.name).notice,
        "exam": exam.digest,
        "model": judge.model,
        "rubric": rubric.digest,
        "confidence": judge.confidence,
        **worth(ours, others, labels, judge, seed),
    }
    (out / "judge.json").write_text(json.dumps(found, indent=1))
    write_table(out / "pairs.parquet", [*lines("judged", ours, labels), *lines(KNOWN, others, {})])
    (out / "judge.html").write_text(judge_page.page(found), encoding="utf-8")
    write_facts(out, {CALLS: costs})
    return {name: found[name] for name in ("rows", "asked", "verdicts", "evidence", "says_nothing")}


def drawn(
    first: Side, second: Side, judge: PairJudge, exam: Source, specialist: config.Specialist, seed: int
) -> tuple[list[Pair], list[Pair]]:
    """The pairs that are judged, and right answers beside planted wrong ones. Mistake where there is nothing to judge."""
    rows = read_exam(Path(exam.path))
    both = [row for row in rows if row.id in first.answers and row.id in second.answers]
    pairs = sides.pairs(chosen(both, judge.rows, seed), first, second)
    if all(pair.a == pair.b for pair in pairs):
        what = "gave the same answer to each of the rows that both answered" if pairs else "answered no row in common"
        raise Mistake(f"{first.name} and {second.name}", what, "there is nothing to judge")
    known = chosen([row for row in rows if row.state], judge.known, seed) if judge.known else []
    return pairs, sides.planted(known, find(specialist.name), seed)


def text(rubric: Source) -> str:
    """What a rubric says."""
    return Path(rubric.path).read_text(encoding="utf-8")


def lines(kind: str, every: Sequence[Judged], labels: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Every pair with both verdicts, or why there is none, and what is known of it."""
    for pair, orders in every:
        yield {
            "id": pair.id,
            "family": pair.family,
            "kind": kind,
            "prompt": pair.prompt,
            "a": pair.a,
            "b": pair.b,
            "a_first": told(orders[0]),
            "b_first": told(orders[1]),
            "verdict": decided(orders) if answered(orders) else "none",
            "known": pair.known,
            "people": labels.get(pair.id, ""),
        }


def told(one: str | Failed) -> str:
    """A verdict, or why there is none."""
    return f"none: {one.reason}" if isinstance(one, Failed) else one
