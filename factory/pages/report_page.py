"""The page of an evaluation: `report.html` drawn from the report, the training curve and some answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def page(specialist: str, report: dict[str, Any], curve: list[dict[str, Any]], samples: list[dict[str, Any]]) -> str:
    """One HTML file with its style and drawings inside; the same input gives the same text, byte for byte.

    `report` and `samples` are as the stage evaluate makes them. Rows of `curve` have `step` with `loss` (and
    `learning_rate`, `grad_norm`) or with `eval_loss`. Raises jinja2's UndefinedError where the report lacks a figure.
    """
    return drawn(
        "report.html",
        specialist=specialist,
        report=report,
        samples=samples,
        confidence=confidence(report),
        forest=forest(report),
        plot=curve_plot(curve),
        last=last(curve),
        reasons=reasons(report["wrong_because"]),
    )


def drawn(template: str, **given: Any) -> str:
    """A template of this folder, filled in."""
    return templates(percent, signed, count, figure, words).get_template(template).render(**given)


def templates(*filters: Callable[..., str]) -> Environment:
    """The templates of this folder, with filters by their names; what is given is text, never HTML, and nothing may be absent."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("factory", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {one.__name__: one for one in filters}
    return found


def confidence(found: dict[str, Any]) -> str:
    """The confidence of a report's intervals, as a percentage."""
    return f"{100 * found['confidence']:g}\u00a0%"


def figure(number: float | None) -> str:
    """A figure of a specialist's own, whatever its unit; a dash where there is none."""
    return "–" if number is None else f"{number:.3g}".replace("-", "−")


def words(name: str) -> str:
    """A figure's name as words."""
    return name.replace("_", " ")


def percent(share: float) -> str:
    """A share from 0 to 1, as a percentage; its sign never falls onto the next line."""
    return f"{100 * share:.1f}\u00a0%"


def signed(share: float) -> str:
    """A difference of two shares, in percentage points, with its sign."""
    return f"{round(100 * share, 1) + 0.0:+.1f}".replace("-", "−")  # + 0.0 turns -0.0 into 0.0


def count(number: int) -> str:
    """A whole number with its thousands apart, by a narrow space that does not break."""
    return f"{number:,}".replace(",", "\u202f")


@dataclass(frozen=True)
class Axis:
    """Numbers `low` to `high` laid from pixel `start` to pixel `end`; ticks are round numbers with their text."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]

    def at(self, number: float) -> float:
        """The pixel of a number."""
        return round(self.start + (self.end - self.start) * (number - self.low) / (self.high - self.low), 1)


def axis(numbers: Sequence[float], start: float, end: float, least: float = 0.0) -> Axis:
    """An axis over all the numbers, widened to whole ticks: about six, 1, 2 or 5 times a power of ten apart."""
    width = max(numbers) - min(numbers) or abs(numbers[0]) or 1.0
    power = 10.0 ** math.floor(math.log10(width / 6))
    step = max(least, next(power * times for times in (1, 2, 5, 10) if power * times >= width / 6))
    first, final = math.floor(min(numbers) / step + 1e-9), math.ceil(max(numbers) / step - 1e-9)
    final = max(final, first + 1)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = tuple((i * step, f"{i * step:.{places}f}".replace("-", "−")) for i in range(first, final + 1))
    return Axis(first * step, final * step, start, end, ticks)


def forest(report: dict[str, Any]) -> dict[str, Any]:
    """Lines of the forest plot and of the table of cuts: all rows, then every label and its values; and its axis."""
    lines = [{"name": "all rows", "found": report, "strong": True}]
    for label, values in report["cuts"].items():
        lines.append({"name": label, "found": None, "strong": True})
        lines += [{"name": value or "(none)", "found": found, "strong": False} for value, found in values.items()]
    return laid(lines)


def laid(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Lines of a forest plot (name, found: its `difference` and rows or none, strong) with their places, and the axis."""
    lines = [line | {"y": 22 + 26 * place} for place, line in enumerate(lines)]
    ends = [
        100 * line["found"]["difference"][end] for line in lines if line["found"] for end in ("low", "value", "high")
    ]
    flat = any(
        line["found"] and line["found"]["difference"]["low"] == line["found"]["difference"]["high"] for line in lines
    )
    return {"lines": lines, "axis": axis([*ends, 0.0], 230, 620), "bottom": 22 + 26 * len(lines), "flat": flat}


def curve_plot(curve: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Both losses as points of a drawing, with its axes; none where no finite loss was written."""
    found = {name: [(row["step"], row[name]) for row in curve if name in row] for name in ("loss", "eval_loss")}
    kept = {name: [point for point in points if math.isfinite(point[1])] for name, points in found.items()}
    every = [point for points in kept.values() for point in points]
    if not every:
        return None
    x, y = axis([step for step, _ in every], 70, 840, least=1.0), axis([loss for _, loss in every], 270, 16)
    series = {name: [(x.at(step), y.at(loss)) for step, loss in points] for name, points in kept.items() if points}
    return {"x": x, "y": y, "series": series, "left_out": sum(map(len, found.values())) - len(every)}


def last(curve: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What the curve comes to, in words and numbers."""
    named = {
        name: [row[name] for row in curve if name in row]
        for name in ("loss", "eval_loss", "learning_rate", "grad_norm")
    }
    ends = [
        (title, f"{named[name][0]:.4g} at first, {named[name][-1]:.4g} at last")
        for title, name in (("Loss", "loss"), ("Eval loss", "eval_loss"))
        if named[name]
    ]
    return ends + [
        (title, f"{max(named[name]):.3g} at most")
        for title, name in (("Learning rate", "learning_rate"), ("Gradient norm", "grad_norm"))
        if named[name]
    ]


def reasons(wrong: dict[str, dict[str, int]]) -> list[tuple[str, int, int]]:
    """Each kind of wrong answer with its count for base and adapter, the most frequent of both together first."""
    pairs = [
        (kind, wrong["base"].get(kind, 0), wrong["adapter"].get(kind, 0))
        for kind in {**wrong["base"], **wrong["adapter"]}
    ]
    return sorted(pairs, key=lambda pair: (-pair[1] - pair[2], pair[0]))
