"""The page of versions side by side: base, champion and challenger on one exam."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from factory.pages.report_page import axis, confidence, drawn, laid

HEADS = ("side", "version", "score", "interval", "over the base", "tokens", "seconds", "cost of 1,000")
"""Columns of the table that a terminal shows."""
FEW = 8
"""Values of a label up to which its cuts are open on the page; of more they are folded."""


def page(found: dict[str, Any]) -> str:
    """One HTML file with its style and drawings inside; `found` is as `factory.sides` makes it."""
    pairs = [
        {"name": f"{one['second']} − {one['first']}", "found": one | {"rows": found["rows"]}, "strong": False}
        for one in found["differences"]
    ]
    cuts = dict(found["cuts"])
    return drawn(
        "sides.html",
        found=found,
        names=list(found["sides"]),
        confidence=confidence(found),
        forest=laid(pairs),
        overall=bars([found["scores"]]),
        difficulty=cuts.pop("difficulty", {}),
        cuts=cuts,
        bars=bars,
        few=FEW,
    )


def cells(found: dict[str, Any], name: str) -> tuple[str, ...]:
    """A side's line of that table: score and lead over the base with their intervals, tokens and seconds of an answer, money."""
    version, score, cost = found["sides"][name]["version"], found["scores"][name], found["costs"][name]
    over = [one["difference"] for one in found["differences"] if (one["first"], one["second"]) == ("base", name)]
    told = [f"{100 * one['value']:+.1f} ({100 * one['low']:+.1f} to {100 * one['high']:+.1f})" for one in over]
    return (
        name,
        "-" if version is None else str(version),
        f"{score['value']:.1%}",
        f"{score['low']:.1%} to {score['high']:.1%}",
        told[0] if told else "-",
        f"{cost['tokens_per_answer']:.1f}",
        "not recorded" if cost["seconds_per_answer"] is None else f"{cost['seconds_per_answer']:.3f}",
        "-" if cost["cost_per_1000"] is None else f"{cost['cost_per_1000']:.3g}",
    )


def bars(scores: Iterable[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Where the intervals of a table lie, each line of it the scores of every side: the axis, in hundredths of its width."""
    sets = list(scores)
    ends = [100 * one[end] for one in chain.from_iterable(each.values() for each in sets) for end in ("low", "high")]
    return {"axis": axis([*ends, 0.0], 0, 100)}
