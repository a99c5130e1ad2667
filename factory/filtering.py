"""The configuration of the filters: one frozen class per filter, and the table that names those of a run."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field, PositiveFloat, PositiveInt, with_config
from typing_extensions import TypedDict

from factory.group import CLOSED, Fraction, Group, OpenFraction, Server, Slug, Text


class Check(Group):
    """What every filter has."""

    budget: Fraction  #: share of the rows it is given that it may drop; more stops the run


class Length(Check):
    """Drops what is too long to read."""

    max_characters: PositiveInt  #: prompt and answer together, characters


class BrokenText(Check):
    """Drops what no person wrote: wrong encodings, control characters, circles."""

    circles: PositiveInt  #: times in a row that one run of words may be said


class Language(Check):
    """Drops rows in another language."""

    languages: Annotated[list[Text], Field(min_length=1)]  #: ISO 639-1 codes of those that stay
    least: PositiveInt  #: words from which a text is judged
    sure: OpenFraction  #: probability of the other language from which a row is dropped


PrivateKind = Literal[
    "private key",
    "access token",
    "password",
    "mail address",
    "account number",
    "card number",
    "security number",
    "internet address",
    "date",
    "record number",
    "phone number",
    "street address",
    "person name",
]


class PrivateData(Check):
    """Drops rows that hold a secret, somebody's address or name, or replaces what they hold."""

    kinds: Annotated[tuple[PrivateKind, ...], Field(min_length=1, strict=False)]  #: what is looked for
    action: Literal["drop", "replace"]  #: replace: rows of a file or the hub are kept with surrogates in them
    seed: int  #: of the surrogates


class ExactDuplicate(Check):
    """Drops the second of two equal rows."""


class Balance(Check):
    """Keeps one kind of row from crowding out the others."""

    cap: PositiveInt  #: rows kept per balance key of the specialist


class NearDuplicate(Check):
    """Drops rows that nearly repeat an earlier one (MinHash, Broder 1997)."""

    threshold: OpenFraction  #: estimated Jaccard similarity from which a row is dropped
    permutations: Annotated[int, Field(ge=16)]  #: hashes per row; the error is about 1 / sqrt(this)


class Contamination(Check):
    """Drops rows that overlap with the exam, or are one of its rows in other words."""

    marks: bool  #: also by what a row is beyond its words: the specialist's marks of its state, the tree of a query
    ngram: PositiveInt  #: words per n-gram
    threshold: OpenFraction  #: share of n-grams in common with one exam row, of the shorter of both, from which a row is dropped
    mould: OpenFraction  #: share of a set's rows from which an n-gram is what its prompts all say, and does not count
    least: PositiveInt  #: n-grams that an exam row counts as at least, so that a stock phrase is no large share of a short one
    sets: dict[Slug, Text]  #: evaluation sets that count like the exam: name -> file (.jsonl, .csv, .parquet, ...)


class Difficulty(Check):
    """Drops rows whose prompt does not help the base to their answer (IFD, Li et al. 2023), or helps it too much."""

    above: PositiveFloat  #: ppl(answer | prompt) / ppl(answer) from which a row is dropped; 1: the prompt is no help
    below: PositiveFloat | None  #: below this the answer is trivial to the base, and the row is dropped; null: none is
    max_length: PositiveInt  #: tokens, prompt and answer; a longer row is not scored: kept, and named on record
    batch_size: PositiveInt  #: rows scored at once


class Judge(Server, Check):
    """Drops rows that a language model behind an OpenAI-compatible server grades low."""

    url: Text  #: of the server, up to /v1; it must be named
    model: Text  #: its name there, and in the price table; it must be named
    rubric: Text | None  #: file with the prompt, {rows} in it; null: rubric.txt of the specialist, or the factory's
    least: Annotated[int, Field(ge=1, le=5)]  #: grade from which a row stays, of 1 to 5
    batch: PositiveInt  #: rows in one question; 1: no row can speak for another
    ungraded: Literal["keep", "stop"]  #: a row that gets no grade stays, on record, or ends the run


class Split(Group):
    """Sets whole families aside to watch training with."""

    dev_share: OpenFraction  #: share of the kept rows


@with_config(CLOSED)
class FilterTable(TypedDict):
    """Every filter there is, with its settings; a run names those it wants. Only the split is a must."""

    length: NotRequired[Length]
    broken_text: NotRequired[BrokenText]
    language: NotRequired[Language]
    private_data: NotRequired[PrivateData]
    exact_duplicate: NotRequired[ExactDuplicate]
    balance: NotRequired[Balance]
    near_duplicate: NotRequired[NearDuplicate]
    contamination: NotRequired[Contamination]
    difficulty: NotRequired[Difficulty]
    judge: NotRequired[Judge]
    split: Split
