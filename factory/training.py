"""What can be asked of a training: the classes of the groups `train` and `pretrain`, one documented field per key."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from factory.group import Fraction, Group, OpenFraction, Text

Names = Annotated[tuple[Text, ...], Field(strict=False)]


class Schedule(Group):
    """How the learning rate moves over the steps."""

    kind: Literal["cosine_with_min_lr", "cosine", "linear", "constant_with_warmup"]  #: transformers' name
    warmup: Annotated[float, Field(ge=0, lt=1)]  #: share of the steps spent climbing to the peak
    floor: Fraction  #: learning rate at the end, as a share of the peak

    @model_validator(mode="after")
    def _floor_is_used(self) -> Schedule:
        if self.floor and self.kind != "cosine_with_min_lr":
            raise ValueError(f"kind={self.kind} has no floor: set floor=0, or kind=cosine_with_min_lr")
        return self


class Lora(Group):
    """The adapter's shape (LoRA, Hu et al. 2021)."""

    rank: PositiveInt  #: inner width of the two factors
    alpha: PositiveFloat  #: scale; the update counts alpha / rank (rslora: alpha / sqrt(rank))
    dropout: Annotated[float, Field(ge=0, lt=1)]  #: on the adapter's input while training
    targets: Literal["all-linear"] | Annotated[Names, Field(min_length=1)]  #: layers
    experts: Names  #: parameters that hold the weights of all experts of a layer, adapted too; empty: none
    gate: bool  #: also the routers that choose the experts
    rslora: bool  #: rank-stabilised scale (Kalajdzievski 2023)
    dora: bool  #: direction and size apart (Liu et al. 2024); few servers take it
    bias: Literal["none"]  #: biases are never trained: the base stays as it is

    @model_validator(mode="after")
    def _experts_take_no_dropout(self) -> Lora:
        if (self.experts or self.gate) and (self.dropout or self.dora):
            raise ValueError("experts and routers take neither dropout nor dora: set dropout=0 and dora=false")
        return self


class Prefer(Group):
    """A second training, by pairs of a right and a wrong answer (DPO, Rafailov et al. 2023)."""

    loss: Literal["sigmoid", "ipo", "hinge", "robust", "apo_zero", "sigmoid_norm"]  #: TRL's name
    beta: PositiveFloat  #: how dearly it is paid to leave the first training's answers
    sft_weight: NonNegativeFloat  #: of the loss of the right answers themselves (Pang et al. 2024)
    learning_rate: PositiveFloat  #: peak
    steps: PositiveInt  #: optimizer steps
    rows: PositiveInt  #: training rows whose prompts are answered, at most
    samples: PositiveInt  #: answers to each
    temperature: PositiveFloat  #: of sampling
    max_new_tokens: PositiveInt  #: per answer; one that is cut off is wrong
    batch_size: PositiveInt  #: answers sampled at once


class Curriculum(Group):
    """Easy rows first (Bengio et al. 2009): as many phases as there are levels, each with one more of them."""

    tag: Text  #: the tag of a row that says its level
    levels: Annotated[Names, Field(min_length=2)]  #: in the order they join
    mixed: Fraction  #: share of the rows of later levels that is there from the start


class Replay(Group):
    """Other conversations among the rows, against forgetting."""

    file: Text  #: conversations as JSON lines, as `factory export` writes them
    share: OpenFraction  #: of the rows of a training


class Choose(Group):
    """Which checkpoint becomes the adapter."""

    by: Literal["last", "loss", "score"]  #: the last step, or the best on the development rows
    rows: PositiveInt  #: score: development rows that are answered, at most
    max_new_tokens: PositiveInt  #: score: tokens per answer, at most
    batch_size: PositiveInt  #: score: prompts answered at once


class Train(Group):
    """How an adapter is trained."""

    method: Literal["qlora", "lora", "full"]  #: the base as quantised, the plain base, or every weight of it
    start: Text | PositiveInt | None  #: alias or number of a registered version to go on from; null: a new adapter
    prefer: Prefer | None  #: a second training by preference; null: none
    curriculum: Curriculum | None  #: null: all rows from the start
    replay: Replay | None  #: null: nothing but the rows
    choose: Choose  #: which checkpoint becomes the adapter
    optimizer: Text  #: transformers' name, e.g. adamw_torch, paged_adamw_8bit
    learning_rate: PositiveFloat  #: peak
    schedule: Schedule  #: warm-up, decay, floor
    steps: PositiveInt  #: optimizer steps
    batch_size: PositiveInt  #: rows per forward pass
    gradient_accumulation: PositiveInt  #: forward passes per optimizer step
    weight_decay: NonNegativeFloat  #: on the adapter's weights
    max_grad_norm: PositiveFloat  #: gradients are clipped to this norm
    loss_rise: PositiveFloat  #: nats per token above the first logged loss from which a training is given up
    gradient_checkpointing: bool  #: less memory for about a third more time
    group_by_length: bool  #: rows of like length share a batch
    packing: bool  #: the rows of a batch end to end in one sequence, none seeing another: no padding
    head: Literal["sliced", "chunked"]  #: logits from the first trained position on, or in chunks of the vocabulary
    precision: Literal["float32", "bfloat16"]  #: of the forward and backward pass
    compile: bool  #: torch.compile
    liger: bool  #: fused norms, rotary embedding and feed-forward of liger-kernel, on a GPU
    router_balance: NonNegativeFloat  #: weight of the loss that keeps routed experts busy; 0: none
    checkpoint_every: PositiveInt  #: steps
    log_every: PositiveInt  #: steps
    lora: Lora  #: the adapter's shape

    @model_validator(mode="after")
    def _parts_agree(self) -> Train:
        if self.method == "full" and (self.start or self.prefer):
            raise ValueError("method=full goes on from no version and prefers nothing: set start=null and prefer=null")
        if self.prefer and self.choose.by == "loss":
            raise ValueError("the loss of a preference says little of its answers: take choose.by=last or score")
        return self

    @property
    def rows_per_step(self) -> int:
        """Rows behind one optimizer step."""
        return self.batch_size * self.gradient_accumulation


class NetworkShape(Group):
    """The shape of an embedded base."""

    hidden_size: PositiveInt  #: width
    layers: PositiveInt  #: blocks
    heads: PositiveInt  #: attention heads per block
    intermediate_size: PositiveInt  #: width of the feed-forward block
    max_positions: PositiveInt  #: tokens
    rope_theta: PositiveFloat  #: base of the rotary embedding: the larger, the farther a token is known again

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> NetworkShape:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size={self.hidden_size} is not a multiple of heads={self.heads}")
        return self


class PretrainSchedule(Group):
    """Warm up, hold, decay to zero."""

    warmup: NonNegativeInt  #: steps
    decay: Fraction  #: share of the steps, at the end
    growth: NonNegativeInt  #: steps over which the contexts grow to their full size


class Pretrain(Group):
    """How an embedded base is made."""

    out: Text  #: folder that is written
    seed: NonNegativeInt  #: of the weights and the corpus
    vocabulary: Annotated[int, Field(gt=256)]  #: tokens, the 256 bytes among them
    tokenizer_rows: PositiveInt  #: conversations that the tokenizer is trained on
    architecture: NetworkShape  #: the network's shape
    induction: bool  #: heads of the first two layers set to copy before training
    steps: NonNegativeInt  #: optimizer steps; 0: random weights
    conversations: PositiveInt  #: per step, shared among the processes
    micro_batch: PositiveInt  #: conversations per forward pass
    max_length: PositiveInt  #: tokens per sequence
    learning_rate: PositiveFloat  #: peak, of the matrices (Muon)
    embedding_rate: PositiveFloat  #: peak, of embeddings and norms (AdamW)
    schedule: PretrainSchedule  #: warm-up, decay and growth
    weight_decay: NonNegativeFloat  #: on matrices
    checkpoint_every: PositiveInt  #: steps
    log_every: PositiveInt  #: steps
    snapshots: Annotated[tuple[PositiveInt, ...], Field(strict=False)]  #: steps whose weights are kept
    held_out: PositiveInt  #: conversations of a stream of their own that the loss is measured on
    mix: dict[str, PositiveFloat]  #: lesson -> weight in the corpus

    @model_validator(mode="after")
    def _rows_fit(self) -> Pretrain:
        if self.max_length > self.architecture.max_positions:
            raise ValueError(f"max_length={self.max_length} is above architecture.max_positions")
        return self
