"""The verb of the evaluation suites: any set asked of any model, a line per slice, with what is behind every figure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from factory import config
from factory.display import Display, complain, plain
from factory.errors import FactoryError, Mistake, Unavailable, closest
from factory.store import Made
from factory.verbs.words import loaded

if TYPE_CHECKING:
    from factory.suites.sitting import Sitter

HEADS = (
    "suite",
    "slice",
    "who",
    "rows",
    "groups",
    "effective",
    "score",
    "interval",
    "floor",
    "over the floor",
    "over the base",
)
CHECKS = {"gold": 1.0, "wrong": 0.0}
"""Who answers in a model's place, and what that must come to."""
CHARTED = 10
"""Values a slice may have to be shown; all are in suite.json."""


@dataclass(frozen=True)
class Sat:
    """A suite as one has sat it: who, the product, whether it was found, and the lead over the base on the same rows."""

    suite: str
    who: str
    made: Made
    found: bool
    lead: Mapping[str, float] | None

    def plain(self) -> dict[str, Any]:
        """All of it as data."""
        about = {"who": self.who, "found": self.found, "product": str(self.made.folder), "over the base": self.lead}
        return about | json.loads(self.made.file("suite.json").read_text())


def suite(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Every named suite, sat by everyone who is named; what cannot be sat says why, and the others go on."""
    from factory import suites
    from factory.suites.who import DEFAULT

    words = [word for word in rest if word != "--json"]
    if not 1 <= len(words) <= 2 or any(word.startswith("--") for word in words):
        known = ", ".join(suites.names())
        raise Mistake(
            "suite",
            "which suites, and who sits them?",
            f"factory suite spider,defog champion specialist=sql; have: {known}",
        )
    wanted, who = words[0].split(","), (words[1] if len(words) == 2 else DEFAULT).split(",")
    for name in wanted:
        if name not in suites.names():
            raise Mistake(f"suite {name}", "no such suite", closest(name, suites.names()))
    every = {name: loaded([*overrides, f"suite={name}"]) for name in wanted}
    sat: list[Sat] = []
    codes = [0]
    for name, asked in every.items():
        try:
            with Display(asked) as display:
                sat += sittings(name, asked, who, display, "--json" in rest)
        except FactoryError as error:
            complain(f"{name} is not sat: {error}")
            codes.append(error.exit_code)
    if "--json" in rest:
        plain(json.dumps([one.plain() for one in sat], indent=1))
    elif sat:
        Display(next(iter(every.values()))).table(HEADS, [cells for one in sat for cells in lines(one)])
        for one in sat:
            for note in notes(one):
                plain(f"  {one.suite}, {one.who}: {note}")
    return max([*codes, *(failed(one) for one in sat)])


def failed(one: Sat) -> int:
    """2, and a line, where a check does not come to what it must: then the grading is wrong, and nobody's score means much."""
    must = CHECKS.get(one.who)
    found = one.made.manifest["counts"]["value"]
    if must is None or found == must:
        return 0
    said = "has no row that can be told" if found is None else f"comes to {found:.2%} and must come to {must:.0%}"
    complain(f"{one.suite}, {one.who}: {said}: see {one.made.folder}/answers.parquet")
    return 2


def sittings(name: str, asked: config.Config, who: Sequence[str], display: Display, quiet: bool) -> Iterator[Sat]:
    """One suite, one sitter after another; what a registered version came to goes to the registry."""
    from factory import models, suites
    from factory.suites.figures import between
    from factory.suites.sitting import sat
    from factory.suites.who import sitter

    models.go_offline(asked.runtime)
    asked = with_own_text(asked)
    sets, base = suites.source(asked), None
    for one in [sitter(asked, word) for word in who]:
        row = f"{name} {one.name}"
        made, found = sat(asked, sets, one, partial(nothing if quiet else display.event, row=row))
        base = made if one.name == "base" else base
        lead = between(base, made, asked.suite, asked.seed) if base and base is not made else None
        logged(asked, one, made)
        yield Sat(name, one.name, made, found, lead)


def nothing(*_: Any, **__: Any) -> None:
    """Progress that nobody is shown."""


def logged(asked: config.Config, sitter: Sitter, made: Made) -> None:
    """Logs a sitting to the versions that it is of; a registry that is away is said, and nothing is lost."""
    from factory import registry

    if not (sitter.made or sitter.version) or not registry.there(asked.registry):
        return
    try:
        registry.log_suite(asked.registry, made, adapter=sitter.made, number=sitter.version)
    except Unavailable as error:
        complain(f"not logged to MLflow: {error}; run it again when it answers")


def with_own_text(asked: config.Config) -> config.Config:
    """With the base's own conversations as the file, where its own text is asked for and no other file is named."""
    if asked.suite.kind != "own_text" or asked.suite.file or not asked.base.general:
        return asked
    file = str(config.resolve_path(asked.base.general) or asked.base.general)
    return asked.model_copy(update={"suite": asked.suite.model_copy(update={"file": file})})


def lines(one: Sat) -> Iterator[tuple[str, ...]]:
    """The main figure, its parts, pass@k, and the slices of few values."""
    found = one.plain()
    parts = {f"{name}": part for name, part in found["parts"].items()}
    parts |= {f"pass@{k}": part for k, part in found["pass_at"].items()}
    slices = {
        f"{label}: {value}": part
        for label, values in found["slices"].items()
        if 1 < len(values) <= CHARTED
        for value, part in values.items()
    }
    yield cells(one, "all", found, found["unit"], signed(one.lead, found["unit"]))
    if one.who in CHECKS:
        return
    for what, part in (parts | slices).items():
        yield cells(one, what, part, found["unit"], "")


def cells(one: Sat, what: str, part: Mapping[str, Any], unit: str, lead: str) -> tuple[str, ...]:
    """A line of the table; the floor is the highest there is."""
    counts = (str(part["rows"]), str(part["groups"]), f"{part['effective_rows']:.0f}")
    if part["value"] is None:
        return (one.suite, what, one.who, *counts, "-", "-", "-", "-", "-")
    floors = part.get("floors", {})
    best = max(floors, key=lambda name: floors[name]["value"], default=None)
    ends = f"{figure(part['low'], unit)} to {figure(part['high'], unit)}"
    floor = (figure(floors[best]["value"], unit), signed(floors[best]["lead"], unit)) if best else ("", "")
    return (one.suite, what, one.who, *counts, figure(part["value"], unit), ends, *floor, lead)


def figure(value: float, unit: str) -> str:
    """A share in percent; any other unit as a number."""
    return f"{value:.1%}" if unit == "share" else f"{value:.3f}"


def signed(lead: Mapping[str, float] | None, unit: str) -> str:
    """A lead with its interval."""
    if lead is None:
        return ""
    value, low, high = ((100 if unit == "share" else 1) * lead[end] for end in ("value", "low", "high"))
    places = ".1f" if unit == "share" else ".3f"
    return f"{value:+{places}} [{low:+{places}}, {high:+{places}}]"


def notes(one: Sat) -> Iterator[str]:
    """What stands behind the figures: rows left out, cut answers, floors, figures of all answers, and where it all is."""
    found = one.plain()
    if one.who in CHECKS:
        found |= {"floors": {}, "wrong_because": {}, "survey": {}, "tokens": 0}
    for what, rows in found["left"].items():
        if rows:
            yield f"{len(rows)} of {found['set_rows']} rows {what}, e.g. {next(iter(rows))}: {next(iter(rows.values()))}"
    if found["shortened"]:
        yield f"{found['shortened']} of {found['set_rows']} prompts told by their first turns"
    if found["tokens"] and found["stopped"] < found["rows"] * found["samples"]:
        yield f"{found['rows'] * found['samples'] - found['stopped']} answers cut at suite.max_new_tokens"
    if found["unit"] != "share":
        yield f"in {found['unit']}; lower is better"
    if found["floors"]:
        yield "floors: " + ", ".join(
            f"{name} {figure(floor['value'], found['unit'])}" for name, floor in found["floors"].items()
        )
    if found["survey"]:
        yield "as a set: " + ", ".join(f"{name} {value:.3f}" for name, value in found["survey"].items())
    if found["wrong_because"]:
        most = list(found["wrong_because"].items())[:4]
        yield "not right because: " + ", ".join(f"{reason} {count}" for reason, count in most)
    yield f"{'found' if one.found else 'made'} {one.made.folder}, set {found['sets'][:10]}"
