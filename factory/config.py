"""What was asked for: composed by Hydra, typed here, and frozen.

One class per group of `conf/`, one field per key. No field has a default: `conf/` is the one place where a
value lives. Everything that is wrong becomes one line, a `ConfigMistake`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    WrapValidator,
    model_validator,
)
from typing_extensions import TypedDict, get_type_hints, is_typeddict

from factory.errors import ConfigMistake, closest

Text = Annotated[str, Field(min_length=1)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]  # part of folder and registry names
Fraction = Annotated[float, Field(ge=0, le=1)]
OpenFraction = Annotated[float, Field(gt=0, lt=1)]


class Group(BaseModel):
    """What all groups share: frozen, no unknown key, no quiet conversion (a "3" is not a 3)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class TokenizerFiles(Group):
    """Where the tokenizer and its chat template come from."""

    path: Text  #: a local folder or a hub id
    revision: Text | None  #: commit or tag; null: resolved and recorded at the first load


class Quantisation(Group):
    """How the frozen base is stored while adapters train on it (QLoRA, Dettmers et al. 2023)."""

    kind: Literal["nf4", "none"]  #: 4-bit normal float, or as it is
    double: bool  #: also quantise the quantisation constants (about 0.4 bit per weight less)
    compute_dtype: Literal["float32", "bfloat16"]  #: what weights are unpacked to for a matrix product


class Weights(Group):
    """Where the weights come from and how they are held in memory."""

    path: Text  #: a local folder or a hub id
    revision: Text | None  #: commit or tag; null: resolved and recorded at the first load
    dtype: Literal["float32", "bfloat16", "float16"]  #: of everything that is not quantised
    attention: Literal["eager", "sdpa", "flash_attention_2"]  #: implementation of attention
    quantisation: Quantisation  #: 4-bit or not


class Base(Group):
    """The shared small model that every adapter sits on."""

    name: Slug  #: short name, part of the registered model's name
    licence: Text  #: SPDX identifier, or LicenseRef-... where SPDX has none
    parameters: PositiveInt | None  #: count, tied embeddings once; null: unknown before it is loaded
    architecture: Literal["dense", "moe"]  #: one feed-forward block per layer, or routed experts
    description: Text  #: one line for people
    tokenizer: TokenizerFiles  #: read by tokenize; the weights are not
    weights: Weights  #: read by train and evaluate
    remote_code: Literal[False]  #: code that comes with a model is never run


class Teacher(Group):
    """Who writes the examples."""

    kind: Literal["grammar"]  #: the specialist's own grammar


class Generate(Group):
    """How many examples are drawn."""

    rows: PositiveInt  #: accepted examples asked for
    candidates_per_row: Annotated[float, Field(ge=1)]  #: budget: at most rows x this many candidates
    shard: PositiveInt  #: candidates per unit of work


class Length(Group):
    """Drops what is too long to read."""

    max_characters: PositiveInt  #: prompt and answer together, characters


class ExactDuplicate(Group):
    """Drops the second of two equal rows; has no settings."""


class Balance(Group):
    """Keeps one kind of row from crowding out the others."""

    cap: PositiveInt  #: rows kept per balance key of the specialist


class NearDuplicate(Group):
    """Drops rows that nearly repeat an earlier one (MinHash, Broder 1997)."""

    threshold: OpenFraction  #: estimated Jaccard similarity from which a row is dropped
    permutations: Annotated[int, Field(ge=16)]  #: hashes per row; the error is about 1 / sqrt(this)


class Contamination(Group):
    """Drops rows that overlap with the exam."""

    ngram: PositiveInt  #: words per n-gram
    threshold: OpenFraction  #: share of a row's n-grams found in one exam row from which it is dropped


class Split(Group):
    """Sets whole families aside to watch training with."""

    dev_share: OpenFraction  #: share of the kept rows


class FilterTable(TypedDict):
    """Every filter there is, with its settings; a run names those it wants. Only the split is a must."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    length: NotRequired[Length]
    exact_duplicate: NotRequired[ExactDuplicate]
    balance: NotRequired[Balance]
    near_duplicate: NotRequired[NearDuplicate]
    contamination: NotRequired[Contamination]
    split: Split


def _in_order_given(value: Any, check: Callable[[Any], FilterTable]) -> dict[str, Group]:
    """Typed dicts come back in the order of their class; filters run in the order they were written."""
    typed: Mapping[str, Any] = check(value)
    return {name: typed[name] for name in value}


class Tokenize(Group):
    """How examples become token arrays."""

    max_length: PositiveInt  #: tokens per row, prompt and answer
    overlong: Literal["refuse", "drop"]  #: stop at a row that is longer, or leave it out on record


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
    targets: Literal["all-linear"] | Annotated[tuple[Text, ...], Field(min_length=1, strict=False)]  #: layers
    rslora: bool  #: rank-stabilised scale (Kalajdzievski 2023)
    bias: Literal["none"]  #: biases are never trained: the base stays as it is


class Train(Group):
    """How an adapter is trained."""

    method: Literal["qlora"]  #: the only method so far
    optimizer: Text  #: transformers' name, e.g. adamw_torch
    learning_rate: PositiveFloat  #: peak
    schedule: Schedule  #: warm-up, decay, floor
    steps: PositiveInt  #: optimizer steps
    batch_size: PositiveInt  #: rows per forward pass
    gradient_accumulation: PositiveInt  #: forward passes per optimizer step
    weight_decay: NonNegativeFloat  #: on the adapter's weights
    max_grad_norm: PositiveFloat  #: gradients are clipped to this norm
    gradient_checkpointing: bool  #: less memory for about a third more time
    group_by_length: bool  #: rows of like length share a batch
    precision: Literal["float32", "bfloat16"]  #: of the forward and backward pass
    checkpoint_every: PositiveInt  #: steps
    log_every: PositiveInt  #: steps
    lora: Lora  #: the adapter's shape


class Evaluate(Group):
    """How base and adapter sit the exam."""

    rows: PositiveInt | None  #: exam rows answered; null: all
    batch_size: PositiveInt  #: prompts answered at once
    max_new_tokens: PositiveInt  #: tokens per answer, at most
    bootstrap: PositiveInt  #: resamples behind the interval
    confidence: OpenFraction  #: of the interval, e.g. 0.95
    samples: NonNegativeInt  #: answers shown side by side on the page


class Gate(Group):
    """What a version must show to become champion."""

    min_rows: PositiveInt  #: exam rows behind the report, at least
    margin: Annotated[float, Field(ge=0, lt=1)]  #: the interval of adapter - base must lie above this
    champion_margin: Annotated[float, Field(ge=0, lt=1)]  #: may be worse than the champion by this much


class Registry(Group):
    """Where versions are registered."""

    tracking_uri: Text  #: MLflow's store
    artifact_location: Text  #: folder or URI of the files of a run
    model: Text  #: name of the registered model
    experiment: Text  #: name of the MLflow experiment
    alias: Slug  #: the alias that the gate guards
    gate: Gate  #: what the alias costs


class NetworkShape(Group):
    """The shape of an embedded base."""

    hidden_size: PositiveInt  #: width
    layers: PositiveInt  #: blocks
    heads: PositiveInt  #: attention heads per block
    intermediate_size: PositiveInt  #: width of the feed-forward block
    max_positions: PositiveInt  #: tokens

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> NetworkShape:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size={self.hidden_size} is not a multiple of heads={self.heads}")
        return self


class PretrainSchedule(Group):
    """Warm up, hold, decay to zero."""

    warmup: NonNegativeInt  #: steps
    decay: Fraction  #: share of the steps, at the end


class Pretrain(Group):
    """How an embedded base is made."""

    out: Text  #: folder that is written
    seed: NonNegativeInt  #: of the weights and the corpus
    vocabulary: Annotated[int, Field(gt=256)]  #: tokens, the 256 bytes among them
    tokenizer_rows: PositiveInt  #: rows of the corpus that the tokenizer is trained on
    architecture: NetworkShape  #: the network's shape
    steps: NonNegativeInt  #: optimizer steps; 0: random weights
    tokens_per_step: PositiveInt  #: tokens
    max_length: PositiveInt  #: tokens per sequence
    learning_rate: PositiveFloat  #: peak
    schedule: PretrainSchedule  #: warm-up and decay
    weight_decay: NonNegativeFloat  #: on matrices
    checkpoint_every: PositiveInt  #: steps
    log_every: PositiveInt  #: steps
    mix: dict[str, PositiveFloat]  #: task -> weight in the corpus

    @model_validator(mode="after")
    def _rows_fit(self) -> Pretrain:
        if self.max_length > self.architecture.max_positions:
            raise ValueError(f"max_length={self.max_length} is above architecture.max_positions")
        return self


class Runtime(Group):
    """Where and on what a run runs: never part of a key."""

    runs: Text  #: folder that products are written to
    workers: PositiveInt  #: processes that generate and verify
    threads: PositiveInt  #: of torch, per process
    device: Literal["auto", "cpu", "cuda"]  #: auto: cuda where there is one
    offline: bool  #: never ask the hub


class Specialist(Group):
    """Which specialist, and what it is told; it types its own settings."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]  #: name of its folder
    settings: dict[str, Any]  #: the specialist's own


class Config(Group):
    """Everything that was asked for."""

    seed: NonNegativeInt  #: of every random stream
    base: Base
    teacher: Teacher
    generate: Generate
    filter: Annotated[FilterTable, WrapValidator(_in_order_given)]  #: name -> settings; order matters
    tokenize: Tokenize
    train: Train
    evaluate: Evaluate
    registry: Registry
    pretrain: Pretrain
    runtime: Runtime
    specialist: Specialist

    def dump(self) -> dict[str, Any]:
        """Plain data, JSON-able, in the order of the configuration (which counts for `filter`)."""
        return self.model_dump(mode="json")


def conf_dir() -> Path:
    """The factory's `conf/`: inside the package in a wheel, beside it in the repository."""
    return _shipped("conf")


def data_dir() -> Path:
    """The factory's `data/`: inside the package in a wheel, beside it in the repository."""
    return _shipped("data")


def resolve_path(path: str) -> Path | None:
    """The existing file or folder that `path` means, or None.

    A relative path is looked up from the working folder, then from the folder that holds `data/`, so that
    `data/base/nano` works from anywhere.
    """
    places = (Path.cwd(), data_dir().parent)
    return next((found for place in places if (found := place / Path(path).expanduser()).exists()), None)


def groups() -> dict[str, list[str]]:
    """Group -> its options, from the factory's `conf/` and the user's own; `_base` is not an option."""
    own = user_conf_dir()
    return {
        folder.name: sorted({*_options(folder), *(_options(own / folder.name) if own else ())})
        for folder in sorted(conf_dir().iterdir())
        if folder.is_dir()
    }


def user_conf_dir() -> Path | None:
    """The `conf/` of the working folder, where it is not the factory's own."""
    own = Path.cwd() / "conf"
    return own if own.is_dir() and not own.samefile(conf_dir()) else None


def load(overrides: Sequence[str]) -> Config:
    """The configuration of these overrides, composed and typed.

    Raises ConfigMistake: one line that names the key, the option or the value, and what would be right.
    """
    own = user_conf_dir()
    if own:
        _refuse_shadows(own)
    _check_overrides(overrides)
    plain = _compose(overrides, own)
    try:
        return Config.model_validate(plain)
    except ValidationError as error:
        raise _type_mistake(error) from None


def _shipped(name: str) -> Path:
    package = Path(__file__).resolve().parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def _options(folder: Path) -> list[str]:
    return [file.stem for file in folder.glob("*.yaml") if not file.stem.startswith("_")]


def _refuse_shadows(own: Path) -> None:
    """Hydra would take the factory's file and say nothing."""
    for file in sorted(own.glob("*/*.yaml")):
        shipped = conf_dir() / file.relative_to(own)
        if shipped.exists() and shipped.read_bytes() != file.read_bytes():
            what = "the factory has another file of this name"
            raise ConfigMistake(f"conf/{file.relative_to(own).as_posix()}", what, "give yours its own name")


def _check_overrides(overrides: Sequence[str]) -> None:
    """Refuses what can be told from the words alone, which is most of what people mistype."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser, known = OverridesParser.create(), groups()
    for text in overrides:
        try:
            override = parser.parse_override(text)
        except HydraException:
            raise ConfigMistake(text, "not an override", "write key=value, e.g. train.steps=100") from None
        if not override.key_or_group:
            raise ConfigMistake(text, "no key before the =", "write key=value, e.g. train.steps=100")
        if override.is_sweep_override():
            hint = "only `factory sweep` takes several; a value with a comma needs quotes"
            raise ConfigMistake(text, "more than one value", hint)
        if override.key_or_group in known and not isinstance(override.value(), dict):
            _check_option(text, override, known[override.key_or_group])
        else:
            _check_keys(override.key_or_group.split("."), override.value(), known)


def _check_option(text: str, override: Any, options: list[str]) -> None:
    group, option = override.key_or_group, str(override.value())
    if override.is_delete() or override.is_add() or override.package is not None:
        raise ConfigMistake(text, "every group is chosen once", f"write {group}=OPTION")
    if option not in options:
        raise ConfigMistake(text, f"no such {group}", closest(option, options))


def _check_keys(path: Sequence[str], value: Any, known: Mapping[str, Any]) -> None:
    """The key of an override, and those inside its value where that is a mapping."""
    _check_key(path, known)
    if isinstance(value, dict):
        for name, below in value.items():
            _check_keys([*path, str(name)], below, known)


def _check_key(path: Sequence[str], known: Mapping[str, Any]) -> None:
    """Refuses a dotted key that the models do not have; below a free mapping everything goes."""
    if path[0] in known and path[0] not in Config.model_fields:
        raise ConfigMistake(path[0], "has no keys of its own", f"write {path[0]}=OPTION")
    if path[0] not in Config.model_fields:
        words = list(dict.fromkeys([*Config.model_fields, *known]))
        raise ConfigMistake(path[0], "no such group", closest(path[0], words))
    kind: Any = Config
    for depth, name in enumerate(path):
        keys = _keys(kind)
        if keys is None and get_origin(kind) is dict:
            return
        if keys is None:
            raise ConfigMistake(".".join(path), "no such key", f"{'.'.join(path[:depth])} is a single value")
        if name not in keys:
            raise _unknown_key(path[: depth + 1], keys)
        kind = keys[name]


def _unknown_key(path: Sequence[str], keys: Mapping[str, Any]) -> ConfigMistake:
    return ConfigMistake(".".join(path), "no such key", closest(path[-1], keys, "keys"))


def _keys(kind: Any) -> dict[str, Any] | None:
    """Key -> type of what stands below a type; None for a value, and for a mapping with free keys."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: field.annotation for name, field in kind.model_fields.items()}
    return get_type_hints(kind) if is_typeddict(kind) else None


def _compose(overrides: Sequence[str], own: Path | None) -> dict[str, Any]:
    """Plain data from Hydra, with every interpolation resolved."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    search = [f"hydra.searchpath=['file://{_quoted(own.as_posix())}']"] if own else []
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            composed = compose("config", [*search, *overrides])
        _refuse_missing(OmegaConf.missing_keys(composed))
        plain: dict[str, Any] = OmegaConf.to_container(composed, resolve=True)  # type: ignore[assignment]
        return plain
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise _compose_mistake(error, overrides, own) from None


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _refuse_missing(keys: set[str]) -> None:
    for key in sorted(keys):
        raise ConfigMistake(key, "no value given", f"write {key}=...")


def _compose_mistake(error: Exception, overrides: Sequence[str], own: Path | None) -> ConfigMistake:
    """Hydra's and OmegaConf's words on one line; in our own words where people meet them often."""
    said = re.split(r"\n    full_key|\n\nConfig search path", str(error))[0]
    if missing := re.search(r"Missing mandatory value: (\S+)", said):
        return ConfigMistake(missing[1], "no value given", f"write {missing[1]}=...")
    if unknown := re.match(r"Could not override '([^']+)'", said):
        return _absent_key(unknown[1], overrides, own)
    named = re.search(r"'([^']+)'", said)
    where = next((text for text in overrides if named and named[1] in text), "conf")
    if said.startswith("Could not append"):
        return ConfigMistake(where, "it is there already", "write it without the +")
    return ConfigMistake(getattr(error, "full_key", None) or where, said)


def _absent_key(key: str, overrides: Sequence[str], own: Path | None) -> ConfigMistake:
    """A key that the models allow (a filter, a free mapping) and that this configuration does not have."""
    known = groups()
    here: Any = _compose([text for text in overrides if text.split("=")[0] in known], own)
    for name in key.split("."):
        if not isinstance(here, dict) or name not in here:
            break
        here = here[name]
    keys = here if isinstance(here, dict) else {}
    return ConfigMistake(key, "no such key", f"{closest(name, keys, 'keys')}; to add it write +{key}=...")


def _type_mistake(error: ValidationError) -> ConfigMistake:
    """The first key that is wrong, with all that is wrong with it (a union complains once per branch)."""
    details = error.errors(include_url=False)
    paths = [_path_of(detail["loc"]) for detail in details]
    first, path = details[0], paths[0]
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        return _unknown_key(path, _keys_at(path[:-1]))
    if first["type"] == "missing":
        return ConfigMistake(key, "no value given", f"write {key}=...")
    same = [detail for detail, other in zip(details, paths, strict=True) if other == path]
    where = key if isinstance(first["input"], dict) else f"{key}={_shown(first['input'])}"
    if first["type"] == "literal_error" and len(same) == 1:
        choices = re.findall(r"'([^']*)'", first["msg"]) or ["false"]
        return ConfigMistake(where, "no such option", closest(str(first["input"]), choices))
    return ConfigMistake(where, " or ".join(dict.fromkeys(_said(detail["msg"]) for detail in same)))


def _path_of(loc: Sequence[str | int]) -> list[str]:
    """The part of pydantic's location that is a key: positions and union branches are left out."""
    path: list[str] = []
    kind: Any = Config
    for part in loc:
        keys = _keys(kind)
        if keys is None and get_origin(kind) is not dict:
            break
        path.append(str(part))
        kind = (keys or {}).get(str(part))
    return path


def _keys_at(path: Sequence[str]) -> dict[str, Any]:
    kind: Any = Config
    for name in path:
        kind = (_keys(kind) or {}).get(name)
    return _keys(kind) or {}


def _said(message: str) -> str:
    return re.sub(r"^(Value error, |\w+ (?=should ))", "", message)


def _shown(value: Any) -> str:
    """As it would be written in an override."""
    return value if isinstance(value, str) else json.dumps(value)
