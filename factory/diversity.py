"""How varied a set of texts is: what grammars lack most, and what no duplicate filter sees.

All figures depend on how many words are looked at, so sets are compared over the same number of words. Names, numbers and
values are masked before (`factory.text.masked`), because long lists of names make any grammar look varied.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from factory.text import words

MOST = 20_000
"""Words of a set that are looked at."""
OPENING = 3
"""Words of a text that count as its opening."""
REPEATED = 4
"""Length of the runs that self-repetition is counted on (Salkar et al. 2022)."""


@dataclass(frozen=True)
class Diversity:
    """Figures of one set of texts over the words looked at; all shares are from 0 to 1."""

    texts: int
    words: int
    mean_words: float
    """Words per text, over the whole set."""
    distinct: tuple[float, float, float]
    """Different runs of 1, 2, 3 words per run (distinct-n, Li et al. 2016)."""
    self_repetition: float
    """Share of the 4-word runs that another text of the set has too."""
    compression: float
    """Bytes per byte of zlib, level 9: the higher, the more repeats (Shaib et al. 2024)."""
    commonest_opening: float
    """Share of the texts that begin with the most frequent first three words."""
    openings: float
    """Different openings per text."""


def compared(sets: Mapping[str, Sequence[str]], most: int = MOST) -> dict[str, Diversity]:
    """Each set's figures, all over the same number of words: those of the smallest set, at most `most`. Empty sets go out."""
    split = {name: [found for text in texts if (found := words(text))] for name, texts in sets.items()}
    split = {name: texts for name, texts in split.items() if texts}
    size = min([most, *(sum(map(len, texts)) for texts in split.values())])
    return {name: measure(texts, size) for name, texts in split.items()}


def measure(texts: Sequence[Sequence[str]], size: int) -> Diversity:
    """The figures over the first `size` words of texts given as words; ValueError where there are fewer."""
    seen = first(texts, size)
    every = [Counter(run for text in seen for run in grams(text, n)) for n in (1, 2, 3)]
    starts = Counter(tuple(text[:OPENING]) for text in seen if len(text) >= OPENING)
    plain = "\n".join(" ".join(text) for text in seen).encode()
    return Diversity(
        texts=len(seen),
        words=size,
        mean_words=sum(map(len, texts)) / len(texts),
        distinct=tuple(len(counts) / max(1, counts.total()) for counts in every),
        self_repetition=self_repetition(seen),
        compression=len(plain) / len(zlib.compress(plain, 9)),
        commonest_opening=max(starts.values(), default=0) / max(1, starts.total()),
        openings=len(starts) / max(1, starts.total()),
    )


def first(texts: Sequence[Sequence[str]], size: int) -> list[Sequence[str]]:
    """The texts up to `size` words, the last one shortened to fit."""
    taken, left = [], size
    for text in texts:
        if left:
            taken.append(text[:left])
            left -= len(taken[-1])
    if left:
        raise ValueError(f"{left} words are lacking of {size}")
    return taken


def grams(text: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """The runs of `size` words."""
    return [tuple(text[i : i + size]) for i in range(len(text) - size + 1)]


def self_repetition(texts: Sequence[Sequence[str]]) -> float:
    """The share of all 4-word runs that stand in more than one of the texts."""
    runs = [grams(text, REPEATED) for text in texts]
    holders = Counter(run for text in runs for run in set(text))
    total = sum(map(len, runs))
    return sum(holders[run] > 1 for text in runs for run in text) / max(1, total)
