"""What was asked for: composed by Hydra, typed by the classes of `groups`, and frozen.

Everything that is wrong becomes one line, a `ConfigMistake`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from typing_extensions import get_type_hints, is_typeddict

from factory.errors import ConfigMistake, closest
from factory.filtering import (
    Balance,
    BrokenText,
    Check,
    Contamination,
    Difficulty,
    ExactDuplicate,
    FilterTable,
    Judge,
    Language,
    Length,
    NearDuplicate,
    PrivateData,
    Split,
)
from factory.group import Group, Server
from factory.groups import (
    Base,
    Calls,
    Card,
    Config,
    Gate,
    Generate,
    GenericScore,
    Lineage,
    Price,
    Quantisation,
    Registry,
    Runtime,
    Source,
    Specialist,
    Teacher,
    Tokenize,
    TokenizerFiles,
    Ui,
    Weights,
)
from factory.proving import (
    ArmTable,
    Canaries,
    Checkup,
    Compare,
    Evaluate,
    Examples,
    FullTuning,
    Nearest,
    Noise,
    Other,
    PairJudge,
    RandomBase,
    Suite,
)
from factory.training import (
    Choose,
    Curriculum,
    Lora,
    NetworkShape,
    Prefer,
    Pretrain,
    PretrainSchedule,
    Replay,
    Schedule,
    Train,
)

__all__ = [
    "ArmTable",
    "Balance",
    "Base",
    "BrokenText",
    "Calls",
    "Canaries",
    "Card",
    "Check",
    "Checkup",
    "Choose",
    "Compare",
    "Config",
    "Contamination",
    "Curriculum",
    "Difficulty",
    "Evaluate",
    "ExactDuplicate",
    "Examples",
    "FilterTable",
    "FullTuning",
    "Gate",
    "Generate",
    "GenericScore",
    "Group",
    "Judge",
    "Language",
    "Length",
    "Lineage",
    "Lora",
    "NearDuplicate",
    "Nearest",
    "NetworkShape",
    "Noise",
    "Other",
    "PairJudge",
    "Prefer",
    "Pretrain",
    "PretrainSchedule",
    "Price",
    "PrivateData",
    "Quantisation",
    "RandomBase",
    "Registry",
    "Replay",
    "Runtime",
    "Schedule",
    "Server",
    "Source",
    "Specialist",
    "Split",
    "Suite",
    "Teacher",
    "Tokenize",
    "TokenizerFiles",
    "Train",
    "Ui",
    "Weights",
    "conf_dir",
    "data_dir",
    "groups",
    "load",
    "of_specialist",
    "resolve_path",
    "search_path",
    "typed",
    "user_conf_dir",
]


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
    return typed(_compose(overrides, own), overrides)


def typed(plain: Mapping[str, Any], said: Sequence[str]) -> Config:
    """Plain data as a configuration: what Hydra composed, or an earlier `dump`; `said` are the overrides it goes by.

    Raises ConfigMistake: one line that names the key, and what would be right.
    """
    try:
        config = Config.model_validate(plain)
    except ValidationError as error:
        raise _type_mistake(error) from None
    config._said = tuple(said)
    return config


def of_specialist(asked: Config, name: str) -> Config:
    """What was asked, of another specialist: the same overrides but for what was said of the first one alone."""
    own = re.compile(r"[+~]*specialist\b")
    return load([*(word for word in asked._said if not own.match(word)), f"specialist={name}"])


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
    """Key -> type of what stands below a type, or below one that may be null; None for a value, and for free keys."""
    if get_origin(kind) is UnionType:
        kind = next((one for one in get_args(kind) if isinstance(one, type) and issubclass(one, BaseModel)), kind)
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

    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            composed = compose("config", [*search_path(own), *overrides])
        _refuse_missing(OmegaConf.missing_keys(composed))
        return cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True))
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise _compose_mistake(error, overrides, own) from None


def search_path(own: Path | None) -> list[str]:
    """The override by which Hydra finds a user's own `conf/` too."""
    return [f"hydra.searchpath=['file://{_quoted(own.as_posix())}']"] if own else []


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
    where = key if isinstance(first["input"], dict) or "password" in first["msg"] else f"{key}={_shown(first['input'])}"
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
