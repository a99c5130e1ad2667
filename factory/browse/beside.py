"""Two versions side by side: what was asked otherwise, which rows they were trained on, what they scored, which rows flipped.

Read from what the registry's runs hold. Scores are neighbours only where both sat the same exam.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from factory import config
from factory.browse.reader import Reader
from factory.difference import dotted
from factory.records import stream_id
from factory.registry import Evidence, Row
from factory.reproduce import CALLERS
from factory.rows import TOLD, read_examples
from factory.stats import mcnemar, mean_interval, paired_bootstrap, sign_flips
from factory.store import Made

SIDES = ("one", "two")


def compare(reader: Reader, one: str, two: str) -> dict[str, Any]:
    """Two versions, by name; the difference is always the second's minus the first's."""
    rows = [reader.row(name) for name in (one, two)]
    held = [reader.evidence(row) for row in rows]
    where = [f"{row.model} version {row.version}" for row in rows]
    configs = [side.wanted("config", at) for side, at in zip(held, where, strict=True)]
    answers = [side.wanted("answers", at) for side, at in zip(held, where, strict=True)]
    return {
        **{side: row.plain() for side, row in zip(SIDES, rows, strict=True)},
        "config": list(changed(*configs)),
        "data": data(reader, rows, held),
        **scored(rows, answers, reader.asked.evaluate, reader.asked.seed),
    }


def changed(one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The keys that were asked otherwise, sorted; a side that has no such key says nothing.

    `bears`: whether a product hangs on it. Where something was made and registered is of the machine.
    """
    first, second = dotted(one), dotted(two)
    for key in sorted({*first, *second}):
        if key not in first or key not in second or first[key] != second[key]:
            said = {side: of[key] for side, of in zip(SIDES, (first, second), strict=True) if key in of}
            yield {"key": key, **said, "bears": key.split(".")[0] not in (*CALLERS, "runtime")}


def data(reader: Reader, rows: Sequence[Row], held: Sequence[Evidence]) -> dict[str, Any]:
    """The kept rows of both: keys, counts, and which rows are in one alone where both products are on this machine."""
    found: dict[str, Any] = {}
    made = []
    for side, row, evidence in zip(SIDES, rows, held, strict=True):
        key = row.keys.get("kept", "")
        kept = Made("kept", key, reader.folder(row, "kept", key))
        made.append(kept)
        counts = dotted(evidence.manifests.get("kept", {}).get("counts", {}))
        found[side] = {"key": key, "folder": str(kept.folder), "here": kept.complete, "counts": counts}
    same = made[0].key == made[1].key
    both = all(kept.complete for kept in made) and not same
    return {**found, "same": same, "rows": shared(*made, reader.asked.registry.ui.rows) if both else None}


def shared(one: Made, two: Made, most: int) -> dict[str, Any]:
    """Rows of two products, told apart by what they say: how many both have; of those of one alone all ids, some texts."""
    first, second = said(one), said(two)
    parts = {"removed": (one, first, first.keys() - second), "added": (two, second, second.keys() - first)}
    found = {}
    for name, (made, ids, only) in parts.items():
        listed = sorted(ids[key] for key in only)
        some = set(listed[:most])
        rows = read_examples(made.file("kept.parquet"), TOLD).where(some.__contains__)
        texts = [{name: getattr(row, name) for name in ("id", "split", "family", "prompt", "answer")} for row in rows]
        found[name] = {"count": len(listed), "ids": listed, "texts": texts}
    return {"both": len(first.keys() & second), **found}


def said(kept: Made) -> dict[str, str]:
    """The digest of what each kept row says, to its id."""
    rows = read_examples(kept.file("kept.parquet"), TOLD)
    return {stream_id(row.prompt, row.answer): row.id for row in rows}


def scored(
    versions: Sequence[Row], answers: Sequence[list[dict[str, Any]]], how: config.Evaluate, seed: int
) -> dict[str, Any]:
    """Scores and flips on the rows that both sat; or why they are no neighbours, and neither."""
    exams = {row.exam for row in versions}
    if len(exams) > 1:
        apart = "they sat different exams: their scores are no neighbours"
        return {"scores": None, "apart": apart, "fixed": [], "broken": []}
    second = {row["id"]: row for row in answers[1]}
    pairs = [(row, second[row["id"]]) for row in answers[0] if row["id"] in second]
    if not pairs:
        apart = "no row of the exam was sat by both: their scores are no neighbours"
        return {"scores": None, "apart": apart, "fixed": [], "broken": []}
    return {
        "scores": scores(pairs, how, seed) | {"sat": [len(of) for of in answers]},
        "apart": "",
        "fixed": [flip(*pair) for pair in pairs if right(pair[1]) and not right(pair[0])],
        "broken": [flip(*pair) for pair in pairs if right(pair[0]) and not right(pair[1])],
    }


def scores(pairs: Sequence[tuple[Mapping, Mapping]], how: config.Evaluate, seed: int) -> dict[str, Any]:
    """Both scores and their difference over families, with the tests of a report."""
    first, second = ([row["adapter_score"] for row in side] for side in zip(*pairs, strict=True))
    families = [row["family"] for row, _ in pairs]
    drawn = (how.bootstrap, how.confidence, seed)
    return {
        "rows": len(pairs),
        "families": len(set(families)),
        "confidence": how.confidence,
        "one": asdict(mean_interval(first, families, *drawn)),
        "two": asdict(mean_interval(second, families, *drawn)),
        "difference": asdict(paired_bootstrap(first, second, families, *drawn)),
        "mcnemar": asdict(mcnemar(first, second)),
        "sign_flips": sign_flips(first, second, families, how.bootstrap, seed),
        "better": sum(b > a for a, b in zip(first, second, strict=True)),
        "worse": sum(b < a for a, b in zip(first, second, strict=True)),
    }


def right(row: Mapping[str, Any]) -> bool:
    """Whether the adapter's answer to a row got the whole score."""
    return row["adapter_score"] >= 1


def flip(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, Any]:
    """A row that one of them got right and the other did not."""
    parts = ("answer", "score", "reason")
    answers = {
        side: {part: row[f"adapter_{part}"] for part in parts} for side, row in zip(SIDES, (one, two), strict=True)
    }
    return {name: one[name] for name in ("id", "family", "prompt", "gold")} | answers
