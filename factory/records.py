"""The only rows that cross a stage's border: Example, Verdict, Score, and what they are rendered from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

Message = dict[str, str]
"""One turn in chat format: role and content."""


@dataclass(frozen=True)
class Rendered:
    """A state as told: the prompt's messages, the answer, and the names of the renderings used."""

    messages: tuple[Message, ...]
    answer: str
    renderings: tuple[str, ...]


@dataclass(frozen=True)
class Example:
    """One row of data.

    `state` is the typed latent draw as plain data (JSON), from which prompt and answer were both rendered; rows that come
    from outside have none. `family` must never straddle a split. `tags` are the labels reports are cut by (difficulty,
    slice, pattern). `split` is empty until the filter stage sets it.
    """

    id: str
    messages: tuple[Message, ...]
    answer: str
    state: dict[str, Any] | None
    family: str
    tags: dict[str, str] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    split: Literal["", "train", "dev", "exam", "replay"] = ""

    @property
    def prompt(self) -> str:
        """The text of all prompt messages."""
        return "\n".join(message["content"] for message in self.messages)


@dataclass(frozen=True)
class Verdict:
    """What became of a row: kept, or dropped by a named reason with its number, or failed with its error.

    A filter's `kept` with a reason is a row that is kept changed.
    """

    fate: Literal["kept", "dropped", "failed"]
    reason: str = ""
    number: float | None = None

    @staticmethod
    def drop(reason: str, number: float | None = None) -> Verdict:
        """A drop with its one named reason."""
        return Verdict("dropped", reason, number)


KEPT = Verdict("kept")


@dataclass(frozen=True)
class Score:
    """How right an answer is: value from 0 to 1, why it is not 1, and the parts it was made of.

    `parts` are named figures beside the value (precision, recall, a constraint met or not); a report shows their means
    over the rows that have them.
    """

    value: float
    reason: str = ""
    parts: dict[str, float] = field(default_factory=dict)


def stream_id(*parts: object) -> str:
    """The id of a random stream: 16 hex digits of the blake2b of its path (specialist, version, seed, index)."""
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).hexdigest()
