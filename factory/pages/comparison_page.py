"""The page of a comparison: `comparison.html`, the adapter's lead over everything else that could give its answers."""

from __future__ import annotations

from typing import Any

from factory.pages.report_page import confidence, drawn, laid


def page(specialist: str, found: dict[str, Any]) -> str:
    """One HTML file with its style and drawing inside; `found` is as the stage compare makes it."""
    had = {name: arm for name, arm in found["arms"].items() if arm["lead"]}
    lines = [
        {"name": name, "found": {"difference": arm["lead"], "rows": found["rows"]}, "strong": False}
        for name, arm in had.items()
    ]
    return drawn(
        "comparison.html", specialist=specialist, found=found, forest=laid(lines), confidence=confidence(found)
    )
