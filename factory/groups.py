"""What can be asked for: one frozen class per group of `conf/`, one documented field per key.

No field has a default: `conf/` is the one place where a value lives.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    WrapValidator,
    model_validator,
)

from factory.filtering import Contamination, FilterTable
from factory.group import (
    Address,
    Alias,
    ExperimentName,
    Fraction,
    Group,
    ModelName,
    OpenFraction,
    Slug,
    Text,
    in_order_given,
)
from factory.proving import Checkup, Compare, Evaluate, Noise, PairJudge, Suite
from factory.training import Pretrain, Train

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$"), AfterValidator(lambda text: str(date.fromisoformat(text)))]


class TokenizerFiles(Group):
    """Where the tokenizer and its chat template come from, and what they are told."""

    path: Text  #: a local folder or a hub id
    revision: Text | None  #: commit or tag; null: resolved and recorded at the first load
    variables: dict[Name, bool | int | float | Text]  #: given to the chat template: name -> value
    date: Day | None  #: what a chat template that writes the date of today takes for today, YYYY-MM-DD
    stop: Text | None  #: the token that ends an answer; null: the tokenizer's own eos
    without_bos: bool  #: a chat has no BOS though plain text begins with it: the base was trained so


class Quantisation(Group):
    """How the frozen base is stored while adapters train on it (QLoRA, Dettmers et al. 2023)."""

    kind: Literal["nf4", "none"]  #: 4-bit normal float, or as it is
    double: bool  #: also quantise the quantisation constants (about 0.4 bit per weight less)
    compute_dtype: Literal["float32", "bfloat16"]  #: what weights are unpacked to for a matrix product
    unpacked: bool  #: training holds the 4-bit values as plain numbers: the same values, faster on a CPU


class Weights(Group):
    """Where the weights come from and how they are held in memory."""

    path: Text  #: a local folder or a hub id
    revision: Text | None  #: commit or tag; null: resolved and recorded at the first load
    dtype: Literal["float32", "bfloat16", "float16"]  #: of everything that is not quantised
    attention: Literal["eager", "sdpa", "flash_attention_2"]  #: implementation of attention
    quantisation: Quantisation  #: 4-bit or not
    random_seed: NonNegativeInt | None  #: null: as shipped; a number: random weights of the same shape, from this seed
    remote_code: Text | None  #: digest of the code that comes with the base and may run; null: none may

    def plain(self, dtype: str | None = None) -> Weights:
        """The same weights without quantisation, in another type where one is given."""
        quantisation = self.quantisation.model_copy(update={"kind": "none", "double": False, "unpacked": False})
        return self.model_copy(update={"quantisation": quantisation, "dtype": dtype or self.dtype})


class Base(Group):
    """The shared small model that every adapter sits on."""

    name: Slug  #: short name, part of the registered model's name
    licence: Text  #: SPDX identifier, or LicenseRef-... where SPDX has none
    parameters: PositiveInt | None  #: count, tied embeddings once; null: unknown before it is loaded
    architecture: Literal["dense", "moe"]  #: one feed-forward block per layer, or routed experts
    description: Text  #: one line for people
    general: Text | None  #: file of conversations of its own, to see what an adapter loses of them; null: none
    tokenizer: TokenizerFiles  #: read by tokenize; the weights are not
    weights: Weights  #: read by train and evaluate


Recipe = Literal["paraphrase", "back_translation", "best_of_n", "preferences", "questions", "grid"]


class Teacher(Group):
    """Who writes the examples."""

    kind: Literal["grammar", "endpoint", "local"]  #: the specialist's own grammar, a server, or a model loaded here
    recipe: Recipe | None  #: what a teacher is asked for
    samples: PositiveInt  #: answers to one prompt, where a recipe asks for several
    specialist: Slug | None  #: local: whose registered version speaks; null: the base alone
    url: Text | None  #: of an OpenAI-compatible server, up to /v1
    model: Text | None  #: its name there, and in the price table
    key_env: Text | None  #: environment variable that holds the key; null: none is sent
    temperature: NonNegativeFloat  #: of sampling; each row has its own seed
    top_p: Annotated[float, Field(gt=0, le=1)]  #: of sampling
    max_tokens: PositiveInt  #: per answer; one that is cut off is a failure

    @model_validator(mode="after")
    def _is_whole(self) -> Teacher:
        if self.kind == "endpoint" and not (self.url and self.model):
            raise ValueError("kind=endpoint needs url and model")
        if (self.kind == "grammar") != (self.recipe is None):
            raise ValueError(f"kind={self.kind} {'has no' if self.recipe else 'needs a'} recipe")
        return self


class Price(Group):
    """What a model costs."""

    input: NonNegativeFloat  #: per million tokens
    output: NonNegativeFloat  #: per million tokens


class Calls(Group):
    """How a teacher's server is called."""

    at_once: PositiveInt  #: calls out at once, at most; fewer where the server says it is too fast
    requests_per_minute: PositiveInt | None  #: null: as many as come
    tokens_per_minute: PositiveInt | None  #: null: as many as come
    tries: PositiveInt  #: per question, where the server failed
    backoff: NonNegativeFloat  #: seconds before the second try, at most; doubled with every further one
    timeout: PositiveFloat  #: seconds
    failures_in_a_row: PositiveInt  #: after so many nobody is asked any more
    budget: NonNegativeFloat | None  #: money one run may spend on a teacher, and on a judge; null: no limit
    prices: dict[str, Price]  #: model -> its price


class GenericScore(Group):
    """How an answer is held against the given one, where no specialist's own verifier knows better."""

    kind: Literal["exact", "label", "rouge", "json", "regex"]  #: what counts
    pattern: Text | None  #: regex: what its first group (or all of it) finds last in both must be the same

    @model_validator(mode="after")
    def _pattern_is_one(self) -> GenericScore:
        if (self.kind == "regex") != bool(self.pattern):
            raise ValueError(f"kind={self.kind} {'needs a' if self.kind == 'regex' else 'has no'} pattern")
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(f"pattern {self.pattern}: {error}") from None
        return self


class Source(Group):
    """Where examples come from: drawn by the specialist, rows that somebody has, or what a teacher makes rows from."""

    kind: Literal["drawn", "file", "hub", "documents", "grid"]  #: what the examples are made from
    dataset: Text | None  #: hub: its id
    revision: Text | None  #: hub: commit or tag
    train: Text | None  #: file, documents, grid: path; hub: name of the split
    exam: Text | None  #: the same of the rows to be proven on
    prompt: Text | None  #: template of the prompt, columns in braces; null: as the rows' own shape has it
    answer: Text | None  #: the same of the answer
    family: Text | None  #: column that never straddles a split; null: clusters of near-duplicate prompts
    similar: OpenFraction  #: share of runs of three words from which two prompts are one cluster
    malformed: Literal["stop", "drop"]  #: end at the first row that cannot be read, or leave it out on record
    max_line: PositiveInt  #: bytes; a longer line is malformed
    ask: Text | None  #: documents, grid: the question for the teacher; {passage}, {sentence}, or attributes, in braces
    passage: PositiveInt  #: documents: words of a passage, at most, unless one paragraph is longer
    labels: dict[str, Text]  #: answer that is a code -> the words trained and scored for it; empty: answers as they are
    score: GenericScore  #: how answers are held against the given ones

    @model_validator(mode="after")
    def _rows_are_named(self) -> Source:
        if (self.kind != "drawn" and not self.train) or (self.kind == "hub" and not (self.dataset and self.revision)):
            raise ValueError(f"kind={self.kind} needs train{', dataset and revision' * (self.kind == 'hub')}")
        if (self.kind in ("documents", "grid")) != bool(self.ask):
            raise ValueError(f"kind={self.kind} {'has no' if self.ask else 'needs'} ask")
        return self

    @model_validator(mode="after")
    def _templates_are_two(self) -> Source:
        if bool(self.prompt) != bool(self.answer):
            raise ValueError(f"{'answer' if self.prompt else 'prompt'} is missing: write both templates, or none")
        return self


class Generate(Group):
    """How many examples are made."""

    rows: PositiveInt | None  #: accepted examples asked for; null: all that a file has
    candidates_per_row: Annotated[float, Field(ge=1)]  #: budget: at most rows x this many candidates
    shard: PositiveInt  #: candidates per unit of work


class Tokenize(Group):
    """How examples become token arrays."""

    max_length: PositiveInt  #: tokens per row, prompt and answer
    overlong: Literal["refuse", "drop"]  #: stop at a row that is longer, or leave it out on record


class Gate(Group):
    """What a version must show to become champion."""

    min_rows: PositiveInt  #: exam rows behind the report, at least
    min_families: Annotated[int, Field(ge=2)]  #: families of them, at least
    margin: Annotated[float, Field(ge=0, lt=1)]  #: the interval of adapter - base must lie above this
    champion_margin: Annotated[float, Field(ge=0, lt=1)]  #: may be worse than the champion by this much
    tries: PositiveInt | None  #: models chosen among; null: checkpoints, and versions before on this exam
    power: OpenFraction  #: chance of seeing a difference, where an exam's size is spoken of
    spread: PositiveFloat  #: assumed before an exam is sat: standard deviation of a row's difference
    correlation: Fraction  #: assumed before an exam is sat: of two rows of one family
    alive: NonNegativeFloat  #: the adapter must change a logit by more than this
    contamination: Contamination  #: what of the exam training rows may not share; its budget is none
    refused: Fraction  #: share of the answers that may begin as refusals do, beyond that of the right ones
    same: Fraction  #: share of the answers that may be one text, beyond that of the right ones
    copied: NonNegativeInt | None  #: words copied from a training row, beyond what right answers share; null: any
    exposure: PositiveFloat | None  #: bits, of planted canaries on the average, at most; null: canaries do not count
    general: PositiveFloat | None  #: nats per token that may be lost on the base's own text; null: any
    interference: PositiveFloat | None  #: the same on every other specialist's exam; null: any
    mib: PositiveFloat | None  #: of the adapter, at most; null: any
    tokens_per_answer: PositiveFloat | None  #: on the average, at most; null: any
    seconds_per_answer: PositiveFloat | None  #: in a batch of the exam, on the average, at most; null: any
    cost_per_1000: PositiveFloat | None  #: money for 1,000 answers by runtime.price_per_hour, at most; null: any


Web = Annotated[Address, Field(pattern=r"^https?://")]


class Ui(Group):
    """The registry's pages in a browser: where they are served, and how much they show."""

    host: Text  #: address that is listened on; 127.0.0.1 lets in this machine alone
    port: Annotated[int, Field(ge=0, le=65535)]  #: 0: any that is free
    mlflow: Web | None  #: MLflow's own pages, which runs and versions link to
    samples: NonNegativeInt  #: answers on the page of a version
    rows: PositiveInt  #: rows of one kind on the page of a comparison


class Registry(Group):
    """Where versions are registered."""

    tracking_uri: Address  #: MLflow's store
    artifact_location: Text | None  #: folder or URI of the files of a run; null: what the server has
    index: Text  #: file that tables and pages read: rebuilt from MLflow
    model: ModelName  #: name of the registered model
    experiment: ExperimentName  #: name of the MLflow experiment
    alias: Alias  #: the alias that the gate guards
    gate: Gate  #: what the alias costs
    ui: Ui  #: its pages in a browser


class Card(Group):
    """How much of the data its page looks at and shows."""

    rows: PositiveInt  #: on the page
    looked_at: PositiveInt  #: kept rows whose texts are measured
    cluster: OpenFraction  #: similarity that makes rows one cluster
    clusters: NonNegativeInt  #: that are shown
    samples: PositiveInt  #: of a cluster and of each reason


class Lineage(Group):
    """Where an answer comes from, and what nobody needs any more."""

    rows: PositiveInt  #: nearest training rows that are shown
    ngram: PositiveInt  #: near by the words and runs of up to this many words that two texts share
    answer: Fraction  #: weight of what an answer says beyond its prompt; the rest is the prompt's
    shown: PositiveInt  #: characters of a text, at most
    settled: NonNegativeInt  #: seconds after which a registration that left no version counts as interrupted


class Runtime(Group):
    """Where and on what a run runs: never part of a key."""

    runs: Text  #: folder that products are written to
    workers: PositiveInt  #: processes that generate and verify
    jobs: PositiveInt  #: products made at once, each by a process of its own; 1: one after another in this one
    threads: PositiveInt  #: of torch, per process
    device: Literal["auto", "cpu", "cuda"]  #: auto: cuda where there is one
    memory: PositiveInt | None  #: MiB that a training may hold in all; null: what is free
    release: PositiveInt | None  #: MiB from which a freed block goes back to the system at once; null: glibc decides
    price_per_hour: PositiveFloat | None  #: money an hour of the machine costs, in the user's currency; null: unknown
    offline: bool  #: never ask the hub
    calls: Calls  #: how a teacher's server is called


class Specialist(Group):
    """Which specialist, and what it is told; it types its own settings."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]  #: name of its folder
    settings: dict[str, Any]  #: the specialist's own


class Config(Group):
    """Everything that was asked for."""

    seed: NonNegativeInt  #: of every random stream
    base: Base
    source: Source
    teacher: Teacher
    generate: Generate
    filter: Annotated[FilterTable, WrapValidator(in_order_given)]  #: name -> settings; order matters
    tokenize: Tokenize
    train: Train
    evaluate: Evaluate
    compare: Compare
    suite: Suite
    checkup: Checkup
    noise: Noise
    judge: PairJudge
    registry: Registry
    card: Card
    lineage: Lineage
    pretrain: Pretrain
    runtime: Runtime
    specialist: Specialist
    _said: tuple[str, ...] = PrivateAttr(())  #: the overrides it was composed from; no part of what was asked

    @property
    def adapted(self) -> Weights:
        """The base that adapters of this configuration sit on: plain where the method trains on the plain base."""
        held = self.base.weights
        return {"qlora": held, "lora": held.plain(), "full": held.plain("float32")}[self.train.method]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self.dump() == other.dump()

    def dump(self) -> dict[str, Any]:
        """Plain data, JSON-able, in the order of the configuration (which counts for `filter`)."""
        return self.model_dump(mode="json")
