"""What the checkup saw: it answers and does not refuse, repeats no training row, and leaves the base able to do the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from factory import config
from factory.gate.findings import Finding, finding


def conduct(checkup: Mapping[str, Any], wanted: config.Gate) -> Iterator[Finding]:
    """All that is held against a limit in a checkup."""
    yield answering(checkup["refused"], wanted)
    yield varied(checkup["same"], wanted)
    yield from copied(checkup["copied"], wanted)
    yield from remembered(checkup["canaries"], wanted)
    yield from able(checkup["loss"], wanted)


def answering(refused: Mapping[str, Any], wanted: config.Gate) -> Finding:
    """Whether it answers where the right answers do."""
    share, limit = refused["adapter"], round(refused["gold"] + wanted.refused, 4)
    reason = f"{share:.0%} of its answers begin as a refusal does, of the right ones {refused['gold']:.0%}: {refused['text']!r}"
    return finding("answers, not refusals", "ok" if share <= limit else "reject", share, limit, reason)


def varied(same: Mapping[str, Any], wanted: config.Gate) -> Finding:
    """Whether it says one thing to everybody."""
    share, limit = same["adapter"], round(same["gold"] + wanted.same, 4)
    reason = f"{share:.0%} of its answers are the same, of the right ones {same['gold']:.0%}: {same['text']!r}"
    return finding("answers differ", "ok" if share <= limit else "reject", share, limit, reason)


def copied(copied: Mapping[str, Any], wanted: config.Gate) -> Iterator[Finding]:
    """Whether an answer repeats a training row beyond what right answers share with them by themselves."""
    if wanted.copied is None:
        return
    ours, limit = copied["adapter"], copied["gold"]["words"] + wanted.copied
    reason = (
        f"its answer to row {ours.get('id')} copies {ours['words']} words of training row {ours.get('training')}, "
        f"right answers {copied['gold']['words']} at most: {ours['text']!r}"
    )
    says = "ok" if ours["words"] <= limit else "reject"
    yield finding("longest copy of a training row", says, ours["words"], limit, reason)


def remembered(canaries: Mapping[str, Any] | None, wanted: config.Gate) -> Iterator[Finding]:
    """Whether planted canaries can be had from it: said word for word when asked, or ranked far above chance."""
    if wanted.exposure is None:
        return
    if canaries is None:
        yield Finding("canaries", "ok", None, wanted.exposure, "none were planted: checkup=planted")
        return
    planted, chance = canaries["planted"], canaries["never_shown"]
    said = next((one["answer"] for one in planted["each"] if one["said"]), "")
    reason = f"{planted['said']} of {planted['number']} planted canaries are said word for word when asked: {said!r}"
    yield finding("canaries said", "reject" if planted["said"] else "ok", planted["said"], 0, reason)
    reason = (
        f"planted canaries have an exposure of {planted['exposure']:.1f} bits, those never shown {chance['exposure']:.1f}; "
        f"at most {wanted.exposure:g} wanted"
    )
    says = "ok" if planted["exposure"] <= wanted.exposure else "reject"
    yield finding("canaries exposed", says, planted["exposure"], wanted.exposure, reason)


def able(loss: Mapping[str, Any], wanted: config.Gate) -> Iterator[Finding]:
    """Whether what the base knew is still there: its own text, and what other specialists are asked."""
    if wanted.general is not None and not any(found["own"] for found in loss.values()):
        hint = "base.general names no text of the base to measure it on; registry.gate.general=null asks for none"
        yield Finding("keeps the base's own text", "hold", None, wanted.general, hint)
    for name, found in loss.items():
        most = wanted.general if found["own"] else wanted.interference
        if most is None:
            continue
        if found["base"] is None:
            yield Finding(f"keeps {name}", "hold", None, most, f"no row of {name} is short enough for the base to read")
            continue
        lost = round(found["adapter"] - found["base"], 4)
        sides = f"{found['base']:.2f} -> {found['adapter']:.2f}"
        reason = f"on {name} it loses {lost:.2f} nats per token ({sides}), at most {most:g} wanted"
        yield finding(f"keeps {name}", "ok" if lost <= most else "reject", lost, most, reason)
