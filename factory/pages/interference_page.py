"""The page of the interference matrix: `interference.html`, every adapter on every exam, coloured by its lead over the base."""

from __future__ import annotations

from typing import Any

from factory.pages.report_page import drawn

DEEPEST = 0.3
"""A lead of so much has the full colour."""


def page(found: dict[str, Any], confidence: float, general: float | None) -> str:
    """One HTML file with its style inside; `found` is a Matrix as plain data, `general` the gate's budget in nats per token."""
    cells = {
        (one["adapter"], one["exam"]): one | {"colour": colour(one["over_base"]["value"])} for one in found["cells"]
    }
    return drawn(
        "interference.html",
        found=found,
        cells=cells,
        kept={one["adapter"]: one for one in found["kept"]},
        general=general,
        confidence=f"{100 * confidence:g}\u00a0%",
    )


def colour(lead: float) -> str:
    """The background of a cell: towards one colour above the base, towards another below; none where they are equal."""
    strength = round(min(1.0, abs(lead) / DEEPEST) * 45)
    return f"color-mix(in srgb, var({'--one' if lead > 0 else '--two'}) {strength}%, transparent)"
