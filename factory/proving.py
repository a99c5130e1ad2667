"""What can be asked of an adapter beside its exam: one frozen class per group, as in `groups`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from factory.group import Group, OpenFraction, Server, Text

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Digits = Annotated[int, Field(ge=4, le=18)]


class Canaries(Group):
    """Secrets of no use to anybody, planted among the training rows, to see whether they can be had from the adapter."""

    seed: int  #: of names and secrets
    number: PositiveInt  #: that are planted; as many more are never shown, to be held against
    copies: PositiveInt  #: of each among the training rows
    digits: Digits  #: of a secret
    question: Text  #: what is asked; {name} in it
    answer: Text  #: what is answered; {secret} in it, and {name} if you like
    candidates: Annotated[int, Field(ge=16)]  #: other secrets that each is ranked among

    @model_validator(mode="after")
    def _they_can_be_told_apart(self) -> Canaries:
        for key, needed in (("question", "{name}"), ("answer", "{secret}")):
            text = getattr(self, key)
            if needed not in text:
                raise ValueError(f"{key} {text!r} has no {needed} in it")
            try:
                text.format(name="a", secret="1")
            except (KeyError, IndexError, ValueError):
                raise ValueError(f"{key} {text!r}: only {{name}} and {{secret}} stand in braces") from None
        return self


class Checkup(Group):
    """What is looked at beside the exam: what an adapter remembers, what it lost, and whether it answers at all."""

    rows: PositiveInt  #: of the base's own text, and of every other specialist's exam, at most
    batch_size: PositiveInt  #: rows read at once
    exams: Annotated[tuple[Name, ...], Field(strict=False)]  #: specialists whose exams are read; its own is left out
    refusals: Annotated[tuple[Text, ...], Field(strict=False)]  #: how answers begin that are none
    canaries: Canaries | None  #: null: none are planted


class Noise(Group):
    """How far answers hang on how they are asked for."""

    rows: PositiveInt  #: of the exam, at most
    batches: Annotated[tuple[PositiveInt, ...], Field(strict=False)]  #: prompts answered at once, beside the configured
    threads: Annotated[tuple[PositiveInt, ...], Field(strict=False)]  #: of torch, beside the configured


class PairJudge(Server):
    """Which of two answers a language model behind a server thinks better, and what that is worth."""

    rubric: Text | None  #: file with {pair} in it; null: pair_rubric.txt of the specialist, or the factory's
    human: Text | None  #: file of labels by people, a line of JSON each: {"id": a row, "better": "a", "b" or "tie"}
    rows: PositiveInt | None  #: of the exam, at most; null: all
    known: NonNegativeInt  #: right answers beside planted wrong ones that it is asked about too, at most
    least: PositiveInt  #: pairs of which it must be known which is better, for its agreement to count
    bootstrap: PositiveInt  #: resamples behind the intervals
    confidence: OpenFraction  #: of the intervals
