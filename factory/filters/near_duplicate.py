"""Drops rows that nearly repeat an earlier one.

MinHash (Broder 1997) over word 3-grams proposes pairs, 32 bands of `permutations / 32` rows each; the exact Jaccard
similarity decides, so that nothing is dropped by a hash's accident.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from factory.config import NearDuplicate
from factory.filters.exact_duplicate import normalised
from factory.records import Example, Verdict

BANDS = 32
PRIME = (1 << 61) - 1


def check(examples: Sequence[Example], settings: NearDuplicate, exam: Sequence[Example]) -> dict[str, Verdict]:
    """The later row of every pair whose similarity reaches the threshold, with that similarity."""
    grams = [shingles(f"{example.prompt}\n{example.answer}") for example in examples]
    dropped: dict[str, Verdict] = {}
    for earlier, later in candidates(grams, settings.permutations):
        if examples[later].id in dropped or examples[earlier].id in dropped:
            continue
        similarity = len(grams[earlier] & grams[later]) / len(grams[earlier] | grams[later])
        if similarity >= settings.threshold:
            dropped[examples[later].id] = Verdict.drop("nearly said before", round(similarity, 4))
    return dropped


def shingles(text: str) -> set[int]:
    """The hashes of a text's word 3-grams; a shorter text is one gram."""
    words = normalised(text).split()
    return {zlib.crc32(" ".join(words[i : i + 3]).encode()) for i in range(max(1, len(words) - 2))}


def candidates(grams: Sequence[set[int]], permutations: int) -> Iterator[tuple[int, int]]:
    """Pairs (earlier, later) that share a band of their signatures, each once, in order."""
    if not grams:
        return
    rng = np.random.default_rng(0)
    a, b = (rng.integers(1, 1 << 31, permutations, dtype=np.uint64) for _ in range(2))
    signatures = np.stack(
        [((np.fromiter(gram, np.uint64)[:, None] * a + b) % np.uint64(PRIME)).min(axis=0) for gram in grams]
    )
    width = max(1, permutations // BANDS)
    pairs: set[tuple[int, int]] = set()
    for start in range(0, width * (permutations // width), width):
        first: dict[bytes, int] = {}
        for row, signature in enumerate(signatures[:, start : start + width]):
            earlier = first.setdefault(signature.tobytes(), row)
            if earlier != row:
                pairs.add((earlier, row))
    yield from sorted(pairs)
