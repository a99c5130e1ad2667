"""The page of a specialist's data: `data.html`, what was made, kept and dropped, what it covers, and its rows to search in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from factory.diversity import Diversity
from factory.pages.report_page import axis, count, drawn, percent

FIGURES = (
    ("words looked at", lambda d: count(d.words)),
    ("texts", lambda d: count(d.texts)),
    ("words per text", lambda d: f"{d.mean_words:.1f}"),
    ("distinct-1", lambda d: f"{d.distinct[0]:.3f}"),
    ("distinct-2", lambda d: f"{d.distinct[1]:.3f}"),
    ("distinct-3", lambda d: f"{d.distinct[2]:.3f}"),
    ("self-repetition", lambda d: percent(d.self_repetition)),
    ("zlib ratio", lambda d: f"{d.compression:.2f}"),
    ("commonest opening", lambda d: percent(d.commonest_opening)),
    ("openings per text", lambda d: f"{d.openings:.2f}"),
)
"""Heads and cells of the table of diversity."""
BARS = 40
"""Bars of a histogram."""
VALUES = 12
"""Values of a label that are listed; the others are one line."""


def page(specialist: str, given: Mapping[str, Any]) -> str:
    """One HTML file; the same input gives the same text.

    `given` is what `data_card` counted: `examples` and `kept` (the stages' counts), `lengths` (text -> words of each kept
    row), `coverage` (label -> value -> kept rows), `renderings`, `diversity`, `clusters`, samples and the `packed` rows.
    """
    total = given["kept"]["kept"]
    return drawn(
        "data.html",
        **{
            **given,
            "specialist": specialist,
            "flow": flow(given["examples"], given["kept"]),
            "lengths": [(name, *quantiles(found), histogram(found)) for name, found in given["lengths"].items()],
            "coverage": {label: listed(found, total) for label, found in given["coverage"].items()},
            "heads": heads(),
            "diversity": cells(given["diversity"]),
        },
    )


def flow(examples: Mapping[str, Any], kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What became of the candidates: bars, each with its parts as (name, rows, share of all candidates)."""
    of = max(1, examples["candidates"])
    bars = {
        "candidates": {"accepted": examples["rows"], "refused": examples["refused"]},
        "accepted": {"kept": kept["kept"], "dropped": kept["dropped"]},
        "kept": {"train": kept["train"], "dev": kept["dev"]},
    }
    return [
        {"name": name, "rows": sum(parts.values()), "parts": [(part, rows, rows / of) for part, rows in parts.items()]}
        for name, parts in bars.items()
    ]


def quantiles(found: Sequence[int]) -> tuple[int, int, int, int]:
    """Shortest, median, 95th percentile and longest."""
    ordered = sorted(found)
    return ordered[0], ordered[len(ordered) // 2], ordered[len(ordered) * 95 // 100], ordered[-1]


def histogram(found: Sequence[int]) -> dict[str, Any]:
    """Bars of equal width from 0 to the longest, their heights by rows, and the axis below."""
    across = axis([0, max(found)], 0, 400, least=1.0)
    width = across.high / BARS
    rows = [0] * BARS
    for words in found:
        rows[min(BARS - 1, int(words / width))] += 1
    most = max(rows)
    bars = [(400 * place / BARS, round(80 * number / most, 1), number) for place, number in enumerate(rows) if number]
    return {"bars": bars, "width": 400 / BARS, "words": width, "axis": across}


def listed(found: Mapping[str, int], total: int) -> dict[str, Any]:
    """The values of a label with their rows and shares, the commonest first, and what is left of many."""
    ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    rest = [rows for _, rows in ordered[VALUES:]]
    return {
        "values": [(value, rows, rows / total) for value, rows in ordered[:VALUES]],
        "most": ordered[0][1] / total,
        "count": len(ordered),
        "rest": (len(rest), max(rest), min(rest)) if rest else None,
    }


def heads() -> list[str]:
    """The heads of the table of diversity."""
    return ["set", *(name for name, _ in FIGURES)]


def cells(diversity: Mapping[str, Diversity]) -> list[list[str]]:
    """The rows of the table of diversity, as text."""
    return [[name, *(cell(found) for _, cell in FIGURES)] for name, found in diversity.items()]
