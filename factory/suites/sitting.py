"""A model's sitting of a suite, as a product: every row with its answer, verdict and reason, and the figures."""

from __future__ import annotations

import csv
import json
import lzma
import sqlite3
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from factory import config, models, store
from factory.errors import DataMistake, Mistake
from factory.made_with import made_with
from factory.records import Score
from factory.rows import write_table
from factory.specialist import find as find_specialist
from factory.stages.sitting import chosen
from factory.store import WORK, Events, Made, Source, Stage
from factory.suites import HINT, Graded, Row, Untold, find
from factory.suites.asking import KEPT, Hall, Said, asked
from factory.suites.figures import Scored, figures

Check = Literal["gold", "wrong"]
SUITES = "suites"
"""Folder of the sittings."""
BROKEN = (
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    csv.Error,
    lzma.LZMAError,
    sqlite3.Error,
    tarfile.TarError,
)
"""What a file that is not as it should be comes to."""


@dataclass(frozen=True)
class Sitter:
    """Who sits: as it was named, its adapter (none: the base), or what answers in a model's place.

    `made` is the key of the product that its adapter is, `version` the number of the version.
    """

    name: str
    adapter: Source | Made | None = None
    check: Check | None = None
    made: str | None = None
    version: str | None = None


def planned(asked_for: config.Config, sets: Source, sitter: Sitter) -> tuple[Stage, dict[str, Any], Made]:
    """The stage, what it is given, and the product of a sitting; a check needs no base."""
    kind, check = find(asked_for.suite.kind), sitter.check
    own = getattr(kind, "OF_SPECIALIST", False)
    given = {
        "suite": asked_for.suite.model_copy(update={"folder": None}),
        "sets": sets,
        "specialist": asked_for.specialist if own else None,
        "tokenizer": None if check else models.tokenizer_source(asked_for.base),
        "weights": None if check else models.weights_source(asked_for.base),
        "base": None if check else asked_for.adapted,
        "adapter": sitter.adapter,
        "check": check,
        "seed": asked_for.seed,
    }
    versions = {asked_for.suite.kind: kind.VERSION}
    if own:
        versions["specialist"] = find_specialist(asked_for.specialist.name).version
    stage = Stage(asked_for.suite.name, sit, version=1)
    return stage, given, store.plan(stage, given, versions, Path(asked_for.runtime.runs) / SUITES)


def sat(asked_for: config.Config, sets: Source, sitter: Sitter, events: Events) -> tuple[Made, bool]:
    """The product of a sitting, and whether it was found."""
    stage, given, made = planned(asked_for, sets, sitter)
    found = made.complete
    store.run(stage, given, made, asked_for.runtime, events, {} if found else made_with(asked_for.runtime))
    return made, found


def sit(
    suite: config.Suite,
    sets: Source,
    specialist: config.Specialist | None,
    tokenizer: Source | None,
    weights: Source | None,
    base: config.Weights | None,
    adapter: Source | Made | None,
    check: Check | None,
    seed: int,
    *,
    out: Path,
    runtime: config.Runtime,
    events: Events,
) -> dict[str, Any]:
    """Writes `suite.json` (figures and counts) and `answers.parquet` (a line per row and sample, those not asked too)."""
    kind = find(suite.kind)
    rows = chosen(read(kind, Path(sets.path), suite, specialist, seed), suite.rows, seed)
    if check:
        said = [checked(suite, row, check) for row in rows]
    else:
        with model_of(weights, base, tokenizer, adapter, runtime) as (model, words):
            hall = Hall(model, words, suite, seed, out / WORK / KEPT, events)
            said = asked(hall, kind.ASKED, rows)
    grades = graded(kind, rows, said, kind.floors(rows), events)
    write_table(out / "answers.parquet", lines(rows, said, [scores for scores, _ in grades], kind.ASKED))
    found = summary(kind, suite, rows, said, grades, seed) | {"sets": sets.digest}
    found["facts"] = kind.facts(Path(sets.path), suite) if hasattr(kind, "facts") else {}
    (out / "suite.json").write_text(json.dumps(found, indent=1))
    return {name: found[name] for name in ("rows", "groups", "effective_rows", "value", "low", "high", "left", "unit")}


def read(
    kind: ModuleType, place: Path, suite: config.Suite, specialist: config.Specialist | None, seed: int
) -> list[Row]:
    """The rows of a set; DataMistake where its files are laid out otherwise, or two rows have one id."""
    where = str(place / (suite.file or ""))
    try:
        rows = kind.rows(place, suite, specialist, seed)
    except BROKEN as error:
        what = f"is not laid out as suite {suite.name} reads it: {type(error).__name__}: {str(error)[:100]}"
        raise DataMistake(where, what, HINT) from error
    twice = [name for name, count in Counter(row.id for row in rows).items() if count > 1]
    if twice or not rows:
        raise DataMistake(where, f"has two rows {twice[0]}" if twice else "has no rows", HINT)
    return rows


@contextmanager
def model_of(
    weights: Source, base: config.Weights, tokenizer: Source, adapter: Source | Made | None, runtime: config.Runtime
) -> Iterator[tuple[Any, Any]]:
    """The model that sits and its tokenizer: the base, the adapter on it, or a base of which every weight was trained."""
    words = models.load_tokenizer(tokenizer)
    if isinstance(adapter, Made):
        yield models.load_full(adapter, base, runtime), words
        return
    with models.base_on_loan(weights, base, runtime) as bare:
        contract = models.base_contract(weights, tokenizer, base)
        yield (models.attach(bare, Path(adapter.path), contract) if adapter else bare), words


def checked(suite: config.Suite, row: Row, check: Check) -> Said:
    """What a check says in a model's place."""
    text = row.gold if check == "gold" else row.wrong
    if text is None:
        which = "answers known to be right" if check == "gold" else "answers that could be wrong"
        raise Mistake(f"suite {suite.name}", f"has no {which}", "ask a model: base, adapter, or a version")
    return Said([text] * suite.samples, [0] * suite.samples, [True] * suite.samples, turns=len(row.turns))


def graded(
    kind: ModuleType, rows: Sequence[Row], said: Sequence[Said], floors: Mapping[str, Sequence[Any]], events: Events
) -> list[tuple[list[Graded], dict[str, float]]]:
    """Per row what its samples are graded, and the scores of its floors; the answers to one gold at once.

    Nothing of a row that was not asked.
    """
    if kind.ASKED == "loss":
        return [([Score(one.figures["loss"])] if not one.refused else [], {}) for one in said]
    trivial = {name: answers for name, answers in floors.items() if any(isinstance(one, str) for one in answers)}
    asked_ones = (place for place in range(len(rows)) if not said[place].refused)
    order = sorted(asked_ones, key=lambda place: (rows[place].gold or "", place))
    found: dict[int, tuple[list[Graded], dict[str, float]]] = {}
    for _, of in groupby(order, lambda place: rows[place].gold):
        places = list(of)
        texts = [[*said[i].texts, *(answers[i] for answers in trivial.values())] for i in places]
        for place, scores in zip(places, kind.grade([rows[i] for i in places], texts), strict=True):
            own, below = scores[: len(said[place].texts)], scores[len(said[place].texts) :]
            beside = {name: answers[place] for name, answers in floors.items() if name not in trivial}
            graded_floors = {
                name: one.value for name, one in zip(trivial, below, strict=True) if isinstance(one, Score)
            }
            found[place] = own, beside | graded_floors
        events("graded", done=len(found), total=len(order))
    return [found.get(place, ([], {})) for place in range(len(rows))]


def summary(
    kind: ModuleType,
    suite: config.Suite,
    rows: Sequence[Row],
    said: Sequence[Said],
    grades: Sequence[tuple[list[Graded], dict[str, float]]],
    seed: int,
) -> dict[str, Any]:
    """The figures over the rows that were asked and can be told, and what became of all others, by name."""
    scored, answers = [], []
    for row, one, (scores, floors) in zip(rows, said, grades, strict=True):
        if one.refused or any(isinstance(score, Untold) for score in scores):
            continue
        parts = {} if kind.ASKED == "loss" else one.figures
        own = [Score(score.value, score.reason, score.parts | parts) for score in scores]
        scored.append(Scored(row.id, row.group, row.slices, own, floors))
        answers.append((row, one.texts))
    told = [one for one in said if not one.refused]
    return {
        "suite": suite.name,
        "unit": getattr(kind, "UNIT", "share"),
        "confidence": suite.confidence,
        **figures(scored, suite, seed),
        "survey": kind.survey(*zip(*answers, strict=True)) if answers and hasattr(kind, "survey") else {},
        "left": left(rows, said, [scores for scores, _ in grades]),
        "shortened": sum(
            one.turns is not None and one.turns < len(row.turns) for row, one in zip(rows, said, strict=True)
        ),
        "stopped": sum(sum(one.stopped) for one in told),
        "tokens": sum(sum(one.tokens) for one in told),
        "samples": suite.samples,
        "set_rows": len(rows),
    }


def left(rows: Sequence[Row], said: Sequence[Said], grades: Sequence[Sequence[Graded]]) -> dict[str, dict[str, str]]:
    """The rows that are no part of the score, and why: those not asked, and those that nobody can be graded on."""
    untold = {
        row.id: next(score.reason for score in scores if isinstance(score, Untold))
        for row, scores in zip(rows, grades, strict=True)
        if any(isinstance(score, Untold) for score in scores)
    }
    refused = {row.id: one.refused for row, one in zip(rows, said, strict=True) if one.refused}
    return {"not asked": refused, "not told": untold}


def lines(
    rows: Sequence[Row], said: Sequence[Said], grades: Sequence[Sequence[Graded]], kind: str
) -> Iterator[dict[str, Any]]:
    """Every row and sample, flat; of a row that was not asked one line that says why."""
    for row, one, scores in zip(rows, said, grades, strict=True):
        about = {"id": row.id, "group": row.group, "slices": json.dumps(row.slices)}
        about |= {"prompt": "\n".join(turn["content"] for turn in row.messages(one.turns)), "gold": row.gold}
        about |= {"turns": one.turns, "likelihoods": one.likelihoods}
        if one.refused:
            yield about | line(0, None, "not asked", None, one.refused, {}, 0, False)
        for sample, (text, tokens, stopped) in enumerate(zip(one.texts, one.tokens, one.stopped, strict=True)):
            score = scores[sample]
            if isinstance(score, Untold):
                yield about | line(sample, text, "not told", None, score.reason, {}, tokens, stopped)
                continue
            parts = score.parts | one.figures
            word = "measured" if kind == "loss" else verdict(score)
            yield about | line(sample, text, word, score.value, score.reason, parts, tokens, stopped)


def line(
    sample: int,
    answer: str | None,
    verdict: str,
    score: float | None,
    reason: str,
    parts: Mapping[str, float],
    tokens: int,
    stopped: bool,
) -> dict[str, Any]:
    """What came of one sample."""
    told = {"sample": sample, "answer": answer, "verdict": verdict, "score": score, "reason": reason}
    return told | {"parts": json.dumps(parts), "tokens": tokens, "stopped": stopped}


def verdict(score: Score) -> str:
    """A score in a word."""
    return "right" if score.value >= 1 else "partly" if score.value > 0 else "wrong"
