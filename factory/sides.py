"""Base, champion and challenger side by side: what the registry holds of their answers to one exam, as plain data.

All of it is read off the answers that were registered with the versions: no model is loaded. What a version's evidence does
not have (older ones know no log-probability, some no seconds) is None here and "not recorded" on the page.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from factory import registry, specialist
from factory.calibration import auroc, binned, calibration_error
from factory.config import Config, Registry
from factory.errors import Mistake
from factory.gate.costs import per_1000
from factory.lineage import Origin, origin
from factory.registry.events import CANDIDATE
from factory.registry.evidence import SECONDS
from factory.stages.sitting import kind
from factory.stats import mcnemar, mean_interval, paired_bootstrap, sign_flips
from factory.store import Made

SECOND = ("challenger", CANDIDATE)
"""Aliases of the version beside the champion, the first that somebody holds."""
SAMPLES = 3
"""Answers shown of each kind of error."""
BINS = 10
"""Of the reliability table."""
FIFTHS = 5
OWN = {"id", "family", "prompt", "gold", "balance"}
"""Columns of answers.parquet that are no label to cut by."""
Row = dict[str, Any]
How = tuple[int, float, int]
"""Resamples, confidence and seed of the intervals."""


@dataclass(frozen=True)
class Side:
    """One who sat the exam: its name, the version (none: the base), and its answers in the order of the rows.

    An answer has `answer`, `score`, `reason`, `tokens`, `stopped` and `logprob`; None where it is not recorded.
    """

    name: str
    origin: Origin | None
    answers: list[Row]

    @property
    def scores(self) -> list[float]:
        """By row."""
        return [one["score"] for one in self.answers]

    @property
    def confidences(self) -> list[float] | None:
        """By row, the geometric mean of the probabilities of an answer's tokens; None where they are not recorded."""
        logs = [one["logprob"] for one in self.answers]
        return None if None in logs else [math.exp(log) for log in logs]


def sides(asked: Config, names: Sequence[str] = ()) -> dict[str, Any]:
    """The base and the versions of these numbers or aliases (none: the champion and the one beside it), in all ways.

    Mistake where a version is not there, is named twice, or sat another exam.
    """
    origins = [origin(asked, name) for name in names or usual(asked.registry)]
    refuse_what_is_not_comparable(origins)
    newest = max(origins, key=lambda one: int(one.number))
    rows = rows_in_common(origins)
    found = [Side("base", None, answers_of(newest, "base", rows))]
    found += [Side(named(one, asked.registry.alias), one, answers_of(one, "adapter", rows)) for one in origins]
    how = (asked.evaluate.bootstrap, asked.evaluate.confidence, asked.seed)
    families, price = [row["family"] for row in rows], asked.runtime.price_per_hour
    return {
        "specialist": asked.specialist.name,
        "model": asked.registry.model,
        "exam": newest.tags["exam"],
        "notice": specialist.find(asked.specialist.name).notice,
        "rows": len(rows),
        "families": len(set(families)),
        "confidence": asked.evaluate.confidence,
        "notes": [*notes(origins, rows), *([] if price is None else priced(origins))],
        "sides": {side.name: about(side) for side in found},
        "scores": {side.name: asdict(mean_interval(side.scores, families, *how)) for side in found},
        "differences": [difference(*pair, families, how) for pair in combinations(found, 2)],
        "cuts": cuts(rows, found, how),
        "errors": errors(rows, found),
        "calibration": {side.name: calibration(side) for side in found},
        "lengths": lengths(rows, found),
        "price_per_hour": price,
        "costs": {side.name: costs(side, newest, price) for side in found},
    }


def usual(settings: Registry) -> list[str]:
    """The champion and the challenger, else the candidate, else the newest that is not retired and sat the same exam.

    Where nobody is champion, the two that come next.
    """
    rows = [row for row in registry.fleet(settings).rows if row.model == settings.model and not row.retired]
    held = {alias: row for row in rows for alias in row.aliases}
    ranked = [held[alias] for alias in (settings.alias, *SECOND) if alias in held] + rows[::-1]
    same = [str(row.version) for row in ranked if row.exam == ranked[0].exam]
    return list(dict.fromkeys(same))[:2] or [settings.alias]


def refuse_what_is_not_comparable(origins: Sequence[Origin]) -> None:
    """Mistake where a version is named twice, or they sat different exams."""
    numbers = [one.number for one in origins]
    if len(set(numbers)) < len(numbers):
        raise Mistake(f"{origins[0].model} version {numbers[0]}", "is named twice", "name another one beside it")
    exams = {one.tags["exam"]: one.number for one in origins}
    if len(exams) > 1:
        told = " and ".join(f"version {number} sat {exam[:10]}" for exam, number in exams.items())
        hint = "evaluate both on the present one: factory run with the configuration of each"
        raise Mistake(origins[0].model, f"different exams cannot be held side by side: {told}", hint)


def rows_in_common(origins: Sequence[Origin]) -> list[Row]:
    """The rows of the exam that all of them answered, without the answers; Mistake where there are none."""
    shared = set.intersection(*({line["id"] for line in one.answers} for one in origins))
    if not shared:
        raise Mistake(origins[0].model, "these versions answered no row of the exam in common", "see evaluate.rows")
    plain = [name for name in origins[-1].answers[0] if not name.startswith(("base_", "adapter_"))]
    return [{name: line[name] for name in plain} for line in origins[-1].answers if line["id"] in shared]


def answers_of(one: Origin, who: str, rows: Sequence[Row]) -> list[Row]:
    """The answers of `base` or `adapter` in a version's evidence to these rows."""
    lines = {line["id"]: line for line in one.answers}
    names = ("answer", "score", "reason", "tokens", "stopped", "logprob")
    return [{name: lines[row["id"]].get(f"{who}_{name}") for name in names} for row in rows]


def named(one: Origin, champion: str) -> str:
    """A version by the first alias that says what it is, else by its number."""
    return next((alias for alias in (champion, *SECOND) if alias in one.aliases), f"version {one.number}")


def notes(origins: Sequence[Origin], rows: Sequence[Row]) -> list[str]:
    """What a reader must know before comparing: rows left out, another limit, another base or other answers of it."""
    said = [
        f"{one.name} answered {len(one.answers)} rows, of which {len(rows)} are compared"
        for one in origins
        if len(one.answers) > len(rows)
    ]
    ordered = sorted(origins, key=lambda one: int(one.number))
    first, last = ordered[0], ordered[-1]
    if first.tags["base_weights"] != last.tags["base_weights"]:
        said.append(f"they stand on different weights of the base; it is shown as {last.name} has it")
    limits = [one.config["evaluate"]["max_new_tokens"] for one in (first, last)]
    if limits[0] != limits[1]:
        said.append(f"an answer of {first.name} may have {limits[0]} tokens, one of {last.name} {limits[1]}")
    before, after = (answers_of(one, "base", rows) for one in (first, last))
    if other := sum(a["answer"] != b["answer"] for a, b in zip(before, after, strict=True)):
        said.append(f"in {other} rows the base answered otherwise when {first.name} was evaluated than for {last.name}")
    return said


def priced(origins: Sequence[Origin]) -> list[str]:
    """What a reader must know of money: seconds on unlike machines are counted at one price."""
    machines = {tuple(machine(one).items()) for one in origins}
    return ["they were evaluated on different machines, and runtime.price_per_hour is one"] if len(machines) > 1 else []


def machine(one: Origin) -> dict[str, Any]:
    """What a version was evaluated on, as far as it is recorded."""
    made_with = one.products["report"].made_with
    return {name: made_with[name] for name in ("cpu", "device", "threads") if name in made_with}


def about(side: Side) -> dict[str, Any]:
    """What a side is: nothing more for the base."""
    if side.origin is None:
        return {"version": None, "aliases": [], "gate": None, "method": None, "rank": None, "adapter": None}
    tags = side.origin.tags
    return {
        "version": int(side.origin.number),
        "aliases": list(side.origin.aliases),
        "gate": tags.get("validation_status"),
        "method": tags.get("method"),
        "rank": int(tags["rank"]),
        "adapter": side.origin.products["adapter"].key,
    }


def difference(first: Side, second: Side, families: Sequence[str], how: How) -> dict[str, Any]:
    """By how much the second scores more than the first, with its interval and tests."""
    resamples, _, seed = how
    pair = (first.scores, second.scores)
    return {
        "first": first.name,
        "second": second.name,
        "difference": asdict(paired_bootstrap(*pair, families, *how)),
        "mcnemar": asdict(mcnemar(*pair)),
        "sign_flips": sign_flips(*pair, families, resamples, seed),
    }


def cuts(rows: Sequence[Row], found: Sequence[Side], how: How) -> dict[str, dict[str, Any]]:
    """Label -> value -> rows, families and the score of every side with its interval; difficulty first."""
    labels = sorted(set(rows[0]) - OWN, key=lambda label: (label != "difficulty", label))
    return {label: {value: cut(rows, found, label, value, how) for value in values(rows, label)} for label in labels}


def values(rows: Sequence[Row], label: str) -> list[str]:
    """The values of a label, easy before medium before hard, others by name."""
    known = ("easy", "medium", "hard")
    place = {name: number for number, name in enumerate(known)}
    return sorted({row[label] or "" for row in rows}, key=lambda value: (place.get(value, len(known)), value))


def cut(rows: Sequence[Row], found: Sequence[Side], label: str, value: str, how: How) -> dict[str, Any]:
    """The scores on the rows with a value of a label."""
    places = [place for place, row in enumerate(rows) if (row[label] or "") == value]
    families = [rows[place]["family"] for place in places]
    scores = {
        side.name: asdict(mean_interval([side.scores[place] for place in places], families, *how)) for side in found
    }
    return {"rows": len(places), "families": len(set(families)), "scores": scores}


def errors(rows: Sequence[Row], found: Sequence[Side]) -> list[dict[str, Any]]:
    """Kinds of wrong answers, the most frequent of all first, each with its count by side and some rows with all answers."""
    kinds = {side.name: [wrong(one) for one in side.answers] for side in found}
    counts = Counter(why for each in kinds.values() for why in each if why is not None)
    return [
        {
            "kind": name,
            "counts": {side: each.count(name) for side, each in kinds.items()},
            "samples": [shown(rows[place], found, place) for place in picked(rows, name, list(kinds.values()))],
        }
        for name in sorted(counts, key=lambda name: (-counts[name], name))
    ]


def wrong(one: Row) -> str | None:
    """The kind of reason for which an answer is not right; None where it is."""
    return None if one["score"] >= 1 else kind(one["reason"])


def picked(rows: Sequence[Row], name: str, kinds: Sequence[list[str | None]]) -> list[int]:
    """Places of rows that are wrong in this way, those of the last side first, each of another family as far as it goes."""
    places = list(dict.fromkeys(place for each in reversed(kinds) for place, why in enumerate(each) if why == name))
    apart = {rows[place]["family"]: place for place in reversed(places)}
    return sorted(places, key=lambda place: apart[rows[place]["family"]] != place)[:SAMPLES]


def shown(row: Row, found: Sequence[Side], place: int) -> dict[str, Any]:
    """A row with what everybody answered."""
    plain = {name: row[name] for name in ("id", "family", "prompt", "gold")}
    return plain | {"answers": {side.name: side.answers[place] for side in found}}


def calibration(side: Side) -> dict[str, Any] | None:
    """How sure it was against how right: a reliability table, the calibration error, and whether the surer is the righter."""
    sure = side.confidences
    if sure is None:
        return None
    bins = binned(sure, side.scores, BINS)
    return {
        "bins": [asdict(one) for one in bins],
        "error": calibration_error(bins),
        "auroc": auroc(sure, [score >= 1 for score in side.scores]),
        "confidence": sum(sure) / len(sure),
    }


def lengths(rows: Sequence[Row], found: Sequence[Side]) -> dict[str, Any]:
    """Scores by fifths of the prompts' characters and of each side's own answers' tokens, with rank correlations."""
    prompts = [len(row["prompt"]) for row in rows]
    return {
        "prompt": {side.name: of_length(prompts, side.scores) for side in found},
        "answer": {side.name: of_length([one["tokens"] for one in side.answers], side.scores) for side in found},
    }


def of_length(sizes: Sequence[int], scores: Sequence[float]) -> dict[str, Any]:
    """Fifths of the answers by a length, the shortest first, with their mean score; and Spearman's correlation."""
    order = np.argsort(sizes, kind="stable")
    parts = [part for part in np.array_split(order, FIFTHS) if len(part)]
    return {
        "fifths": [
            {
                "low": sizes[part[0]],
                "high": sizes[part[-1]],
                "rows": len(part),
                "score": float(np.mean([scores[place] for place in part])),
            }
            for part in parts
        ],
        "correlation": correlation(sizes, scores),
    }


def correlation(first: Iterable[float], second: Iterable[float]) -> float | None:
    """Spearman's rank correlation; None where one of the two is the same for all."""
    from scipy.stats import spearmanr

    one, two = list(first), list(second)
    return float(spearmanr(one, two).statistic) if len(set(one)) > 1 and len(set(two)) > 1 else None


def costs(side: Side, newest: Origin, price: float | None) -> dict[str, Any]:
    """Tokens and seconds of an answer, money for 1,000 by the price of an hour, how many were cut off, the adapter's bytes."""
    tokens = [one["tokens"] for one in side.answers]
    where, who = (side.origin, "adapter") if side.origin else (newest, "base")
    took = seconds(where, who)
    return {
        "tokens": sum(tokens),
        "tokens_per_answer": sum(tokens) / len(tokens),
        "cut_off": sum(not one["stopped"] for one in side.answers),
        "seconds_per_answer": took,
        "cost_per_1000": per_1000(took, price),
        "batch_size": where.config["evaluate"]["batch_size"],
        "machine": machine(where),
        "adapter_bytes": int(side.origin.tags["adapter_bytes"]) if side.origin else None,
    }


def seconds(one: Origin, who: str) -> float | None:
    """What an answer took in a batch of the exam: as it was registered, else as its report says where that is still here."""
    if f"{SECONDS}.{who}" in one.metrics:
        return one.metrics[f"{SECONDS}.{who}"]
    report = one.products["report"]
    facts = Made(report.stage, report.key, report.folder).facts if report.complete else {}
    return facts.get(SECONDS, {}).get(who)
