"""Every error a user can meet: where it is, what is wrong, what to try.

    FactoryError                 70
    ├── Mistake                   2   the user's; running it again changes nothing
    │   ├── ConfigMistake             a key, a value or an option of the configuration
    │   ├── Absent                    a version that is not there, or what its run does not hold
    │   ├── ContractMismatch          an adapter on another base than it was trained on; names the field
    │   └── DataMistake               a stage refuses its data: masks, over-long rows, a budget spent
    ├── Unavailable               3   the registry is locked or away, the disk is full, a folder is in use
    ├── GateRefused               4   REJECT: the version is registered, the champion alias stays where it is
    │   └── GateHeld              5   HOLD: likewise, and more evidence may change it
    └── NotReproduced             4   a version that is made again is another one

Exit codes of the program: 0 done (the gate: PROMOTE), 2 a user's mistake, 3 something outside failed and a retry may work,
4 the gate said REJECT or a version made again is another one, 5 the gate said HOLD, 70 a bug (with its traceback),
130 interrupted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class FactoryError(Exception):
    """Base of the tree. As text it is one line: `where: what - hint`."""

    exit_code: ClassVar[int] = 70  #: what the program exits with

    def __init__(self, where: str, what: str, hint: str = "") -> None:
        """`where`: the key, file, stage or field; `what`: what is wrong; `hint`: what to try."""
        super().__init__(where, what, hint)  # all three, so that it survives pickling between processes
        self.where, self.what, self.hint = where, what, hint

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" + (f" - {self.hint}" if self.hint else "")
        return " ".join(line.split())


class Mistake(FactoryError):
    """The user asked for something that cannot be; a retry changes nothing."""

    exit_code = 2


class ConfigMistake(Mistake):
    """A key, a value or an option of the configuration is wrong."""


class Absent(Mistake):
    """A version that is not there, or something of it that the registry does not hold."""


class ContractMismatch(Mistake):
    """An adapter meets another base, tokenizer or recipe than its own; `where` names the differing field."""


class DataMistake(Mistake):
    """A stage refuses its data: wrong masks, over-long rows, a budget spent."""


class Unavailable(FactoryError):
    """Something outside is away or busy; a retry may work."""

    exit_code = 3


class GateRefused(FactoryError):
    """The evidence speaks against giving the version the champion alias."""

    exit_code = 4


class GateHeld(GateRefused):
    """The evidence is too little to tell; nothing speaks against the version."""

    exit_code = 5


class NotReproduced(FactoryError):
    """A version that is made again is another one; `where` names the first product that differs."""

    exit_code = 4


def closest(word: str, choices: Iterable[str], label: str = "have") -> str:
    """A hint for a word that is not among the choices: `did you mean 'rank'? have: alpha, rank`.

    The question is left out when nothing is near; the choices are listed in their own order.
    """
    names = list(choices)
    listed = f"{label}: {', '.join(names)}" if names else f"{label}: none"
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean '{near[0]}'? {listed}" if near else listed
