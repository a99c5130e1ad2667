"""The stage: two sides' answers to the exam judged in pairs, as a product, with what the judge is worth beside what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from factory import config, store
from factory.config import PairJudge
from factory.errors import ConfigMistake
from factory.forecast import paying
from factory.judging import sides
from factory.judging.asking import PLACE, judged, questions, size
from factory.judging.figures import decided
from factory.judging.sides import Case
from factory.judging.worth import PLANTED, Judged, answered, worth
from factory.made_with import made_with
from factory.pages import judge_page
from factory.rows import write_table
from factory.specialist import find
from factory.store import Events, Made, Source, Stage, write_facts
from factory.teachers import Failed
from factory.teachers.rubric import rubric as rubric_of

CALLS = "calls"


def trial(asked: config.Config, names: Sequence[str]) -> tuple[Stage, dict[str, Any], Made]:
    """The stage, what it is given, and the product of judging the two who are named; Mistake where no judge is."""
    judge = asked.judge
    for key in ("url", "model"):
        if getattr(judge, key) is None:
            hint = "judge.url=http://localhost:8000/v1 judge.model=NAME, and its price"
            raise ConfigMistake(f"judge.{key}", "no value given", f"write {hint}")
    case = sides.case(asked, names)
    folder, ours = find(case.specialist).folder, config.conf_dir() / "judge" / "pair_rubric.txt"
    given = {
        "case": case,
        "judge": judge.model_copy(update={"rubric": None, "human": None}),
        "rubric": rubric_of(judge.rubric, folder, ours, PLACE, "judge"),
        "human": sides.human(asked),
        "seed": asked.seed,
    }
    stage = Stage("judged", sit, version=2)
    return stage, given, store.plan(stage, given, {}, Path(asked.runtime.runs) / "judged")


def estimate(asked: config.Config, given: Mapping[str, Any]) -> str:
    """What judging may cost, as a line; ConfigMistake where the model has no price."""
    every = questions([*given["case"].pairs, *given["case"].planted])
    costs = paying(asked, asked.judge, len(every), size(every, text(given["rubric"])))
    return f"judge: {len(every):,} calls or more (an answer that does not fit is asked for again), {costs}"


def made(asked: config.Config, planned: tuple[Stage, dict[str, Any], Made], events: Events) -> bool:
    """Makes the product; whether it was found."""
    stage, given, product = planned
    found = product.complete
    store.run(stage, given, product, asked.runtime, events, {} if found else made_with(asked.runtime))
    return found


def sit(
    case: Case,
    judge: PairJudge,
    rubric: Source,
    human: Source | None,
    seed: int,
    *,
    out: Path,
    runtime: config.Runtime,
    events: Events,
) -> dict[str, Any]:
    """Writes `judge.json` (figures and what they are worth), `pairs.parquet` (a line per pair) and `judge.html`."""
    labels = sides.labels(Path(human.path), {pair.id for pair in case.pairs}) if human else {}
    said, costs = judged([*case.pairs, *case.planted], judge, text(rubric), runtime, events)
    ours, planted = (
        list(zip(pairs, orders, strict=True))
        for pairs, orders in ((case.pairs, said[: len(case.pairs)]), (case.planted, said[len(case.pairs) :]))
    )
    found = {
        "a": {"name": case.first.name, "place": case.first.place},
        "b": {"name": case.second.name, "place": case.second.place},
        "specialist": case.specialist,
        "notice": find(case.specialist).notice,
        "exam": case.exam,
        "model": judge.model,
        "rubric": rubric.digest,
        "confidence": judge.confidence,
        **worth(ours, planted, labels, judge, seed),
    }
    (out / "judge.json").write_text(json.dumps(found, indent=1))
    write_table(out / "pairs.parquet", [*lines("judged", ours, labels), *lines(PLANTED, planted, {})])
    (out / "judge.html").write_text(judge_page.page(found), encoding="utf-8")
    write_facts(out, {CALLS: costs})
    return {name: found[name] for name in ("rows", "asked", "verdicts", "evidence", "says_nothing")}


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
