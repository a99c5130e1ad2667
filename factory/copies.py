"""The longest run of words that a text copies from others, and does not have from what it was given to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from factory.text import words

STEP = np.uint64(0x9E3779B97F4A7C15)
"""Factor of the rolling hash over words: any large odd number."""


@dataclass(frozen=True)
class Copy:
    """The longest run that one text copies: its words, and the place of a source that has it. None: 0 words, place -1."""

    words: int
    text: str
    source: int


@dataclass(frozen=True)
class Windows:
    """The runs of words of some texts that are still looked at: where each starts, and the hash of its words so far."""

    codes: np.ndarray
    owners: np.ndarray
    starts: np.ndarray
    hashes: np.ndarray

    def longer(self, size: int) -> Windows:
        """The same runs with the word behind them, those that end there left out."""
        there = self.starts[self.starts + size <= len(self.codes)]
        grown = self.hashes[: len(there)] * STEP + self.codes[there + size - 1]
        return Windows(self.codes, self.owners, there, grown)

    def only(self, wanted: np.ndarray) -> Windows:
        """Some of the runs."""
        return Windows(self.codes, self.owners, self.starts[wanted], self.hashes[wanted])

    def own(self) -> np.ndarray:
        """The hashes, each mixed with its text: equal only for equal runs of one text."""
        return self.hashes ^ (self.owners[self.starts].astype(np.uint64) + np.uint64(1)) * STEP


def longest(texts: Sequence[str], given: Sequence[str], sources: Sequence[str]) -> list[Copy]:
    """For every text the longest run of its words that stands in a source, and not in what that text was given.

    Words are as in `text.words`: case and punctuation do not count. Runs are compared by 64-bit hashes, one length after
    another; a run goes on only where the shorter one stands in a source, so that few are left soon.
    """
    code = Codes()
    said, read = code.windows(texts), code.windows(given)
    seen = code.windows(sources)
    tokens, best = [words(text) for text in texts], [Copy(0, "", -1)] * len(texts)
    start = first(said)
    size = 0
    while len(said.starts):
        size += 1
        said, read, seen = said.longer(size), read.longer(size), seen.longer(size)
        said = said.only(np.isin(said.hashes, seen.hashes))
        seen = seen.only(np.isin(seen.hashes, said.hashes))
        read = read.only(np.isin(read.hashes, said.hashes))
        for place in np.flatnonzero(~np.isin(said.own(), read.own())):
            owner, at = int(said.owners[said.starts[place]]), int(said.starts[place])
            if size > best[owner].words:
                source = int(seen.owners[seen.starts[np.argmax(seen.hashes == said.hashes[place])]])
                run = " ".join(tokens[owner][at - start[owner] : at - start[owner] + size])
                best[owner] = Copy(size, run, source)
    return best


def first(windows: Windows) -> dict[int, int]:
    """Text -> where its first word stands."""
    owners, places = np.unique(windows.owners, return_index=True)
    return dict(zip(owners.tolist(), places.tolist(), strict=True))


class Codes:
    """A random number for every word; what ends a text has a number of its own, so that no run goes on beyond it."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.random = np.random.default_rng(0)

    def windows(self, texts: Iterable[str]) -> Windows:
        """All runs of no word yet, at the start of every word."""
        codes, owners = [], []
        for owner, text in enumerate(texts):
            said = [self.of(word) for word in words(text)]
            codes += [*said, self.new()]
            owners += [owner] * (len(said) + 1)
        starts = np.arange(len(codes))
        return Windows(np.array(codes, np.uint64), np.array(owners, np.int64), starts, np.zeros(len(codes), np.uint64))

    def of(self, word: str) -> int:
        """The number of a word."""
        if word not in self.known:
            self.known[word] = self.new()
        return self.known[word]

    def new(self) -> int:
        """A number that nothing has yet."""
        return int(self.random.integers(1 << 63, dtype=np.int64)) * 2 + 1
