"""Drops what is too long to read: prompt and answer together, in characters."""

from __future__ import annotations

from collections.abc import Sequence

from factory.config import Length
from factory.filters import Say
from factory.records import Example, Verdict


def check(examples: Sequence[Example], settings: Length, exam: Sequence[Example], say: Say) -> dict[str, Verdict]:
    """The rows over `max_characters`."""
    sizes = {example.id: len(example.prompt) + len(example.answer) for example in examples}
    return {name: Verdict.drop("too long", size) for name, size in sizes.items() if size > settings.max_characters}
