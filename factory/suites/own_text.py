"""How well a base, with an adapter on it or none, still foresees conversations of the kind it was made from.

The rows are a file of conversations, as `factory export` writes them; every answer in one is a row, all before it the
prompt. The figure is the loss in nats per token; lower is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from factory import config
from factory.errors import Mistake
from factory.rows import read_jsonl
from factory.suites import Row

VERSION = 1
ASKED = "loss"
UNIT = "nats per token"


def files(suite: config.Suite, specialist: Any) -> list[str]:
    """The file, by its whole path."""
    if suite.file is None:
        raise Mistake(
            "suite.file=null",
            "and base.general=null: no conversations of this base are known",
            "name a file of them, JSON lines with messages",
        )
    return [str(Path(suite.file).expanduser().absolute())]


def rows(place: Path, suite: config.Suite, specialist: Any, seed: int) -> list[Row]:
    """Every answer; those of one conversation are resampled together."""
    path, found = Path(str(suite.file)).expanduser(), []
    for number, one in enumerate(read_jsonl(path)):
        turns = one.get("messages", ())
        slices = {"lesson": one["lesson"]} if "lesson" in one else {}
        for place_, turn in enumerate(turns):
            if turn["role"] == "assistant":
                name, chat = f"{number}-{place_}", tuple(turns[: place_ + 1])
                found.append(Row(name, str(number), "", None, None, slices, chat=chat))
    if not found:
        raise Mistake(
            f"suite.file={suite.file}", "has no answers", "write JSON lines with messages, as factory export does"
        )
    return found


def floors(rows: Sequence[Row]) -> dict[str, list[str]]:
    """None."""
    return {}
