"""The page of a specialist's data: `data.html`, what was made, kept and dropped, and how varied it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from factory.diversity import Diversity
from factory.pages.report_page import count, percent

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


def page(specialist: str, counts: Mapping[str, Any], lengths: Sequence[Any], diversity: Mapping[str, Diversity]) -> str:
    """One HTML file; the same input gives the same text.

    `counts` holds what the stages generate and filter counted (`examples`, `kept`) and samples of rows (`kept_rows`,
    `dropped_rows`); `lengths` are lines of text: what, then shortest, median, 95th percentile and longest in words.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    drawn = Environment(
        loader=PackageLoader("factory", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn.filters |= {"count": count, "percent": percent}
    return drawn.get_template("data.html").render(
        specialist=specialist, lengths=lengths, heads=heads(), diversity=cells(diversity), **counts
    )


def heads() -> list[str]:
    """The heads of the table of diversity."""
    return ["set", *(name for name, _ in FIGURES)]


def cells(diversity: Mapping[str, Diversity]) -> list[list[str]]:
    """The rows of the table of diversity, as text."""
    return [[name, *(cell(found) for _, cell in FIGURES)] for name, found in diversity.items()]
