"""The words behind a verb: overrides, options, and the configuration they come to; and how a failure is told."""

from __future__ import annotations

import re
import sys
from typing import Any

from factory import config
from factory.display import complain
from factory.errors import FactoryError, GateHeld, GateRefused, Mistake, closest

OVERRIDE = re.compile(r"(\+{0,2}[A-Za-z_][\w./]*=.*|~[A-Za-z_][\w./]*)", re.DOTALL)
VALUED = ("--to", "--why")
"""Options with a value."""


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """The overrides, and all other words in their order; what follows an option that takes a value stays with it."""
    overrides, rest = [], []
    for before, word in zip(["", *words], words, strict=False):
        (overrides if OVERRIDE.fullmatch(word) and before not in VALUED else rest).append(word)
    return overrides, rest


def options(verb: str, rest: list[str], *names: str, flags: tuple[str, ...] = ()) -> tuple[list[str], dict[str, str]]:
    """The words that are no options, and the value of each option that is given; of a flag, itself."""
    words, found, left = [], dict.fromkeys((*names, *flags), ""), iter(rest)
    for word in left:
        if word in flags:
            found[word] = word
        elif word in names:
            found[word] = next(left, "")
            if not found[word]:
                raise Mistake(
                    f"{verb} {word}", "has no value", f"write it behind {word}, in quotes where it has spaces"
                )
        elif word.startswith("--"):
            raise Mistake(word, "no such option", closest(word, [*names, *flags]))
        else:
            words.append(word)
    return words, found


def loaded(overrides: list[str]) -> config.Config:
    """The configuration, and its specialist's settings typed."""
    from factory import specialist

    asked = config.load(overrides)
    specialist.find(asked.specialist.name).typed(asked.specialist.settings)
    return asked


def several(overrides: list[str]) -> dict[str, config.Config]:
    """The configuration of every specialist that is named: `specialist=sql,medical` are two that share all else."""
    chosen = [word for word in overrides if word.startswith("specialist=") and "," in word]
    if not chosen:
        one = loaded(overrides)
        return {one.specialist.name: one}
    others = [word for word in overrides if not word.startswith("specialist=")]
    names = dict.fromkeys(filter(None, chosen[-1].removeprefix("specialist=").split(",")))
    return {name: loaded([*others, f"specialist={name}"]) for name in names}


def no(verdict: Any, where: str, hint: str) -> GateRefused:
    """The gate's REJECT or HOLD as an error."""
    kind = GateHeld if verdict.word == "HOLD" else GateRefused
    return kind(where, "; ".join(verdict.reasons), hint)


def told(name: str, why: Any, many: bool) -> int:
    """One line about what went wrong with a specialist, or a bug's trace; the exit code it is worth."""
    error = why if isinstance(why, FactoryError) else why.error
    if error is None:
        sys.stderr.write(why.trace)
        complain(f"{why.made.folder}: this is a bug in the factory: please report it with the lines above")
        return 70
    complain(f"{name}: {error}" if many else str(error))
    return error.exit_code
