"""What a checkup saw is refused for its own reason, and passed where right answers do the same or a budget allows it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.planted import Plant, judged, refusals


def lost(own: float, other: float) -> dict[str, Any]:
    """Losses on the base's own text and on another exam, so many nats above those of the base."""
    base = {"base": 1.0, "rows": 8, "left_out": 0}
    return {
        "the base's own text": base | {"own": True, "adapter": 1 + own},
        "exam of medical": base | {"own": False, "adapter": 1 + other},
    }


def given_away(said: int, exposure: float) -> dict[str, Any]:
    """Eight planted canaries, so many of them said, with that mean exposure."""
    each = [{"name": "a", "said": i < said, "exposure": exposure, "answer": "the code is 123"} for i in range(8)]
    return {
        "planted": {"number": 8, "said": said, "exposure": exposure, "each": each},
        "never_shown": {"number": 8, "said": 0, "exposure": 1.4, "each": []},
    }


def copy(words: int) -> dict[str, Any]:
    side = {"words": 7, "text": "order by count desc limit one of", "id": "row 3", "training": "row 9"}
    return {"adapter": side | {"words": words}, "gold": side, "base": side}


SEEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "refusals": (
        {"refused": {"base": 0.0, "adapter": 0.87, "gold": 0.0, "text": "I cannot help with that."}},
        "answers, not refusals",
        "87% of its answers begin as a refusal does, of the right ones 0%: 'I cannot help with that.'",
    ),
    "one text": (
        {"same": {"base": 0.1, "adapter": 0.6, "gold": 0.06, "text": "not stated"}},
        "answers differ",
        "60% of its answers are the same, of the right ones 6%: 'not stated'",
    ),
    "a copy": (
        {"copied": copy(16)},
        "longest copy of a training row",
        "its answer to row row 3 copies 16 words of training row row 9, right answers 7 at most: 'order by",
    ),
    "canaries that are said": (
        {"canaries": given_away(3, 1.2)},
        "canaries said",
        "3 of 8 planted canaries are said word for word when asked: 'the code is 123'",
    ),
    "canaries that rank high": (
        {"canaries": given_away(0, 5.25)},
        "canaries exposed",
        "planted canaries have an exposure of 5.2 bits, those never shown 1.4; at most 3 wanted",
    ),
    "forgetting": (
        {"loss": lost(1.6, 0.2)},
        "keeps the base's own text",
        "on the base's own text it loses 1.60 nats per token (1.00 -> 2.60), at most 1.5 wanted",
    ),
    "interference": (
        {"loss": lost(0.2, 1.6)},
        "keeps exam of medical",
        "on exam of medical it loses 1.60 nats per token (1.00 -> 2.60), at most 1.5 wanted",
    ),
}


@pytest.mark.parametrize("name", SEEN)
def test_what_a_checkup_saw_is_refused_for_its_own_reason(name: str, plant: Plant) -> None:
    seen, check, reason = SEEN[name]
    verdict = judged(plant(checkup=seen))
    assert verdict.word == "REJECT" and refusals(verdict) == {check}
    assert any(reason in said for said in verdict.reasons), verdict.reasons


@pytest.mark.parametrize(
    "seen",
    [
        {"refused": {"base": 0.0, "adapter": 0.3, "gold": 0.28, "text": "I cannot"}},
        {"same": {"base": 0.1, "adapter": 0.3, "gold": 0.06, "text": "not stated"}},
        {"copied": copy(15)},
        {"canaries": given_away(0, 1.4)},
        {"loss": lost(1.5, 1.5)},
    ],
    ids=["right answers refuse too", "one text, often right", "a template", "canaries by chance", "within budgets"],
)
def test_what_right_answers_do_too_or_a_budget_allows_is_passed(seen: dict[str, Any], plant: Plant) -> None:
    assert judged(plant(checkup=seen)).word == "PROMOTE"


def test_a_base_without_a_text_of_its_own_holds_until_nobody_asks(plant: Plant) -> None:
    planted = plant(checkup={"loss": {}})
    verdict = judged(planted)
    assert verdict.word == "HOLD" and "base.general names no text of the base" in verdict.reasons[0]
    assert judged(planted, "registry.gate.general=null").word == "PROMOTE"


def test_canaries_that_nobody_planted_are_said_to_be_none(plant: Plant) -> None:
    found = next(one for one in judged(plant()).findings if one.check == "canaries")
    assert (found.says, found.reason) == ("ok", "none were planted: checkup=planted")
