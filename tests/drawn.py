"""Examples as a specialist's grammar draws them, and the phrases that they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from factory.config import load
from factory.records import Example
from factory.specialist import Inapplicable, find


@cache
def drawn(name: str, side: str = "train", held_out: bool = False, streams: int = 300) -> list[Example]:
    """What comes out of so many random streams."""
    task, found = find(name), []
    settings = task.typed(load([f"specialist={name}"]).specialist.settings)
    for index in range(streams):
        try:
            found.append(task.example(index, 0, settings, side, held_out))
        except Inapplicable:
            continue
    return found


def used(example: Example, phrases: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """The phrases of an example: act and phrase."""
    pairs = [rendering.rsplit(".", 1) for rendering in example.provenance["renderings"]]
    return [(act, phrases[act][int(index)]) for act, index in pairs if act != "style"]
