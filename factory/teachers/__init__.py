"""Who writes examples beside the specialist's own grammar: an OpenAI-compatible endpoint, or a model loaded here.

A teacher is asked for JSON of a schema and answers with it, or with why not (`Failed`). What it says is believed by nobody: the
recipe holds it against the specialist's own reading (`factory/teachers/paraphrase.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from factory.records import Message


@dataclass(frozen=True)
class Failed:
    """A question that came to nothing: why, in a word or two that can be counted."""

    reason: str


class Teacher(Protocol):
    """What every teacher is."""

    async def ask(self, messages: Sequence[Message], schema: dict[str, Any], seed: int) -> dict[str, Any] | Failed:
        """JSON that fits the schema, or why there is none."""

    def costs(self) -> dict[str, Any]:
        """What was asked and paid so far, as the manifest has it."""
