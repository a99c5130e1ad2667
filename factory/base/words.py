"""Words that the lessons of the corpus are made of: names, things, places, and words that mean nothing."""

from __future__ import annotations

from functools import cache
from random import Random

from factory.specialists.sql.families import families, words

SYLLABLES = [c + v + e for c in "bdfgklmnprstvz" for v in "aeiou" for e in ("", "n", "r", "l", "s")]
COLORS = ("red", "blue", "green", "yellow", "white", "black", "brown", "grey")
ANIMALS = ("cat", "dog", "fox", "owl", "hen", "bear", "mouse", "horse", "goat", "crow")
THINGS = ("ball", "lamp", "key", "book", "cup", "stone", "rope", "box", "coin", "shell")
PLACES = ("garden", "forest", "kitchen", "river", "market", "barn", "hill", "beach", "attic", "bridge")


WHOLE = 0.75
"""Share of random words that are words of the language."""


@cache
def pool() -> tuple[str, ...]:
    """The words of the training families' labels and of the lists: most of them one token each."""
    labels = [f.label for family in families("train") for entity in family.entities for f in entity.fields]
    told = " ".join([*labels, *words()["noun"], *words()["adjective"], *COLORS, *ANIMALS, *THINGS, *PLACES]).lower()
    return tuple(sorted({word for word in told.split() if word.isalpha() and len(word) > 2}))


def random_word(rng: Random) -> str:
    """A word that means nothing where it stands: any word of the language, or one or two random syllables.

    Syllables alone make words of two to four tokens out of few, which a small model learns to copy last of all.
    """
    if rng.random() < WHOLE:
        return rng.choice(pool())
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 2)))
