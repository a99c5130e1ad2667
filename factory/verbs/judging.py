"""The verb of the judge: which of two sides' answers a language model thinks better, and what that is worth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from factory.display import Display, complain, plain, taught
from factory.errors import Mistake, closest
from factory.verbs.words import loaded

HEADS = ("who knows", "pairs", "one is better", "judge right", "interval", "kappa", "interval")
OPTIONS = ("--json", "--plan")


def judge(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Two sides judged in pairs; `--plan` says what that may cost, and asks nobody."""
    from factory.judging import trial
    from factory.verbs.proving import silent

    words = [word for word in rest if not word.startswith("--")]
    for option in (word for word in rest if word.startswith("--") and word not in OPTIONS):
        raise Mistake(option, "no such option", closest(option, OPTIONS))
    asked, quiet = loaded(overrides), "--json" in rest
    with Display(asked) as display:
        planned = trial.trial(asked, words)
        _, given, made = planned
        if not made.complete and (not quiet or "--plan" in rest):
            plain(trial.estimate(asked, given))
        if "--plan" in rest:
            plain(f"{'found' if made.complete else 'to make'} {made.folder}")
            return 0
        found = trial.made(asked, planned, silent if quiet else display.event)
    result = json.loads(made.file("judge.json").read_text())
    if quiet:
        plain(json.dumps(result | {"calls": made.facts[trial.CALLS], "product": str(made.folder)}, indent=1))
        return 0
    for line in about(result):
        plain(line)
    display.table(HEADS, [cells(name, one) for name, one in result["agreement"].items()])
    for line in (*confusion(result), *said(result), *habits(result), *taught(made.facts[trial.CALLS], "judge")):
        plain(line)
    plain(f"{'found' if found else 'made'} {made.folder}: judge.html, pairs.parquet")
    if result["notice"]:
        complain(result["notice"])
    return 0


def about(found: Mapping[str, Any]) -> Iterator[str]:
    """Who was judged by whom, on how many rows, and which of them are not in the figures."""
    sides = " and ".join(f"{found[side]['name']} ({side.upper()}: {found[side]['place']})" for side in "ab")
    asked = f"{found['asked']} pairs asked in both orders, {found['same_text']} of one text are ties unasked"
    yield f"{found['model']} on {sides}"
    yield f"{found['rows']} rows of {found['families']} families: {asked}; intervals of {found['confidence']:.0%}, over families"
    if lost := found["no_verdict"] + found["planted"]["no_verdict"]:
        every = found["rows"] + found["planted"]["pairs"]
        why = ", ".join(f"{reason} {count}" for reason, count in found["failed"].items())
        yield f"without a verdict, and in no figure: {lost} of {every} pairs, planted ones counted (by question: {why})"


def cells(name: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    """A line of the table of agreement."""
    right = (f"{one['right']['value']:.1%}", percent(one["right"])) if one["right"] else ("-", "-")
    kappa = one["kappa"]
    chance = (f"{kappa['value']:.2f}", f"{kappa['low']:.2f} to {kappa['high']:.2f}") if kappa else ("-", "-")
    return (name, str(one["pairs"]), str(one["differ"]), *right, *chance)


def confusion(found: Mapping[str, Any]) -> Iterator[str]:
    """What the judge says where what is better is known."""
    for name, one in found["agreement"].items():
        if one["lacks"]:
            yield f"  {name} cannot tell: {one['lacks']}"
        for word, counts in one["table"].items():
            if any(counts.values()):
                yield f"  {name} {word}: judge {', '.join(f'{said} {count}' for said, count in counts.items())}"


def said(found: Mapping[str, Any]) -> Iterator[str]:
    """The win rate with the agreement beside it; or that this judge says nothing, and why."""
    if not found["evidence"]:
        yield f"this judge says nothing here, and its win rate is not shown: {'; '.join(found['says_nothing'])}"
        return
    rate, equal = found["win_rate"], found["at_equal_length"]
    heard = [f"{name} {one['kappa']['value']:.2f}" for name, one in found["agreement"].items() if not one["lacks"]]
    yield (
        f"{found['a']['name']} wins {rate['value']:.1%} ({percent(rate)}) over {found['b']['name']}, at equal length "
        f"{equal['value']:.1%} ({percent(equal)}); by a judge whose kappa is: {', '.join(heard)}"
    )
    yield f"verdicts: {', '.join(f'{word} {count}' for word, count in found['verdicts'].items())}; the last two are half a win"


def habits(found: Mapping[str, Any]) -> Iterator[str]:
    """What it leans to whatever the answers say."""
    place, longer = found["position"], found["longer"]
    share = f"; the first place has {place['share']['value']:.1%} ({percent(place['share'])})" if place["share"] else ""
    yield (
        f"order: {place['flips']} of {place['pairs']} verdicts change with it ({place['flips'] / place['pairs']:.1%}), to the "
        f"first place {place['first']}, to the second {place['second']}{share}: leans to {place['leans']}"
    )
    if longer["share"]:
        share = f"{longer['share']['value']:.1%} ({percent(longer['share'])})"
        yield f"length: {share} of {longer['pairs']} decided pairs go to the longer answer"


def percent(one: Mapping[str, float]) -> str:
    """An interval of a share."""
    return f"{one['low']:.1%} to {one['high']:.1%}"
