"""What a version costs whoever serves it: bytes; tokens, seconds and money of an answer, where there is a budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from factory import config
from factory.gate.findings import Finding, finding


def affordable(
    size: int, report: Mapping[str, Any], facts: Mapping[str, Any], wanted: config.Gate, price: float | None
) -> Iterator[Finding]:
    """Whether it keeps within the budgets that there are; a figure that no report has yet is too little to tell.

    `price` is what an hour of the machine costs; without one a budget of money is too little to tell, too.
    """
    seconds = facts.get("seconds_per_answer", {}).get("adapter")
    money = "money for 1,000 answers"
    spent = {
        "MiB": (size / 2**20, wanted.mib),
        "tokens an answer": (report["tokens"]["adapter"] / report["rows"], wanted.tokens_per_answer),
        "seconds an answer": (seconds, wanted.seconds_per_answer),
        money: (per_1000(seconds, price), wanted.cost_per_1000),
    }
    for what, (number, most) in spent.items():
        if most is None:
            continue
        if what == money and price is None:
            yield Finding(what, "hold", None, most, "no price for a budget of money: set runtime.price_per_hour")
        elif number is None:
            yield Finding(what, "hold", None, most, f"the report does not say its {what}: evaluate again")
        else:
            reason = f"{number:.4g} {what}, at most {most:g} wanted"
            yield finding(what, "ok" if number <= most else "reject", number, most, reason)


def per_1000(seconds: float | None, price: float | None) -> float | None:
    """Money for 1,000 answers of so many seconds each on a machine at so much an hour; None where one is not known."""
    return None if seconds is None or price is None else 1000 * seconds / 3600 * price
