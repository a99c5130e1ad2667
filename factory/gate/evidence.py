"""What the exam says: enough rows and families; better than the base; not worse than the champion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from factory import config, stats
from factory.gate.findings import Finding, finding
from factory.stats import Design, Interval

ENOUGH = 50_000
"""Resamples behind one interval, at most: of 34 families they take 40 MB."""


@dataclass(frozen=True)
class Champion:
    """Who holds the alias: the version, the digest of the exam it sat, and its score for every row."""

    version: str
    exam: str
    scores: Mapping[str, float] = field(repr=False)


@dataclass(frozen=True)
class Sat:
    """A report with its rows, and how far its intervals are believed: `tries` models share the error of one."""

    report: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    wanted: config.Gate
    tries: int
    resamples: int
    seed: int

    @property
    def confidence(self) -> float:
        """Of each interval, so that all tries together keep the report's."""
        return stats.shared(self.report["confidence"], self.tries)

    def lead(self, over: Mapping[str, float]) -> tuple[Interval, Design]:
        """The adapter's lead over other scores of some of its rows, and what an exam like this can tell."""
        rows = [row for row in self.rows if row["id"] in over]
        three = (
            [over[row["id"]] for row in rows],
            [row["adapter_score"] for row in rows],
            [row["family"] for row in rows],
        )
        resamples = max(self.resamples, min(self.resamples * self.tries, ENOUGH))  # as many in each tail as of one try
        found = stats.paired_bootstrap(*three, resamples, self.confidence, self.seed)
        return found, stats.seen(*three)


def enough(sat: Sat) -> Iterator[Finding]:
    """Whether the exam is large enough to say anything."""
    for what, least in (("rows", sat.wanted.min_rows), ("families", sat.wanted.min_families)):
        number = sat.report[what]
        short = f"{number} exam {what}, at least {least} wanted"
        yield finding(f"exam {what}", "ok" if number >= least else "hold", number, least, short)


def against_base(sat: Sat) -> Finding:
    """Whether the adapter is better than the base by more than the margin, beyond the interval."""
    found, design = sat.lead({row["id"]: row["base_score"] for row in sat.rows})
    return beyond("better than the base", f"over the base {told(found, sat)}", found, design, sat.wanted.margin, sat)


def against_champion(sat: Sat, champion: Champion | None) -> Iterator[Finding]:
    """Whether it is not worse than the champion by more than the margin, beyond the interval, on the rows both sat."""
    if champion is None:
        return
    name, limit = "not worse than the champion", -sat.wanted.champion_margin
    who = f"version {champion.version}, which holds the alias"
    if champion.exam != sat.report["exam"]:
        yield Finding(name, "ok", None, limit, f"not compared: {who}, sat another exam")
        return
    rows = sum(row["id"] in champion.scores for row in sat.rows)
    if not rows:
        yield Finding(name, "hold", None, limit, f"shares no exam row with {who}")
        return
    found, design = sat.lead(champion.scores)
    yield beyond(name, f"over {who}, {told(found, sat)} on {rows} rows", found, design, limit, sat)


def beyond(name: str, told: str, found: Interval, design: Design, limit: float, sat: Sat) -> Finding:
    """Above the limit, below it, or neither: then how large an exam would tell."""
    if found.low > limit:
        return Finding(name, "ok", found.low, limit, told)
    if found.high < limit:
        return Finding(name, "reject", found.high, limit, f"{told}: all of it below {limit:+g}")
    return Finding(
        name, "hold", found.low, limit, f"{told}: must start above {limit:+g}; {larger(found, design, limit, sat)}"
    )


def told(found: Interval, sat: Sat) -> str:
    """A lead with its interval, and what its confidence was corrected for."""
    tries = f" of {100 * sat.confidence:.4g} % for {sat.tries} tries" if sat.tries > 1 else ""
    return f"{found.value:+.4f}, interval{tries} {found.low:+.4f} to {found.high:+.4f}"


def larger(found: Interval, design: Design, limit: float, sat: Sat) -> str:
    """The exam that would tell, were the truth as it seems; and where it seems none, the least that this exam can tell."""
    power = sat.wanted.power
    exam = design.wanted(found.value - limit, sat.confidence, power) if found.value > limit and design.spread else None
    if exam and exam.families > design.families:
        return f"if so, some {exam.rows:,} rows of {exam.families:,} families would tell ({power:.0%} power)"
    if exam:
        return f"this exam tells so much with {power:.0%} power: it fell short by chance, or is less"
    usual = (
        design
        if design.spread
        else stats.foreseen([row["family"] for row in sat.rows], sat.wanted.spread, sat.wanted.correlation)
    )
    least = usual.detectable(sat.confidence, power)
    return f"no number of rows would tell if that is all; this exam sees {least:+.4f} or more ({power:.0%} power)"
