"""The pages of the comparison and of the fleet: every figure is on them, and what could not be had is said."""

from __future__ import annotations

from typing import Any

from factory.pages import comparison_page, fleet_page
from factory.pages.fleet_page import Shown


def interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


COMPARISON: dict[str, Any] = {
    "rows": 1350,
    "families": 41,
    "confidence": 0.95,
    "exam": "e5a1",
    "notice": "Synthetic; not <advice>.",
    "adapter": interval(0.713, 0.684, 0.741),
    "arms": {
        "base": {
            "about": "the base as it is",
            "score": interval(0.021, 0.012, 0.033),
            "lead": interval(0.692, 0.661, 0.72),
        },
        "other": {"about": "the adapter of <medical>: not made yet", "score": None, "lead": None},
        "full": {
            "about": "every weight trained",
            "score": interval(0.748, 0.71, 0.781),
            "lead": interval(-0.035, -0.062, -0.009),
        },
    },
}


def compared(rows: int) -> dict[str, Any]:
    """Figures over some rows, as the report has them."""
    return {
        "rows": rows,
        "base": interval(0.021, 0.012, 0.033),
        "adapter": interval(0.713, 0.684, 0.741),
        "difference": interval(0.692, 0.661, 0.72),
    }


REPORT = compared(1350) | {
    "confidence": 0.95,
    "notice": "Synthetic; not <advice>.",
    "cuts": {"slice": {"one table": compared(600), "join": compared(750)}, "difficulty": {"very hard": compared(9)}},
}


def said(text: str) -> str:
    """The page with plain spaces and minus signs."""
    return text.replace("\u00a0", " ").replace("−", "-")


def test_every_figure_of_a_comparison_is_on_its_page() -> None:
    text = said(comparison_page.page("sql", COMPARISON))
    for figure in ("71.3 %", "68.4 % to 74.1 %", "2.1 %", "+69.2", "+66.1 to +72.0", "74.8 %", "-3.5", "-6.2 to -0.9"):
        assert figure in text
    assert "Synthetic; not &lt;advice&gt;." in text and "1\u202f350 rows" in text


def test_an_arm_that_cannot_be_had_says_why_and_is_not_drawn() -> None:
    text = comparison_page.page("sql", COMPARISON)
    assert "the adapter of &lt;medical&gt;: not made yet" in text
    assert "<title>full</title>" in text and "<title>other</title>" not in text


def test_the_fleet_is_on_one_page() -> None:
    links = {"report": "sql/report-1/report.html", "comparison": "sql/comparison-2/comparison.html"}
    shown = [
        Shown(name, REPORT, COMPARISON, {"adapter": 130.4, "report": 12.2}, links, f"factory.{name}.nano 3 champion")
        for name in ("sql", "creative")
    ]
    text = said(fleet_page.page(shown, "slice"))
    for figure in ("one table", "join", "+69.2", "factory.creative.nano 3 champion", ">130<", ">143<", "-6.2 to -0.9"):
        assert figure in text
    assert text.count('href="sql/report-1/report.html"') == 2
    assert "very hard" not in text and "Synthetic; not &lt;advice&gt;." in text
