"""The fleet as a Markdown table, for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from factory.registry import Fleet, Row

COLUMNS = ("specialist", "base", "version", "base alone", "adapter", "difference, points", "rows", "size", "gate")


def table(found: Fleet, leader: Callable[[Iterable[Row]], Row]) -> str:
    """A line per model with the version that stands for it, and below it why the gate said no where it did."""
    rows = [leader(rows) for rows in found.models().values()]
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
        *(f"| {' | '.join(cells(row))} |" for row in rows),
    ]
    reasons = [f"- {row.specialist} {row.version}: {escaped('; '.join(row.reasons))}" for row in rows if row.reasons]
    return "\n".join([*lines, *(["", *reasons] if reasons else [])])


def cells(row: Row) -> tuple[str, ...]:
    """One line of the table."""
    value, low, high = (100 * part for part in (row.difference, row.low, row.high))
    return (
        row.specialist,
        row.base,
        " ".join((str(row.version), *row.aliases)),
        f"{row.score_base:.1%}",
        f"{row.score:.1%}",
        f"{value:+.1f} [{low:+.1f}, {high:+.1f}]",
        str(row.rows),
        f"{row.bytes / 1024:,.0f} KiB",
        f"**{row.gate.upper()}**",
    )


def escaped(text: str) -> str:
    """A text that no Markdown takes for its own: answers of a model may stand in it."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>|#@!" else letter for letter in text)
