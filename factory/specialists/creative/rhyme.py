"""Rhyme and syllables by the CMU pronouncing dictionary, as the package `pronouncing` ships it.

The file is split into its 134,000 entries (a tenth of a second) when the first word is asked for, and a word's phones are
read when they are needed; the package itself is not imported, because it would read them all.
"""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

VOWELS = re.compile(r"[aeiouy]+")


@cache
def dictionary() -> dict[bytes, bytes]:
    """Its entries: the word in capitals, with a number in brackets for a further way to say it, to its phones."""
    path = Path(importlib.util.find_spec("pronouncing").origin).parent / "cmudict-0.7b"
    return dict(line.split(b"  ", 1) for line in path.read_bytes().splitlines() if not line.startswith(b";"))


@cache
def pronunciations(word: str) -> tuple[tuple[str, ...], ...]:
    """The phones of a word, for each way to say it; nothing where the dictionary does not have it."""
    keys = [f"{word.upper()}{suffix}".encode() for suffix in ("", "(1)", "(2)", "(3)")]
    return tuple(tuple(dictionary()[key].decode("ascii").split()) for key in keys if key in dictionary())


def rhyming_part(phones: tuple[str, ...]) -> tuple[str, ...]:
    """The phones from the last stressed vowel on."""
    stressed = [i for i, phone in enumerate(phones) if phone[-1] in "12"]
    return tuple(phone.rstrip("012") for phone in phones[stressed[-1] if stressed else 0 :])


def rhymes(one: str, other: str) -> bool:
    """Whether two different words sound alike from their last stressed vowel on, in some way to say them."""
    if one.lower() == other.lower():
        return False
    first, second = ({rhyming_part(phones) for phones in pronunciations(word)} for word in (one, other))
    return bool(first & second)


@cache
def syllables(word: str) -> int:
    """The syllables of a word, the fewest if there are several ways to say it.

    A word that the dictionary does not have (a name) counts a syllable for each group of vowels, a silent e at its end
    left out.
    """
    known = pronunciations(word)
    if known:
        return min(sum(phone[-1].isdigit() for phone in phones) for phones in known)
    return max(1, len(VOWELS.findall(re.sub(r"e$", "", word.lower()))))
