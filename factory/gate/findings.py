"""What the checks of the gate say, and the one word they come to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Says = Literal["ok", "hold", "reject"]
Word = Literal["PROMOTE", "HOLD", "REJECT"]
NAMED = 3
"""Names in one reason."""


@dataclass(frozen=True)
class Finding:
    """What one check found: what it says, its number and the limit it is held against, and the reason in words."""

    check: str
    says: Says
    number: float | None
    limit: float | None
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the gate says, with a reason for every no, those that speak against the version first."""

    word: Word
    reasons: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the alias may move."""
        return self.word == "PROMOTE"


def finding(check: str, says: Says, number: float, limit: float, reason: str) -> Finding:
    """A finding that has a reason only where it is a no."""
    return Finding(check, says, number, limit, "" if says == "ok" else reason)


def verdict(findings: Sequence[Finding]) -> Verdict:
    """The one word that all findings come to."""
    against = [finding.reason for finding in findings if finding.says == "reject"]
    unsure = [finding.reason for finding in findings if finding.says == "hold"]
    word: Word = "REJECT" if against else "HOLD" if unsure else "PROMOTE"
    return Verdict(word, (*against, *unsure), tuple(findings))


def written(verdict: Verdict) -> str:
    """A verdict as the text of a tag."""
    return json.dumps({"passed": verdict.passed, **asdict(verdict)})


def read(text: str) -> Verdict:
    """The verdict of a tag; one from before there were three words was a yes or a no."""
    said = json.loads(text)
    word = said.get("word") or ("PROMOTE" if said["passed"] else "REJECT")
    return Verdict(word, tuple(said["reasons"]), tuple(Finding(**one) for one in said.get("findings", ())))
