"""Verbs of the proof: the gate, what adapters cost each other, and how far answers hang on how they are asked for."""

from __future__ import annotations

import json

from factory.display import Display, plain
from factory.errors import FactoryError, Mistake, closest
from factory.verbs.words import loaded, no, several, told


def gate(verb: str, overrides: list[str], rest: list[str]) -> int:
    """The gate's verdict alone, check by check, on one specialist or several; the largest exit code counts."""
    from factory import pipeline, registry

    every, failures = several(overrides), {}
    for name, asked in every.items():
        try:
            with registry.client(asked.registry) as ours:
                verdict = registry.gate(ours, pipeline.products(asked, "checkup"), asked)
        except FactoryError as error:
            failures[name] = error
            continue
        if len(every) > 1:
            plain(f"{name}:")
        Display(asked).findings(verdict)
        if not verdict.passed:
            failures[name] = no(verdict, asked.registry.model, "see the report, or the limits in registry.gate")
    return max([told(name, why, len(every) > 1) for name, why in failures.items()], default=0)


def interference(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Every champion on every specialist's exam and on the base's own text; or all of it as JSON."""
    from factory.interference import interference, page

    if rest not in ([], ["--json"]):
        raise Mistake(rest[0], "no such option", closest(rest[0], ["--json"]))
    every = several(overrides)
    first = next(iter(every.values()))
    with Display(first) as display:
        found = interference(every, display.event if not rest else silent)
    place = page(found, first)
    if rest:
        plain(json.dumps(found.plain(), indent=1))
        return 0
    lost = {one.adapter: f"{one.loss - one.base:+.2f} ({one.base:.2f} -> {one.loss:.2f})" for one in found.kept}
    rows = []
    for name, version in found.adapters.items():
        cells = [found.cell(name, exam) for exam in found.exams]
        scores = [
            f"{one.score.value:.1%}\n{100 * one.over_base.value:+.1f} "
            f"[{100 * one.over_base.low:+.1f}, {100 * one.over_base.high:+.1f}]"
            for one in cells
        ]
        rows.append((f"{name} ({version})", *scores, lost.get(name, "-")))
    plain(
        "Scores; below them the lead over the base in points with its interval; nats per token lost on the base's own text:"
    )
    display.table(("adapter", *(f"exam of {exam}" for exam in found.exams), "base's own text"), rows)
    plain(f"page: {place}")
    return 0


def silent(*_: object, **__: object) -> None:
    """Progress that nobody draws: standard output is data."""


def noise(verb: str, overrides: list[str], rest: list[str]) -> int:
    """How many of the adapter's answers change where they are asked for otherwise, beside the gate's margin."""
    from factory.noise import noise, ways

    asked = loaded(overrides)
    with Display(asked) as display:
        lines = list(noise(asked, display.event))
    rows = [(one.how, str(one.rows), str(one.texts), str(one.scores), f"{100 * one.moved:+.2f}") for one in lines]
    plain(f"Beside the answers in {ways(asked)[0][0]}:")
    display.table(("asked otherwise", "rows", "other texts", "other scores", "points"), rows)
    margin = asked.registry.gate.champion_margin
    worst = max((abs(one.moved) for one in lines), default=0.0)
    plain(f"the score moves by {100 * worst:.2f} points at most; the gate lets a champion be {100 * margin:g} better")
    return 0
