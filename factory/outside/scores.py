"""Generic scores for rows from outside: how an answer is held against the one that came with the row."""

from __future__ import annotations

import json
import re
from typing import Any

from factory.config import GenericScore
from factory.records import Score
from factory.rouge import rouge_l_sum
from factory.text import words


def score(settings: GenericScore, gold: str, answer: str) -> Score:
    """The Score of an answer; a gold answer that the score cannot read has 0 too, and says why."""
    match settings.kind:
        case "exact":
            return graded(answer.strip() == gold.strip(), "another text")
        case "label":
            return graded(words(answer) == words(gold), f"another label: {' '.join(words(answer))[:40]}")
        case "rouge":
            return overlap(gold, answer)
        case "json":
            return fields(gold, answer)
    return extracted(settings.pattern or "", gold, answer)


def graded(right: bool, reason: str) -> Score:
    """1, or 0 with the reason."""
    return Score(1.0) if right else Score(0.0, reason)


def overlap(gold: str, answer: str) -> Score:
    """The F1 of ROUGE-Lsum, from 0 to 1."""
    value = rouge_l_sum(gold, answer)
    return Score(value, "" if value >= 1 else "other words", {"rouge l": value})


def fields(gold: str, answer: str) -> Score:
    """The share of the gold object's fields that the answer has with the same value; a field too many counts as wrong."""
    wanted, given = parsed(gold), parsed(answer)
    if wanted is None or given is None:
        return Score(0.0, f"no JSON object: {(gold if wanted is None else answer)[:40]}")
    names = sorted({*wanted, *given})
    right = [name for name in names if name in wanted and name in given and wanted[name] == given[name]]
    value = len(right) / len(names) if names else 1.0
    wrong = [name for name in names if name not in right]
    return Score(value, f"wrong field: {', '.join(wrong)}"[:80] if wrong else "", {"fields": value})


def parsed(text: str) -> dict[str, Any] | None:
    """The JSON object a text is; None where it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def extracted(pattern: str, gold: str, answer: str) -> Score:
    """Equal where the pattern's first group (or all of it) is the same in both texts; the last place counts."""
    wanted, given = (last(pattern, text) for text in (gold, answer))
    if wanted is None:
        return Score(0.0, f"the pattern is not in the given answer: {gold[:40]}")
    return graded(given == wanted, "the pattern is not in it" if given is None else f"another value: {given[:40]}")


def last(pattern: str, text: str) -> str | None:
    """What the pattern finds last."""
    found = list(re.finditer(pattern, text))
    return (found[-1][1] if found[-1].re.groups else found[-1][0]).strip() if found else None
