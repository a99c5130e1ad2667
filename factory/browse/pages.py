"""The data of every page, plain and JSON-able: what a browser draws and what `--json` prints is this and nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from factory.browse.reader import Reader
from factory.difference import dotted
from factory.registry import Evidence, Fleet, Row, filtered
from factory.registry.index import stamped
from factory.store import Made

REPORTED = ("rows", "families", "confidence", "notice", "base", "adapter", "difference", "mcnemar", "alive")
DIGEST = 64
"""Letters of a sha256: what was asked for by one is a source or a product."""


def fleet(reader: Reader, *words: str) -> dict[str, Any]:
    """Every model with its versions and events, or those that the words of a filter let through."""
    whole, notice = reader.fleet()
    return {**filtered(whole, words).plain(reader.asked.registry.alias), "filter": list(words), "notice": notice}


def version(reader: Reader, name: str) -> dict[str, Any]:
    """A version with its evidence: figures, curve, data, lineage, configuration, card, answers, moves of its aliases."""
    row = reader.row(name)
    held, number = reader.evidence(row), str(row.version)
    past = reader.fleet()[0].events.get(row.model, [])
    start = held.config.get("train", {}).get("start")
    return {
        "version": row.plain(),
        "report": {part: held.report.get(part) for part in REPORTED},
        "pages": sorted(held.pages),
        "begun_from": None if start is None else str(start),
        "products": list(products(reader, row, held)),
        "curve": held.curve,
        "answers": samples(held.answers, reader.asked.registry.ui.samples),
        "events": [event for event in past if number in (event["before"], event["after"])],
        "config": dotted(held.config),
        "card": held.card,
        "commands": commands(row, reader.asked.registry.alias),
        "links": links(reader, row),
    }


def products(reader: Reader, row: Row, held: Evidence) -> Iterable[dict[str, Any]]:
    """The products that a version was made from, each with what it was made from: products and sources, name to digest."""
    for stage, manifest in held.manifests.items():
        folder = reader.folder(row, stage, manifest["key"])
        yield {
            "stage": stage,
            "key": manifest["key"],
            "folder": str(folder),
            "here": Made(stage, manifest["key"], folder).complete,
            "from": {
                name: said for name, said in manifest["asked"].items() if isinstance(said, str) and len(said) == DIGEST
            },
            "counts": manifest["counts"],
            "made_with": held.made_with.get(stage, {}),
        }


def samples(answers: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Rows of the exam with both answers, half of them right and half wrong where there are both."""
    right, wrong = ([row for row in answers if (row["adapter_score"] >= 1) == want] for want in (True, False))
    half = most // 2
    return (right[: max(half, most - len(wrong))] + wrong[: max(most - half, most - len(right))])[:most]


def commands(row: Row, alias: str) -> dict[str, str]:
    """The commands that move a version's aliases, which pages do not; those that would be refused are left out."""
    own = row.model == f"factory.{row.specialist}.{row.base}"
    where = f"specialist={row.specialist} base={row.base}" if own else shlex.quote(f"registry.model={row.model}")
    if row.retired:
        return {}
    if alias in row.aliases:
        return {"give its place back to the version before": f'factory rollback --why "..." {where}'}
    why = "" if row.gate == "promote" else ' --why "..."'
    found = {f"make it {alias}": f"factory promote {row.version}{why} {where}"}
    if "challenger" not in row.aliases:
        found[f"have it tried beside the {alias}"] = f"factory promote {row.version} --to challenger {where}"
    return found | {"never give it an alias again": f'factory retire {row.version} --why "..." {where}'}


def links(reader: Reader, row: Row) -> dict[str, str]:
    """A version's run, and the version, on MLflow's own pages; nothing where their address is not configured."""
    at = reader.asked.registry.ui.mlflow
    if at is None:
        return {}
    at = at.rstrip("/")
    return {
        "run": f"{at}/#/runs/{quote(row.run, safe='')}",
        "version": f"{at}/#/models/{quote(row.model, safe='')}/versions/{row.version}",
    }


def data(reader: Reader) -> dict[str, Any]:
    """The sets of kept rows by their keys, each with the versions trained on it; counts of those on this machine."""
    whole, notice = reader.fleet()
    sets: dict[tuple[str, str], list[Row]] = {}
    for row in whole.rows:
        sets.setdefault((row.specialist, row.keys.get("kept", "")), []).append(row)
    return {
        "registry": whole.address,
        "read": stamped(whole.read),
        "notice": notice,
        "sets": [kept(reader, key, rows) for (_, key), rows in sorted(sets.items())],
    }


def kept(reader: Reader, key: str, rows: list[Row]) -> dict[str, Any]:
    """One set of kept rows, and who was trained on it."""
    folder = reader.folder(rows[0], "kept", key)
    made = Made("kept", key, folder)
    return {
        "key": key,
        "specialist": rows[0].specialist,
        "folder": str(folder),
        "here": made.complete,
        "counts": made.manifest["counts"] if made.complete else {},
        "versions": [row.plain() for row in rows],
    }


def runs(reader: Reader) -> dict[str, Any]:
    """The runs that hold the versions' evidence, the newest first."""
    whole, notice = reader.fleet()
    newest = sorted(whole.rows, key=lambda row: (row.created, row.model, row.version), reverse=True)
    lines = [{"run": row.run, "version": row.plain(), "links": links(reader, row)} for row in newest]
    return {"registry": whole.address, "read": stamped(whole.read), "notice": notice, "runs": lines}


def choices(whole: Fleet) -> list[str]:
    """Names of versions to choose from: of each model those that hold an alias, then the newest."""
    return [name for rows in whole.models().values() for name in suggested(rows)]


def suggested(rows: list[Row]) -> list[str]:
    """Of one model: its aliases, then its newest version."""
    held = [f"{row.model}@{alias}" for row in rows for alias in row.aliases]
    return [*sorted(held), f"{rows[-1].model}:{rows[-1].version}"]
