"""Rhyme and syllables by the CMU pronouncing dictionary, as the package `pronouncing` ships it.

The file is read as bytes (some milliseconds) and a word is looked for when it is asked for; the package itself is not
imported, because it would take a second to read all 134,000 entries.
"""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from string import ascii_uppercase

VOWELS = re.compile(r"[aeiouy]+")


@cache
def dictionary() -> dict[str, bytes]:
    """The text of the dictionary cut by the first letter of its entries, which stand in the order of the alphabet."""
    text = (Path(importlib.util.find_spec("pronouncing").origin).parent / "cmudict-0.7b").read_bytes()
    starts = [text.find(f"\n{letter}".encode()) for letter in ascii_uppercase] + [len(text)]
    return {letter: text[starts[i] : starts[i + 1] + 1] for i, letter in enumerate(ascii_uppercase)}


@cache
def pronunciations(word: str) -> tuple[tuple[str, ...], ...]:
    """The phones of a word, for each way to say it; nothing where the dictionary does not have it."""
    entries, found = dictionary().get(word[:1].upper(), b""), []
    for suffix in ("", "(1)", "(2)"):
        key = f"\n{word.upper()}{suffix}  ".encode()
        start = entries.find(key)
        if start < 0:
            break
        end = entries.find(b"\n", start + 1)
        found.append(tuple(entries[start + len(key) : end].decode("ascii").split()))
    return tuple(found)


def rhyming_part(phones: tuple[str, ...]) -> tuple[str, ...]:
    """The phones from the last stressed vowel on; before an r the dictionary mixes IY and IH (hear, near), here they are one."""
    stressed = [i for i, phone in enumerate(phones) if phone[-1] in "12"]
    part = tuple(phone.rstrip("012") for phone in phones[stressed[-1] if stressed else 0 :])
    return ("IH", *part[1:]) if part[:2] == ("IY", "R") else part


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
