"""What can be asked of an adapter: exam, comparison, suites, checkup; one frozen class per group, as in `groups`."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    WrapValidator,
    model_validator,
    with_config,
)
from typing_extensions import TypedDict

from factory.group import CLOSED, Group, OpenFraction, Server, Slug, Text, in_order_given

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Digits = Annotated[int, Field(ge=4, le=18)]


class Evaluate(Group):
    """How base and adapter sit the exam."""

    rows: PositiveInt | None  #: exam rows answered; null: all
    batch_size: PositiveInt  #: prompts answered at once
    max_new_tokens: PositiveInt  #: tokens per answer, at most
    bootstrap: PositiveInt  #: resamples behind the interval
    confidence: OpenFraction  #: of the interval, e.g. 0.95
    samples: NonNegativeInt  #: answers shown side by side on the page


class Examples(Group):
    """The base with training rows before the question, as turns of the chat."""

    rows: PositiveInt  #: at most; the nearest ones that fit beside the question and its answer
    ngram: PositiveInt  #: near by the words and runs of up to this many words that two prompts share


class Nearest(Group):
    """The answer of the nearest training row, whatever was asked."""

    ngram: PositiveInt  #: near by the words and runs of up to this many words that two prompts share


class Other(Group):
    """The adapter of another specialist on this specialist's exam."""

    specialist: Name | None  #: its name; null: nobody is named


class RandomBase(Group):
    """The same training on a base of random weights; has no settings."""


class FullTuning(Group):
    """Every weight trained, on the same rows for as many steps: the ceiling."""

    learning_rate: PositiveFloat  #: peak; an adapter's own would be far too high


@with_config(CLOSED)
class ArmTable(TypedDict):
    """Every arm there is beside base and adapter, with its settings; a run names those it wants."""

    examples: NotRequired[Examples]  #: the base with examples in the prompt
    nearest: NotRequired[Nearest]  #: no model at all
    other: NotRequired[Other]  #: another specialist's adapter
    random: NotRequired[RandomBase]  #: a base that knows nothing
    full: NotRequired[FullTuning]  #: every weight trained


class Compare(Group):
    """What the adapter is set beside, on the same rows of the exam."""

    arms: Annotated[ArmTable, WrapValidator(in_order_given)]  #: name -> settings, in the order they are shown


SuiteKind = Literal[
    "exam",
    "held_out",
    "spider",
    "defog",
    "mts_dialog",
    "aci_bench",
    "pubmedqa",
    "meqsum",
    "collie",
    "commongen",
    "ifeval",
    "choices",
    "own_text",
]


class Suite(Group):
    """A named set of questions beside the exam, how it is asked of a model, and how sure its figures are."""

    name: Slug  #: short name, as it is asked for
    kind: SuiteKind  #: module of `factory/suites` that reads and grades it
    folder: Text | None  #: of the evaluation sets; null: FACTORY_EVAL_DATA, else ../shared/data
    file: Text | None  #: its questions, below that folder
    asks: Text | None  #: what is asked, where a set could be asked several things
    by: Literal["gold", "database"] | None  #: SQL: the rows that are resampled together; null: as the kind has it
    rows: PositiveInt | None  #: asked; null: all
    prompt_tokens: PositiveInt | None  #: of a prompt, at most; null: what the base reads, less the answer
    overlong: Literal["leave", "shorten"]  #: a longer one: not asked, or told by its first turns; counted either way
    batch_size: PositiveInt  #: prompts at once
    max_new_tokens: PositiveInt  #: tokens per answer, at most
    samples: PositiveInt  #: answers per row
    temperature: NonNegativeFloat  #: of sampling; 0: greedy
    top_p: Annotated[float, Field(gt=0, le=1)]  #: of sampling
    pass_at: Annotated[tuple[PositiveInt, ...], Field(strict=False)]  #: each k of a pass@k over the samples
    stemmed: bool  #: ROUGE compares stems of words
    bootstrap: PositiveInt  #: resamples behind the interval
    confidence: OpenFraction  #: of the interval

    @model_validator(mode="after")
    def _samples_differ(self) -> Suite:
        if self.samples > 1 and not self.temperature:
            raise ValueError(
                f"samples={self.samples} are all the same at temperature=0: take one, or a higher temperature"
            )
        if max(self.pass_at, default=1) > self.samples:
            raise ValueError(f"pass_at={max(self.pass_at)} needs as many samples, and there are {self.samples}")
        return self


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
