"""The page of a judge: `judge.html`, what it said of two sides' answers, and first of all what that is worth."""

from __future__ import annotations

from typing import Any

from factory.pages.report_page import confidence, drawn


def page(found: dict[str, Any]) -> str:
    """One HTML file with its style inside; `found` is as a trial has it."""
    names = {"A": found["a"]["name"], "B": found["b"]["name"], "tie": "tie", "undecided": "undecided"}
    return drawn("judge.html", found=found, names=names, confidence=confidence(found))
