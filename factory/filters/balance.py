"""Keeps one kind of row from crowding out the others: a cap per balance key of the specialist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from factory.config import Balance
from factory.filters import Say
from factory.records import Example, Verdict


def check(examples: Sequence[Example], settings: Balance, exam: Sequence[Example], say: Say) -> dict[str, Verdict]:
    """The rows past the first `cap` of their balance key; rows without a key (from outside) pass."""
    counts: Counter[str] = Counter()
    dropped = {}
    for example in examples:
        key = example.tags.get("balance")
        if key is None:
            continue
        counts[key] += 1
        if counts[key] > settings.cap:
            dropped[example.id] = Verdict.drop("its kind is full", settings.cap)
    return dropped
