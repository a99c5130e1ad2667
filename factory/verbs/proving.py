"""Verbs of the proof: the gate, what adapters cost each other, and how far answers hang on how they are asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from factory.display import Display, plain
from factory.errors import FactoryError, Mistake, closest
from factory.verbs.words import loaded, no, several, told

if TYPE_CHECKING:
    from factory.config import Config
    from factory.gate import Verdict
    from factory.pages.markdown import Line
    from factory.store import Made


def gate(verb: str, overrides: list[str], rest: list[str]) -> int:
    """The gate's verdict alone, check by check, on one specialist or several; the largest exit code counts."""
    from factory import pipeline, registry
    from factory.pages import markdown

    if rest not in ([], ["--markdown"]):
        raise Mistake(rest[0], "no such option", closest(rest[0], ["--markdown"]))
    every, failures, lines = several(overrides), {}, []
    for name, asked in every.items():
        try:
            with registry.client(asked.registry) as ours:
                planned = pipeline.products(asked, "checkup")
                verdict = registry.gate(ours, planned, asked)
        except FactoryError as error:
            failures[name] = error
            continue
        lines.append(line_of(asked, planned, verdict))
        if not rest:
            if len(every) > 1:
                plain(f"{name}:")
            Display(asked).findings(verdict)
        if not verdict.passed:
            failures[name] = no(verdict, asked.registry.model, "see the report, or the limits in registry.gate")
    if rest and lines:
        plain(markdown.table(lines))
    return max([told(name, why, len(every) > 1) for name, why in failures.items()], default=0)


def line_of(asked: Config, planned: Mapping[str, Made], verdict: Verdict) -> Line:
    """A report with its verdict as a line of the Markdown table."""
    from factory.pages.markdown import Line

    report = json.loads(planned["report"].file("report.json").read_text())
    over = tuple(report["difference"][end] for end in ("value", "low", "high"))
    scores = (report["base"]["value"], report["adapter"]["value"], over, report["rows"])
    size = planned["adapter"].manifest["counts"]["adapter_bytes"]
    return Line(asked.specialist.name, asked.base.name, "-", *scores, size, verdict.word, verdict.reasons)


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

    asked, worst = loaded(overrides), 0.0
    plain(f"Beside the answers in {ways(asked)[0][0]}:")
    with Display(asked) as display:
        for one in noise(asked, display.event):
            worst = max(worst, abs(one.moved))
            moved = f"{one.scores} other scores, {100 * one.moved:+.2f} points"
            plain(f"{one.how:<16} {one.texts} of {one.rows} texts are others, {moved}")
    margin = asked.registry.gate.champion_margin
    plain(f"the score moves by {100 * worst:.2f} points at most; the gate lets a champion be {100 * margin:g} better")
    return 0
