"""The page of a fleet: `fleet.html`, every specialist of a run on one screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from factory.pages.report_page import confidence, drawn, laid


@dataclass(frozen=True)
class Shown:
    """What the page says of one specialist: its report, its comparison, seconds per product, links and its version."""

    specialist: str
    report: dict[str, Any]
    comparison: dict[str, Any]
    seconds: dict[str, float]
    links: dict[str, str]
    version: str


def page(shown: list[Shown], cut: str) -> str:
    """One HTML file with its style and drawing inside; `cut` names the label whose values are drawn (slice)."""
    lines = []
    for one in shown:
        lines.append({"name": one.specialist, "found": one.report, "strong": True})
        values = one.report["cuts"].get(cut, {})
        lines += [{"name": value or "(none)", "found": found, "strong": False} for value, found in values.items()]
    return drawn(
        "fleet.html",
        shown=shown,
        cut=cut,
        forest=laid(lines),
        confidence=confidence(shown[0].report),
        arms=list(dict.fromkeys(name for one in shown for name in one.comparison["arms"])),
        stages=list(dict.fromkeys(name for one in shown for name in one.seconds)),
    )
