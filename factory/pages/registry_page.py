"""The registry's pages in a browser, drawn from the data that `factory.browse` makes; everything given is text, never HTML."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from factory.pages.report_page import (
    Axis,
    axis,
    confidence,
    count,
    curve_plot,
    figure,
    last,
    percent,
    signed,
    templates,
    words,
)
from factory.text import age

if TYPE_CHECKING:
    from jinja2 import Environment

WIDE, HIGH, BETWEEN = 118, 44, 26
"""Pixels of a product's box in the drawing of a lineage, and between two."""
LEAST = 840
"""Pixels of that drawing: few boxes are not blown up."""


def page(name: str, **given: Any) -> str:
    """One page; `given` is its data, to which comes what only a drawing needs."""
    more = DRAWN.get(name, lambda _: {})(given)
    return pages().get_template(f"registry/{name}.html").render(**given, **more)


@cache
def pages() -> Environment:
    """The templates of this folder, read once; nothing that they name may be absent."""
    theirs = (percent, signed, count, figure, words, age, confidence)
    found = templates(*theirs, kib, value, path, named, at, over, marks)
    found.filters["quoted"] = shlex.quote
    return found


def kib(size: int) -> str:
    """Bytes as KiB."""
    return f"{count(round(size / 1024))}\u00a0KiB"


def value(given: Any) -> str:
    """A value of the configuration as it is written in JSON, a word without its quotes."""
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def named(row: Mapping[str, Any]) -> str:
    """A version by its name: MODEL:NUMBER."""
    return f"{row['model']}:{row['version']}"


def at(row: Mapping[str, Any]) -> str:
    """The same as part of an address."""
    return path(named(row))


def over(row: Mapping[str, Any]) -> str:
    """A version's lead over the base with its interval, in percentage points."""
    return f"{signed(row['difference'])} [{signed(row['low'])}, {signed(row['high'])}]"


def marks(found: Mapping[str, Any], across: Axis) -> tuple[float, ...]:
    """The pixels of zero and of an interval's low end, middle and high end; of a version's lead, or of a difference."""
    middle = found["value"] if "value" in found else found["difference"]
    return tuple(across.at(100 * number) for number in (0.0, found["low"], middle, found["high"]))


def path(text: str) -> str:
    """A text as part of an address, whatever is in it."""
    return quote(text, safe="")


def leaders(given: Mapping[str, Any]) -> dict[str, Any]:
    """For the fleet: the version that stands for each model, and the axis that all intervals are drawn on."""
    shown = [
        next(one for one in model["versions"] if one["version"] == model["shown"]) | {"scores": history(model)}
        for model in given["models"]
    ]
    drawn = given["models"][0]["versions"] if alone(given) else shown
    ends = [100 * row[end] for row in drawn for end in ("low", "high")]
    total = sum(len(model["versions"]) for model in given["models"])
    return {"shown": shown, "total": total, "alone": alone(given), "axis": axis([*ends, 0.0], 4, 156)}


def alone(given: Mapping[str, Any]) -> bool:
    """Whether one model is left by a filter: then its versions are shown."""
    return bool(given["filter"]) and len(given["models"]) == 1


def history(model: Mapping[str, Any], most: int = 20) -> list[tuple[float, float]]:
    """The last scores of a model, on the exam of the one that stands for it, as points of a small drawing."""
    exam = next(one["exam"] for one in model["versions"] if one["version"] == model["shown"])
    scores = [one["score"] for one in model["versions"] if one["exam"] == exam][-most:]
    low, high = min(scores), max(scores)
    across, up = 72 / max(1, len(scores) - 1), axis([low, high], 17, 3)
    return [(round(4 + across * i, 1), up.at(score) if low < high else 10) for i, score in enumerate(scores)]


def of_version(given: Mapping[str, Any]) -> dict[str, Any]:
    """For a version: its curve and its lineage as drawings."""
    made = [one["made_with"] for one in given["products"] if one["made_with"]]
    return {
        "plot": curve_plot(given["curve"]),
        "last": last(given["curve"]),
        "graph": graph(given),
        "makers": [one for place, one in enumerate(made) if one not in made[:place]],
    }


def graph(given: Mapping[str, Any]) -> dict[str, Any]:
    """The lineage laid out: products from left to right in the order they were made, sources above, an arrow for each use."""
    products = {one["stage"]: one for one in given["products"]}
    keys = {one["key"]: stage for stage, one in products.items()}
    order = sorted(products, key=lambda stage: (depth(stage, products, keys), stage))
    sources = list(dict.fromkeys(n for one in products.values() for n, key in one["from"].items() if key not in keys))
    boxes = {stage: (i * (WIDE + BETWEEN), 96) for i, stage in enumerate([*order, "version"])}
    width = len(boxes) * (WIDE + BETWEEN) - BETWEEN
    apart = width / max(1, len(sources))
    tops = {name: (round(apart * (i + 0.5)), 16) for i, name in enumerate(sources)}
    arrows = [
        arrow(boxes, tops, keys.get(key, name), stage)
        for stage in order
        for name, key in products[stage]["from"].items()
    ]
    arrows += [arrow(boxes, tops, stage, "version") for stage in ("adapter", "report") if stage in products]
    return {"boxes": boxes, "tops": tops, "arrows": arrows, "width": max(width, LEAST), "products": products}


def depth(stage: str, products: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """The products that must be made before a product, one after another."""
    before = [keys[key] for key in products[stage]["from"].values() if key in keys]
    return 1 + max((depth(one, products, keys) for one in before if one != stage), default=0)


def arrow(boxes: Mapping[str, Any], tops: Mapping[str, Any], begin: str, end: str) -> str:
    """The path of an arrow: straight to the next box, below the boxes between to a farther one, down from a source."""
    x, y = boxes[end]
    if begin not in boxes:
        left, top = tops[begin]
        return f"M{left} {top + 8}C{left} {top + 44} {x + WIDE / 2} {top + 32} {x + WIDE / 2} {y - 6}"
    left = boxes[begin][0]
    if x - left <= WIDE + BETWEEN:
        return f"M{left + WIDE} {y + HIGH / 2}L{x - 6} {y + HIGH / 2}"
    low = y + HIGH + 12 + 10 * (x - left) / (WIDE + BETWEEN)
    return f"M{left + WIDE / 2} {y + HIGH}C{left + WIDE / 2} {low} {x + WIDE / 2 - 12} {low} {x + WIDE / 2 - 12} {y + HIGH + 6}"


def of_two(given: Mapping[str, Any]) -> dict[str, Any]:
    """For a comparison: the axis of its interval, and the counts that either side has."""
    scores, data = given.get("scores"), given.get("data")
    ends = [100 * scores["difference"][end] for end in ("low", "value", "high")] if scores else []
    counted = list(dict.fromkeys([*data["one"]["counts"], *data["two"]["counts"]])) if data else []
    return {"axis": axis([*ends, 0.0], 4, 156), "names_of_counts": counted}


DRAWN = {"fleet": leaders, "version": of_version, "compare": of_two}
