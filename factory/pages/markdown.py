"""Scores and verdicts as a Markdown table, for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = ("specialist", "base", "version", "base alone", "adapter", "difference, points", "rows", "size", "gate")


@dataclass(frozen=True)
class Line:
    """What is said of one version: its scores as shares, the difference with its interval, bytes, and what the gate said."""

    specialist: str
    base: str
    version: str
    score_base: float
    score: float
    difference: tuple[float, float, float]
    rows: int
    bytes: int
    gate: str
    reasons: Sequence[str]

    def cells(self) -> tuple[str, ...]:
        """The line as the table has it."""
        value, low, high = (100 * part for part in self.difference)
        return (
            self.specialist,
            self.base,
            self.version,
            f"{self.score_base:.1%}",
            f"{self.score:.1%}",
            f"{value:+.1f} [{low:+.1f}, {high:+.1f}]",
            str(self.rows),
            f"{self.bytes / 1024:,.0f} KiB",
            f"**{self.gate.upper()}**",
        )


def table(lines: Sequence[Line]) -> str:
    """The table, and below it why the gate said no where it did."""
    head = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    body = [f"| {' | '.join(line.cells())} |" for line in lines]
    why = [f"- {line.specialist}: {escaped('; '.join(line.reasons))}" for line in lines if line.reasons]
    return "\n".join([*head, *body, *(["", *why] if why else [])])


def escaped(text: str) -> str:
    """A text that no Markdown takes for its own: answers of a model may stand in it."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>|#@!~" else letter for letter in " ".join(text.split()))
