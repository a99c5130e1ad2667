"""Drops rows that nearly repeat an earlier one.

MinHash (Broder 1997) over word 3-grams proposes pairs by bands of signatures (Leskovec, Rajaraman, Ullman 2014, ch. 3); the
exact Jaccard similarity decides, so that nothing is dropped by a hash's accident. All of it on flat arrays: no row's grams
are ever a Python object.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import blake2b

import numpy as np

from factory.config import NearDuplicate
from factory.filters import Say
from factory.records import Example, Verdict

MISSED = 0.001
"""Most of the pairs at the threshold that the bands may miss, by their own arithmetic."""
SURE = 4.0
"""Standard errors below the threshold at which a signature's estimate is believed without counting."""
BUFFER = 1 << 21
"""Bytes of text hashed at once."""
PAIRS = 1 << 14
"""Pairs counted at once."""
LARGE = 1 << 10
"""Rows of one band that are paired one row after another, not all at once."""
MOST = 20
"""Pairs that bands may propose, per row."""
PAD = 16
"""Rows are grouped by their number of grams, rounded up to a multiple of this."""
LETTER, SIGN = (
    np.isin(np.arange(256), [*map(ord, "abcdefghijklmnopqrstuvwxyz0123456789_"), *range(128, 256)]),
    np.isin(np.arange(256), [*map(ord, "<>=!")]),
)
"""Bytes that words are made of, and bytes that are a word each: between two numbers they are all the difference."""


def check(
    examples: Sequence[Example], settings: NearDuplicate, exam: Sequence[Example], say: Say
) -> dict[str, Verdict]:
    """The later row of every pair whose similarity reaches the threshold, with that similarity."""
    if not examples:
        return {}
    grams, starts = shingles(f"{example.prompt}\n{example.answer}" for example in examples)
    first = firsts(grams, starts)
    own = np.flatnonzero(first == np.arange(len(first)))
    sizes = np.diff(starts)
    grams = grams[np.repeat(first == np.arange(len(first)), sizes)]
    pairs = similar(
        grams,
        np.concatenate([[0], np.cumsum(sizes[own])]),
        settings.threshold,
        settings.permutations,
        say,
    )
    found = np.concatenate([np.empty((0, 3)), *pairs])
    gone: dict[int, float] = {}
    for later, earlier, similarity in found[np.lexsort((found[:, 1], found[:, 0]))].tolist():
        if own[int(later)] not in gone and own[int(earlier)] not in gone:
            gone[own[int(later)]] = similarity
    gone |= {row: gone.get(one, 1.0) for row, one in enumerate(first) if row != one}
    return {examples[row].id: Verdict.drop("nearly said before", round(gone[row], 4)) for row in sorted(gone)}


def clusters(texts: Sequence[str], threshold: float, say: Say, permutations: int = 128) -> list[int]:
    """For every text the first of its cluster: texts are one where a chain of pairs reaches the threshold."""
    if not texts:
        return []
    grams, starts = shingles(texts)
    head = firsts(grams, starts).tolist()

    def find(row: int) -> int:
        while head[row] != row:
            head[row] = row = head[head[row]]
        return row

    for pairs in similar(grams, starts, threshold, permutations, say):
        for one, two in pairs[:, :2].astype(int).tolist():
            low, high = sorted((find(one), find(two)))
            head[high] = low
    return [find(row) for row in range(len(texts))]


def firsts(grams: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """For every row the first one that has the same grams: copies need no pairing."""
    seen: dict[bytes, int] = {}
    found = [
        seen.setdefault(blake2b(grams[one:two].tobytes(), digest_size=16).digest(), row)
        for row, (one, two) in enumerate(itertools.pairwise(starts))
    ]
    return np.array(found)


def shingles(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """The different word 3-grams of every text as 32-bit hashes, sorted, all in one array, and where each text begins."""
    parts, sizes = zip(*map(hashed, batches(texts)), strict=True)
    return np.concatenate(parts), np.concatenate([[0], np.cumsum(np.concatenate(sizes))])


def batches(texts: Iterable[str]) -> Iterator[list[bytes]]:
    """The texts, folded, some BUFFER of bytes at a time."""
    batch, held = [], 0
    for text in texts:
        batch.append(folded(text).encode())
        held += len(batch[-1])
        if held > BUFFER:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def folded(text: str) -> str:
    """NFKC and lower case; spaces stay as they are, because words are cut out anyway."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def hashed(batch: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """The 3-grams of some texts and how many each has; a shorter text is one gram, of its words as they are."""
    text = np.frombuffer(b"\n" + b"\n".join(batch) + b"\n", np.uint8)
    ends = np.cumsum([len(one) + 1 for one in batch])
    letters, signs = LETTER[text], SIGN[text]
    first = (letters & ~np.concatenate([[False], letters[:-1]])) | signs
    begin = np.flatnonzero(first)
    last = (letters & ~np.concatenate([letters[1:], [False]])) | signs
    end = np.flatnonzero(last) + 1
    words = spans(text, begin, end)
    row = np.searchsorted(ends, begin, side="left")
    rows, at = len(batch), np.searchsorted(row, np.arange(len(batch) + 1))
    grams = mixed(words[:-2], words[1:-1], words[2:]) if len(words) > 2 else np.empty(0, np.uint32)
    inside = row[:-2] == row[2:] if len(words) > 2 else np.empty(0, bool)
    owner, grams = row[:-2][inside] if len(words) > 2 else np.empty(0, np.int64), grams[inside]
    short = np.flatnonzero(np.diff(at) < 3)
    if len(short):
        own = [int(mixed(*short_words(words[at[i] : at[i + 1]]))[0]) for i in short]
        owner, grams = np.concatenate([owner, short]), np.concatenate([grams, np.array(own, np.uint32)])
    keys = owner.astype(np.uint64) << np.uint64(32) | grams
    keys.sort()
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
    return keys.astype(np.uint32), np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=rows)


def short_words(words: np.ndarray) -> list[np.ndarray]:
    """Three words of a text that has fewer."""
    return list(np.concatenate([words, np.zeros(3, np.uint64)])[:3, None])


def spans(text: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """A 64-bit polynomial hash of every span of bytes, by differences of prefix sums."""
    up, down = powers(1 << len(text).bit_length())
    sums = np.zeros(len(text) + 1, np.uint64)
    np.cumsum((text.astype(np.uint64) + np.uint64(1)) * up[: len(text)], out=sums[1:])
    return (sums[end] - sums[begin]) * down[begin]


@cache
def powers(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The powers of an odd number modulo 2^64, and those of its inverse."""
    odd = 0x9E3779B97F4A7C15
    up, down = (np.full(size, base, np.uint64) for base in (odd, pow(odd, -1, 1 << 64)))
    up[0] = down[0] = 1
    return np.cumprod(up, dtype=np.uint64), np.cumprod(down, dtype=np.uint64)


def mixed(one: np.ndarray, two: np.ndarray, three: np.ndarray) -> np.ndarray:
    """Three word hashes as one of 32 bits (the finaliser of splitmix64; Steele, Lea, Flood 2014)."""
    x = (
        one * np.uint64(0xBF58476D1CE4E5B9)
        + two * np.uint64(0x94D049BB133111EB)
        + three * np.uint64(0xD6E8FEB86659FD93)
    )
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x >> np.uint64(32)).astype(np.uint32)


def similar(
    grams: np.ndarray, starts: np.ndarray, threshold: float, permutations: int, say: Say
) -> Iterator[np.ndarray]:
    """Rows (later, earlier, similarity) of the pairs that reach the threshold."""
    signed = signatures(grams, starts, permutations)
    sizes = np.diff(starts)
    for pairs in candidates(signed, chosen(signed, threshold, say)):
        one, two = pairs[:, 0], pairs[:, 1]
        fits = np.minimum(sizes[one], sizes[two]) >= threshold * np.maximum(sizes[one], sizes[two]) - 1e-9
        one, two = one[fits], two[fits]
        estimate = (signed[one] == signed[two]).mean(axis=1)
        near = estimate >= threshold - SURE * np.sqrt(threshold * (1 - threshold) / permutations)
        one, two = one[near], two[near]
        shared = common(grams, starts, one, two)
        similarity = shared / (sizes[one] + sizes[two] - shared)
        right = similarity >= threshold
        yield np.stack([two[right], one[right], similarity[right]], axis=1)


def width(threshold: float, permutations: int) -> int:
    """The widest bands that still find all but MISSED of the pairs at the threshold: wider bands propose fewer others."""
    fitting = [w for w in range(1, permutations + 1) if (1 - threshold**w) ** (permutations // w) <= MISSED]
    return max(fitting, default=1)


def signatures(grams: np.ndarray, starts: np.ndarray, permutations: int) -> np.ndarray:
    """The MinHash signatures, (rows, permutations) of 32 bits: the least value of each permutation over a row's grams.

    Rows of like length are one block, padded with a gram of their own, so that the least is taken over whole columns.
    """
    rng = np.random.default_rng(0)
    a = rng.integers(1, 1 << 32, permutations, dtype=np.uint32) | np.uint32(1)
    b = rng.integers(0, 1 << 32, permutations, dtype=np.uint32)
    sizes = np.diff(starts)
    found = np.empty((len(sizes), permutations), np.uint32)
    padded = -(-sizes // PAD) * PAD
    for size in np.unique(padded):
        members = np.flatnonzero(padded == size)
        for rows in np.array_split(members, max(1, len(members) * int(size) // (1 << 18))):
            place = np.minimum(np.arange(size)[:, None], sizes[rows] - 1) + starts[rows]
            block = grams[place]
            for k in range(permutations):
                x = block * a[k] + b[k]
                found[rows, k] = (x ^ (x >> np.uint32(15))).min(axis=0)
    return found


def chosen(signed: np.ndarray, threshold: float, say: Say) -> int:
    """The width of the bands: `width`, or wider where texts of one mould would make more pairs than can be counted."""
    rows, permutations = signed.shape
    asked = width(threshold, permutations)
    for wide in range(asked, permutations + 1):
        pairs = sum(int((sizes * (sizes - 1) // 2).sum()) for _, _, sizes in map(alike, bands(signed, wide)))
        if pairs <= MOST * rows:
            break
    if wide > asked:
        found = 1 - (1 - threshold**wide) ** (permutations // wide)
        say(f"texts of one mould: bands of {wide}, of the pairs just at the threshold {found:.0%} are found")
    return wide


def bands(signed: np.ndarray, width: int) -> list[np.ndarray]:
    """The signatures cut into bands."""
    return [signed[:, at : at + width] for at in range(0, signed.shape[1] - width + 1, width)]


def alike(band: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows in the order of their bands, and where each group of equal ones begins and how large it is."""
    key = np.zeros(len(band), np.uint64)
    for column in band.T:
        key = (key ^ column) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    order = np.argsort(key, kind="stable")
    edges = np.flatnonzero(np.concatenate([[True], key[order][1:] != key[order][:-1], [True]]))
    return order, edges[:-1], np.diff(edges)


def candidates(signed: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """Pairs (earlier, later) that share a band and none before it, band by band in blocks."""
    cut = bands(signed, width)
    for number, band in enumerate(cut):
        for pairs in blocks(*alike(band)):
            for before in cut[:number]:
                pairs = pairs[~(before[pairs[:, 0]] == before[pairs[:, 1]]).all(axis=1)]
            yield from np.array_split(pairs, -(-len(pairs) // PAIRS)) if len(pairs) else ()


def blocks(order: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> Iterator[np.ndarray]:
    """All pairs inside each group of rows, the earlier first: groups of one size at once, a large one in parts."""
    for size in np.unique(sizes[sizes > 1]):
        groups = order[starts[sizes == size][:, None] + np.arange(size)]
        if size > LARGE:
            for group in groups:
                for at in range(1, size):
                    yield np.stack([group[:at], np.full(at, group[at])], axis=1)
            continue
        left, right = np.triu_indices(size, 1)
        step = max(1, (1 << 20) // len(left))
        for at in range(0, len(groups), step):
            part = groups[at : at + step]
            yield np.stack([part[:, left].ravel(), part[:, right].ravel()], axis=1)


def common(grams: np.ndarray, starts: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """How many grams each pair of rows shares."""
    keys = np.concatenate([tagged(grams, starts, rows) for rows in (one, two)])
    keys.sort()
    twice = keys[1:][keys[1:] == keys[:-1]]
    return np.bincount((twice >> np.uint64(32)).astype(np.int64), minlength=len(one))


def tagged(grams: np.ndarray, starts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The grams of the rows, each under its row's place in the list."""
    sizes = starts[rows + 1] - starts[rows]
    number = np.repeat(np.arange(len(rows)), sizes)
    place = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(starts[rows], sizes)
    return number.astype(np.uint64) << np.uint64(32) | grams[place]
