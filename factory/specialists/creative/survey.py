"""What only a whole set of texts can tell: distinctness, repetition, copying, how they begin, and well-worn phrases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from factory.specialists.creative import lexicon
from factory.specialists.creative.lexicon import WORD
from factory.specialists.creative.state import State

Gram = tuple[str, ...]


def survey(states: Sequence[State], answers: Sequence[str], training_answers: Sequence[str]) -> dict[str, float]:
    """Figures from 0 to 1 over a set of answers, the names of their characters masked.

    `distinct-n`: different n-grams among all. `repeated inside`: 4-grams that an answer says again. `shared between`:
    4-grams that another answer has too. `copied`: 6-grams that stand in training answers; `copied whole`: answers equal
    to one. `same opening`: the share of the most frequent first three words. `cliches`: answers with a well-worn phrase.
    """
    texts = [masked(state, answer) for state, answer in zip(states, answers, strict=True)]
    known = {gram for answer in training_answers for gram in grams(words(answer), 6)}
    plain = [words(answer) for answer in answers]
    whole = {" ".join(words(answer)) for answer in training_answers}
    fours = [list(grams(text, 4)) for text in texts]
    holders = Counter(gram for text in fours for gram in set(text))
    sixes = [gram for text in plain for gram in grams(text, 6)]
    openings = Counter(tuple(text[:3]) for text in texts)
    worn = tuple(f" {' '.join(words(phrase))} " for phrase in lexicon.read("cliches"))
    return {
        **{f"distinct-{size}": distinct(texts, size) for size in (1, 2, 3)},
        "repeated inside": share(len(text) - len(set(text)) for text in fours) / max(1, sum(map(len, fours))),
        "shared between": share(holders[gram] > 1 for text in fours for gram in text) / max(1, sum(map(len, fours))),
        "copied": share(gram in known for gram in sixes) / max(1, len(sixes)),
        "copied whole": share(" ".join(text) in whole for text in plain) / max(1, len(plain)),
        "same opening": max(openings.values(), default=0) / max(1, len(texts)),
        "cliches": share(cliche(text, worn) for text in plain) / max(1, len(plain)),
    }


def share(counts: Iterable[int]) -> float:
    """A sum as a float, to be divided."""
    return float(sum(counts))


def words(text: str) -> list[str]:
    """The words of a text in lower case."""
    return [word.lower() for word in WORD.findall(text)]


def masked(state: State, answer: str) -> list[str]:
    """The words of an answer with the characters' names as one word."""
    people = {one.name for one in (state.hero, state.friend) if one}
    return ["name" if word in people else word.lower() for word in WORD.findall(answer)]


def grams(text: Sequence[str], size: int) -> Iterable[Gram]:
    """The n-grams of a list of words."""
    return zip(*(text[start:] for start in range(size)), strict=False)


def distinct(texts: Sequence[Sequence[str]], size: int) -> float:
    """Different n-grams among all n-grams of the texts."""
    found = [gram for text in texts for gram in grams(text, size)]
    return len(set(found)) / max(1, len(found))


def cliche(text: Sequence[str], worn: Sequence[str]) -> bool:
    """Whether a well-worn phrase is in the text."""
    spaced = f" {' '.join(text)} "
    return any(phrase in spaced for phrase in worn)
