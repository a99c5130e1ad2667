"""ROUGE-Lsum (Lin 2004), without stemming: the longest common subsequences of an answer's lines with the gold's."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache


def rouge_l_sum(gold: str, answer: str) -> float:
    """The F1 of ROUGE-Lsum over lower-case letters and digits; a line is a sentence.

    For each line of the gold the union of its common subsequences with every line of the answer is counted, each word no
    more often than it stands in either text.
    """
    wanted, given = ([words(line) for line in text.splitlines()] for text in (gold, answer))
    left = [Counter(word for line in lines for word in line) for lines in (wanted, given)]
    sizes = [sum(counter.values()) for counter in left]
    hits = 0
    for line in wanted:
        for word in line if line in given else (line[place] for place in sorted(shared(line, given))):
            if left[0][word] > 0 and left[1][word] > 0:
                hits += 1
                left[0][word] -= 1
                left[1][word] -= 1
    return 2 * hits / sum(sizes) if sum(sizes) else 0.0


def shared(line: tuple[str, ...], given: list[tuple[str, ...]]) -> set[int]:
    """The places in a line that its common subsequences with any of the other lines cover."""
    return {place for other in given if not set(line).isdisjoint(other) for place in common_places(line, other)}


@lru_cache(maxsize=4096)
def words(line: str) -> tuple[str, ...]:
    """The words and numbers of a line."""
    return tuple(re.findall(r"[a-z0-9]+", line.lower()))


@lru_cache(maxsize=4096)
def common_places(line: tuple[str, ...], other: tuple[str, ...]) -> tuple[int, ...]:
    """The places in `line` of one longest common subsequence with `other`; wrong answers to one row share most lines."""
    lengths = [[0] * (len(other) + 1) for _ in range(len(line) + 1)]
    for i, word in enumerate(line, 1):
        for j, there in enumerate(other, 1):
            longest = max(lengths[i - 1][j], lengths[i][j - 1])
            lengths[i][j] = lengths[i - 1][j - 1] + 1 if word == there else longest
    places, i, j = [], len(line), len(other)
    while i and j:
        if line[i - 1] == other[j - 1]:
            i, j = i - 1, j - 1
            places.append(i)
        elif lengths[i][j - 1] > lengths[i - 1][j]:
            j -= 1
        else:
            i -= 1
    return tuple(places)
