"""Words that the lessons of the corpus are made of: names, things, places, and words that mean nothing."""

from __future__ import annotations

from random import Random

SYLLABLES = [c + v + e for c in "bdfgklmnprstvz" for v in "aeiou" for e in ("", "n", "r", "l", "s")]
COLORS = ("red", "blue", "green", "yellow", "white", "black", "brown", "grey")
ANIMALS = ("cat", "dog", "fox", "owl", "hen", "bear", "mouse", "horse", "goat", "crow")
THINGS = ("ball", "lamp", "key", "book", "cup", "stone", "rope", "box", "coin", "shell")
PLACES = ("garden", "forest", "kitchen", "river", "market", "barn", "hill", "beach", "attic", "bridge")


def random_word(rng: Random) -> str:
    """A word of one to three random syllables."""
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 3)))
