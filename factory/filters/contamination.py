"""Drops rows that the exam, or another evaluation set, has seen: a family of it, too much of one of its texts, or a mark.

In a text case and punctuation do not count, and a paraphrase or the same row under other names is not seen. Marks see
those: what a specialist says that a row's state is, and the tree of a query that a row says or answers. A row without
state and query has no mark. That is why families, not rows, are held out (docs/decisions/filters.md has the figures).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from factory.config import Contamination
from factory.filters import Say
from factory.queries import normal
from factory.records import Example, Verdict
from factory.text import words

SET = "evaluation set"
"""How the family of a row begins that is of another set than the exam."""
FEW = 2
"""Rows that may share an n-gram in the smallest of sets: a row and its copy are no mould."""
Marked = Callable[[Example], Mapping[str, str]]


def unmarked(example: Example) -> Mapping[str, str]:
    """The marks of a row whose specialist has none."""
    return {}


def check(
    examples: Sequence[Example],
    settings: Contamination,
    exam: Sequence[Example],
    say: Say,
    marked: Marked = unmarked,
) -> dict[str, Verdict]:
    """Rows of an exam family, rows that share `threshold` of their n-grams with one exam row, rows of an exam row's mark."""
    families = {row.family for row in exam}
    mould, grams = moulds(exam, settings), [ngrams(row, settings.ngram) for row in exam]
    sizes = [max(len(own - mould), settings.least) for own in grams]
    holders: dict[str, list[int]] = {}
    for number, own in enumerate(grams):
        for gram in own - mould:
            holders.setdefault(gram, []).append(number)
    asked = {mark: row for row in exam for mark in marks(row, marked)} if settings.marks else {}
    dropped = {}
    for example in examples:
        if example.family in families:
            dropped[example.id] = Verdict.drop("family of the exam")
            continue
        share, number = overlap(ngrams(example, settings.ngram) - mould, holders, sizes)
        if share >= settings.threshold:
            dropped[example.id] = Verdict.drop(f"text of the {source(exam[number])}", round(share, 4))
        elif shared := next((mark for mark in marks(example, marked) if mark in asked), None) if asked else None:
            dropped[example.id] = Verdict.drop(f"{shared[0]} of the {source(asked[shared])}")
    return dropped


def moulds(exam: Sequence[Example], settings: Contamination) -> set[str]:
    """The n-grams that many rows of one set have, such as the question that every prompt ends with: they tell no row."""
    rows = Counter(map(source, exam))
    held = Counter((source(row), gram) for row in exam for gram in ngrams(row, settings.ngram))
    return {gram for (of, gram), number in held.items() if number > max(FEW, settings.mould * rows[of])}


def source(row: Example) -> str:
    """What the row is of: the exam, or the set by its name."""
    return row.family if row.family.startswith(SET) else "exam"


def marks(example: Example, marked: Marked) -> Iterator[tuple[str, str]]:
    """The marks of a row: those of its state, and the tree of every query that it says or answers."""
    yield from marked(example).items()
    for text in (example.answer, *(message["content"] for message in example.messages)):
        if query := normal(text):
            yield "query", query


def ngrams(example: Example, size: int) -> set[str]:
    """The word n-grams of prompt and answer; a shorter text is one gram."""
    said = words(f"{example.prompt}\n{example.answer}")
    return {" ".join(said[i : i + size]) for i in range(max(1, len(said) - size + 1))}


def overlap(grams: set[str], holders: dict[str, list[int]], sizes: Sequence[int]) -> tuple[float, int]:
    """The largest share of these grams, or of an exam row's size if that is less, that one exam row has too; and which."""
    counts = Counter(row for gram in grams for row in holders.get(gram, ()))
    shares = ((both / min(len(grams), sizes[row]), -row) for row, both in counts.items())
    share, row = max(shares, default=(0.0, 1))
    return share, -row
