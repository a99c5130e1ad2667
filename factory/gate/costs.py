"""What a version costs whoever serves it: bytes, tokens and seconds of an answer, where there is a budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from factory import config
from factory.gate.findings import Finding, finding


def affordable(
    size: int, report: Mapping[str, Any], facts: Mapping[str, Any], wanted: config.Gate
) -> Iterator[Finding]:
    """Whether it keeps within the budgets that there are; a figure that no report has yet is too little to tell."""
    seconds = facts.get("seconds_per_answer", {}).get("adapter")
    spent = {
        "MiB": (size / 2**20, wanted.mib),
        "tokens an answer": (report["tokens"]["adapter"] / report["rows"], wanted.tokens_per_answer),
        "seconds an answer": (seconds, wanted.seconds_per_answer),
    }
    for what, (number, most) in spent.items():
        if most is None:
            continue
        if number is None:
            yield Finding(what, "hold", None, most, f"the report does not say its {what}: evaluate again")
        else:
            reason = f"{number:.4g} {what}, at most {most:g} wanted"
            yield finding(what, "ok" if number <= most else "reject", number, most, reason)
