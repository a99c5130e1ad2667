"""What all groups of the configuration share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt

LONGEST = 200
"""Characters of a name, at most: some stores behind MLflow end a name at 255, and files are named by it."""


def named(allowed: str, words: str) -> Callable[[str], str]:
    """Refuses a name by what is wrong with it: its length, a character, a `..` in it."""

    def check(name: str) -> str:
        if len(name) > LONGEST:
            raise ValueError(f"has {len(name)} characters, at most {LONGEST} are taken")
        if wrong := re.sub(f"[{allowed}]", "", name):
            said = f"{wrong[0]!r} ({unicodedata.name(wrong[0], 'no name')})"
            raise ValueError(f"has a character that no registry takes everywhere: {said}; {words}")
        if ".." in name or name.startswith("."):
            raise ValueError("has a .. in it, or begins with a dot: files are named by it")
        return name

    return check


def free_alias(name: str) -> str:
    """Refuses the aliases that MLflow keeps for itself, those below the guarded one, and what is read as a version."""
    if name.lower() == "latest" or re.fullmatch(r"v\d+", name.lower()):
        raise ValueError("is MLflow's own: `latest` and `v` with a number are no aliases")
    if name in ("candidate", "challenger"):
        raise ValueError("is held by versions that the gate did not pass: take another name")
    if name.isdigit():
        raise ValueError("would be read as the number of a version: take a word")
    return name


def without_password(address: str) -> str:
    """Refuses an address with a password in it: it would stand in manifests and logs."""
    if re.search(r"://[^/@]*:[^/@]+@|[?&]password=", address):
        raise ValueError("holds a password: leave it out, and set PGPASSWORD, or MLFLOW_TRACKING_PASSWORD for a server")
    return address


Text = Annotated[str, Field(min_length=1)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]  # part of folder and registry names
ModelName = Annotated[
    Text, AfterValidator(named(r"A-Za-z0-9._\-", "letters a to z, digits, dot, hyphen and underscore are fine"))
]
ExperimentName = Annotated[
    Text,
    AfterValidator(named(r"A-Za-z0-9._/ \-", "letters a to z, digits, dot, hyphen, underscore, slash, space are fine")),
]
Alias = Annotated[
    Text,
    AfterValidator(named(r"A-Za-z0-9_\-", "letters a to z, digits, hyphen and underscore are fine")),
    AfterValidator(free_alias),
]
Address = Annotated[Text, AfterValidator(without_password)]
Fraction = Annotated[float, Field(ge=0, le=1)]
OpenFraction = Annotated[float, Field(gt=0, lt=1)]


class Group(BaseModel):
    """What all groups share: frozen, no unknown key, no quiet conversion (a "3" is not a 3)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Server(Group):
    """A model behind an OpenAI-compatible server that judges: where it is, and how it is asked."""

    url: Text | None  #: of the server, up to /v1
    model: Text | None  #: its name there, and in the price table
    key_env: Text | None  #: environment variable that holds the key; null: none is sent
    temperature: NonNegativeFloat  #: of sampling
    top_p: Annotated[float, Field(gt=0, le=1)]  #: of sampling
    max_tokens: PositiveInt  #: per answer; one that is cut off is a failure


CLOSED = ConfigDict(extra="forbid", strict=True)
"""As a Group has it, for tables whose keys are names."""


def in_order_given(value: Any, check: Callable[[Any], Any]) -> dict[str, Group]:
    """Typed dicts come back in the order of their class; filters and arms come in the order written."""
    typed: Mapping[str, Any] = check(value)
    return {name: typed[name] for name in value}
