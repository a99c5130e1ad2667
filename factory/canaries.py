"""Canaries: secrets that mean nothing, planted among training rows to see what an adapter gives away of them.

As many more are drawn the same way and never shown: what is said of those is chance. Exposure is of Carlini et al. 2019
("The Secret Sharer"): the bits by which a secret's rank among random ones is better than a guess.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from factory.config import Canaries
from factory.records import Example
from factory.text import random_word

SYLLABLED = 2
"""Random words in a name: of one alone there are too few."""


@dataclass(frozen=True)
class Canary:
    """A secret with its name, whether it was planted, and what is asked and answered of it."""

    name: str
    secret: str
    planted: bool
    question: str
    answer: str

    def row(self, secret: str | None = None, copy: int = 0) -> Example:
        """The canary as a row to train on, or with another secret in its place."""
        asked = ({"role": "user", "content": self.question.format(name=self.name)},)
        said = self.answer.format(name=self.name, secret=secret or self.secret)
        return Example(f"canary {self.name}, copy {copy}", asked, said, None, "canary", split="train")


def canaries(settings: Canaries) -> list[Canary]:
    """Those that are planted, then as many that are not; every name is another one."""
    rng, found = Random(f"canaries {settings.seed}"), {}
    while len(found) < 2 * settings.number:
        name = " ".join(random_word(rng) for _ in range(SYLLABLED))
        planted = len(found) < settings.number
        found.setdefault(name, Canary(name, secret(rng, settings), planted, settings.question, settings.answer))
    return list(found.values())


def secret(rng: Random, settings: Canaries) -> str:
    """So many random digits."""
    return "".join(rng.choice("0123456789") for _ in range(settings.digits))


def planted(settings: Canaries | None) -> list[Example]:
    """The rows that go among those of a training; none where no canaries are asked for."""
    if settings is None:
        return []
    return [one.row(copy=copy) for one in canaries(settings) if one.planted for copy in range(settings.copies)]


def rivals(canary: Canary, settings: Canaries) -> list[str]:
    """The secret, then the others that it is ranked among."""
    rng, found = Random(f"rivals {settings.seed} {canary.name}"), {canary.secret: None}
    while len(found) <= settings.candidates:
        found[secret(rng, settings)] = None
    return list(found)


def exposure(losses: Sequence[float]) -> float:
    """Bits: log2 of how many there are over the rank of the first among them, the least loss first; ties are not in its favour.

    By chance 1.44 on the average, of how many so ever (the mean of an exponential with rate ln 2).
    """
    rank = sum(loss <= losses[0] for loss in losses)
    return math.log2(len(losses) / rank)
