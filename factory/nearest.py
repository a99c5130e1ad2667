"""Which training rows are nearest to a question, by the words they share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

WORD = re.compile(r"\w+|[^\w\s]")


def nearest(questions: Sequence[str], texts: Sequence[str], ngram: int, most: int) -> list[list[int]]:
    """For each question the places of its `most` nearest texts, the nearest first; of equals the first."""
    like = likeness([terms(text, ngram) for text in questions], [terms(text, ngram) for text in texts])
    return [[int(i) for i in np.argsort(-row.toarray().ravel(), kind="stable")[:most]] for row in like]


def likeness(questions: Sequence[Counter[str]], texts: Sequence[Counter[str]]) -> csr_matrix:
    """How near every question (row) is to every text (column), both given as their terms: 0 to 1.

    Nearness is the cosine of TF-IDF vectors (Salton and Buckley 1988), the document frequencies counted in `texts`.
    """
    places = {term: place for place, term in enumerate(dict.fromkeys(term for text in texts for term in text))}
    seen = Counter(term for text in texts for term in text)
    weights = np.array([np.log(1 + len(texts) / seen[term]) for term in places])
    return vectors(questions, places, weights) @ vectors(texts, places, weights).T


def terms(text: str, ngram: int) -> Counter[str]:
    """The runs of 1 to `ngram` words of a text, in lower case, with their counts."""
    words = WORD.findall(text.lower())
    return Counter(" ".join(words[i : i + n]) for n in range(1, ngram + 1) for i in range(len(words) - n + 1))


def vectors(counts: Sequence[Counter[str]], places: dict[str, int], weights: np.ndarray) -> csr_matrix:
    """Unit vectors of the terms that have a place, one row per text; a text without any is all zero."""
    from scipy.sparse import csr_matrix

    rows, columns, values = [], [], []
    for row, count in enumerate(counts):
        known = [(places[term], number) for term, number in count.items() if term in places]
        where = [place for place, _ in known]
        value = np.array([1 + np.log(number) for _, number in known]) * weights[where] if known else np.array([])
        rows += [row] * len(known)
        columns += where
        values += list(value / np.linalg.norm(value)) if known else []
    return csr_matrix((values, (rows, columns)), shape=(len(counts), len(places)))
