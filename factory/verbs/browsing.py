"""The verb that looks at the registry: the fleet, and every page that a browser shows too, as tables or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rich.text import Text

from factory.config import Config
from factory.display import Display, complain, plain
from factory.errors import Mistake, closest
from factory.pages import markdown
from factory.pages.markdown import Line
from factory.text import age
from factory.verbs.words import loaded, options

if TYPE_CHECKING:
    from factory.registry import Row

AS = ("--json", "--markdown")
"""What the fleet can be written as."""


def registry_verb(verb: str, overrides: list[str], rest: list[str]) -> int:
    """The fleet, or where the first word names one, another page of the registry."""
    if rest and rest[0] in (*PAGES, "ui"):
        return of_page(rest[0], overrides, rest[1:]) if rest[0] != "ui" else ui(overrides, rest[1:])
    return fleet(overrides, rest)


def fleet(overrides: list[str], rest: list[str]) -> int:
    """The fleet, a line per model; the versions and events of one, where only one is left; or all of it as JSON."""
    from factory.browse import pages
    from factory.browse.reader import Reader
    from factory.registry import index

    for word in rest:
        if word.startswith("--") and word not in AS:
            raise Mistake(word, "no such option", closest(word, AS))
    columns = [word for word in overrides if word.split("=")[0] in {*index.COLUMNS, "alias"} - {"specialist", "base"}]
    asked = loaded([word for word in overrides if word not in columns])
    own = {"specialist": asked.specialist.name, "base": asked.base.name, "registry.model": asked.registry.model}
    said = [
        f"{key.split('.')[-1]}={value}" for key, value in own.items() if any(w.startswith(f"{key}=") for w in overrides)
    ]
    words = [*columns, *said, *(word for word in rest if word not in AS)]
    reader = Reader(asked)
    if "--json" in rest:
        return as_json(pages.fleet(reader, *words))
    whole, notice = reader.fleet()
    if notice:
        complain(notice)
    found = index.filtered(whole, words)
    if "--markdown" in rest:
        leaders = [index.leader(rows, asked.registry.alias) for rows in found.models().values()]
        plain(markdown.table([line_of(row) for row in leaders]))
    elif words and len(found.models()) == 1:
        Display(asked).versions(found)
    else:
        Display(asked).fleet(found, asked.registry.alias, bool(words))
    return 0


def line_of(row: Row) -> Line:
    """A version as a line of the Markdown table."""
    version, over = " ".join((str(row.version), *row.aliases)), (row.difference, row.low, row.high)
    scores = (row.score_base, row.score, over, row.rows, row.bytes, row.gate, row.reasons)
    return Line(row.specialist, row.base, version, *scores)


def of_page(name: str, overrides: list[str], rest: list[str]) -> int:
    """A page: its data drawn as tables, or as it is."""
    from factory.browse.reader import Reader

    words = [word for word in rest if word != "--json"]
    fewest, most, usage, drawn = PAGES[name]
    for word in words[name == "ask" :]:
        if word.startswith("--"):
            raise Mistake(word, "no such option", closest(word, ["--json"]))
    if not fewest <= len(words) <= most:
        raise Mistake(f"registry {name}", f"{len(words)} words", f"write factory registry {name}{usage}")
    asked = loaded(overrides)
    with Display(asked) as display:
        found = data_of(name)(Reader(asked), *words)
    if found.get("notice"):
        complain(found["notice"])
    if "--json" in rest:
        return as_json(found)
    drawn(asked, display, found)
    return 0


def as_json(found: Mapping[str, Any]) -> int:
    """The data of a page."""
    plain(json.dumps(found, indent=1))
    return 0


def ui(overrides: list[str], rest: list[str]) -> int:
    """The pages in a browser, until Ctrl-C."""
    from factory import models
    from factory.browse.reader import Reader
    from factory.browse.serve import serve

    words, given = options("registry ui", rest, "--port", "--host")
    if words:
        raise Mistake(words[0], "no word of registry ui", "write --port N or --host ADDRESS")
    asked = loaded([*overrides, *(f"registry.ui.{name[2:]}={value}" for name, value in given.items() if value)])
    models.go_offline(asked.runtime)
    if asked.registry.ui.host not in ("127.0.0.1", "localhost", "::1"):
        complain(f"registry.ui.host={asked.registry.ui.host}: whoever reaches this machine there can read and ask")
    with Display(asked), suppress(KeyboardInterrupt):
        serve(Reader(asked), said)
    plain("ended")
    return 0


def said(address: str) -> None:
    """Where the pages are, at once also where a pipe waits for it."""
    plain(f"{address}  Ctrl-C ends it")
    sys.stdout.flush()


def version(asked: Config, display: Display, found: Mapping[str, Any]) -> None:
    """A version in tables: figures, products, moves of its aliases, the commands that move them."""
    row = found["version"]
    held = f" {', '.join(row['aliases'])}" if row["aliases"] else ""
    plain(
        f"{name_of(row)}{held}: {row['method']} of rank {row['rank']}, {row['bytes'] / 1024:.0f} KiB, {age(row['created'])} old"
    )
    over = points(row["difference"], row["low"], row["high"])
    plain(
        f"base {row['score_base']:.1%}, adapter {row['score']:.1%}, over the base {over} "
        f"on {row['rows']} rows; gate {row['gate']}{''.join(f': {why}' for why in row['reasons'])}"
    )
    if found["begun_from"]:
        plain(f"its training went on from version {found['begun_from']}")
    lines = [
        (
            one["stage"],
            one["key"][:10],
            ", ".join(one["from"]),
            figures(one["counts"]),
            "" if one["here"] else "not here",
        )
        for one in found["products"]
    ]
    table(display, ("product", "key", "made from", "what came of it", ""), lines)
    table(display, ("when", "who", "what", "why"), map(event, found["events"]))
    for what, command in found["commands"].items():
        plain(f"{command}    # {what}")


def event(one: Mapping[str, Any]) -> tuple[str, ...]:
    """A move of an alias as cells."""
    moved = f"{one['what']} {one['alias']}: {one['before'] or '-'} -> {one['after']}"
    came = "" if one["outcome"] == "done" else f" ({one['outcome']})"
    return one["when"][:16], one["who"], (moved if one["alias"] else f"{one['what']} {one['after']}") + came, one["why"]


def compare(asked: Config, display: Display, found: Mapping[str, Any]) -> None:
    """Two versions in tables: what was asked otherwise, their rows, scores, and the rows that flipped."""
    heads = [name_of(found[side]) for side in ("one", "two")]
    lines = [(line["key"], *(cell(line, side) for side in ("one", "two"))) for line in found["config"]]
    table(display, ("asked", *heads), lines or [("the same", "", "")])
    data = found["data"]
    names = dict.fromkeys([*data["one"]["counts"], *data["two"]["counts"]])
    counted = [(name, *(cell(data[side]["counts"], name) for side in ("one", "two"))) for name in names]
    table(display, ("kept rows", *heads), [("key", *(data[side]["key"][:10] for side in ("one", "two"))), *counted])
    plain(of_rows(data))
    if found["scores"] is None:
        plain(found["apart"])
        return
    plain(of_scores(found["scores"]))
    for kind in ("fixed", "broken"):
        flips(kind, found[kind], heads, asked)


def of_rows(data: Mapping[str, Any]) -> str:
    """Which rows differ, as a line."""
    if data["same"]:
        return "trained on the same rows"
    if data["rows"] is None:
        gone = [data[side]["folder"] for side in ("one", "two") if not data[side]["here"]]
        return f"which rows differ cannot be said: {' and '.join(gone)} not on this machine"
    rows = data["rows"]
    first, second = rows["removed"]["count"], rows["added"]["count"]
    return f"{rows['both']} rows say the same, {first} only in the first, {second} only in the second"


def of_scores(scores: Mapping[str, Any]) -> str:
    """Both scores and their difference, as a line."""
    between = points(*(scores["difference"][end] for end in ("value", "low", "high")))
    return (
        f"{scores['rows']} rows of {scores['families']} families: {scores['one']['value']:.1%} and {scores['two']['value']:.1%}, "
        f"difference {between} ({scores['confidence']:.0%} interval), better on {scores['better']}, worse on {scores['worse']}"
    )


def flips(kind: str, rows: list[Mapping[str, Any]], heads: list[str], asked: Config) -> None:
    """The rows that one of them got right and the other did not, some of them in full."""
    from factory.why import short

    most, shown = asked.registry.ui.rows, asked.lineage.shown
    left = f", {most} of them here and all with --json" if len(rows) > most else ""
    plain(f"{kind}: {len(rows)} rows{left}")
    for row in rows[:most]:
        plain(f"\n{row['id']}  family {row['family']}")
        plain(f"  prompt  {short(row['prompt'], shown)}")
        plain(f"  gold    {short(row['gold'], shown)}")
        for head, side in zip(heads, ("one", "two"), strict=True):
            why = f" ({row[side]['reason']})" if row[side]["reason"] else ""
            plain(f"  {head}: {row[side]['score']:g}{why}: {short(row[side]['answer'], shown)}")


def data(asked: Config, display: Display, found: Mapping[str, Any]) -> None:
    """The sets of kept rows, and who was trained on each."""
    lines = [
        (
            one["specialist"],
            one["key"][:10],
            figures(one["counts"]) if one["here"] else "not on this machine",
            ", ".join(" ".join((f"{row['base']} {row['version']}", *row["aliases"])) for row in one["versions"]),
        )
        for one in found["sets"]
    ]
    table(display, ("specialist", "kept", "what came of it", "versions trained on it"), lines)


def runs(asked: Config, display: Display, found: Mapping[str, Any]) -> None:
    """The versions' runs."""
    lines = [
        (
            one["run"],
            name_of(one["version"]),
            one["version"]["created"][:16],
            one["version"]["gate"],
            one["links"].get("run", ""),
        )
        for one in found["runs"]
    ]
    table(display, ("run", "version", "registered", "gate", "in MLflow"), lines)


def ask(asked: Config, display: Display, found: Mapping[str, Any]) -> None:
    """The answers, one below the other."""
    for one in found["answers"]:
        who = name_of(one["version"]) if one["version"] else f"{found['base']}, the base alone"
        cut = "" if one["stopped"] else f", cut at evaluate.max_new_tokens={found['max_new_tokens']}"
        plain(f"{who}  ({one['seconds']:.2f} s, {one['tokens']} tokens{cut})\n{one['text']}\n")
    for notice in found["notices"]:
        complain(notice)


def table(display: Display, heads: Iterable[str], lines: Iterable[Iterable[str]]) -> None:
    """A table of texts that may hold anything."""
    display.table(heads, ([Text(text) for text in line] for line in lines))


def name_of(row: Mapping[str, Any]) -> str:
    """A version by its name."""
    return f"{row['model']}:{row['version']}"


def points(value: float, low: float, high: float) -> str:
    """A difference with its interval, in percentage points."""
    return f"{100 * value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def figures(counts: Mapping[str, Any]) -> str:
    """The plain numbers among a product's counts."""
    return ", ".join(f"{name} {value:.6g}" for name, value in counts.items() if type(value) in (int, float))


def cell(of: Mapping[str, Any], name: str) -> str:
    """A value as it is written; a dash where there is none."""
    return str(of[name]) if name in of else "-"


def data_of(name: str) -> Callable[..., dict[str, Any]]:
    """The function that makes a page's data; imported when it is wanted."""
    from factory.browse import answers, beside, pages

    return {"compare": beside.compare, "ask": answers.ask}.get(name) or getattr(pages, name)


PAGES = {
    "version": (1, 1, " A, e.g. champion", version),
    "compare": (2, 2, " A B, e.g. champion challenger", compare),
    "data": (0, 0, "", data),
    "runs": (0, 0, "", runs),
    "ask": (2, 3, ' "TEXT" A [B]', ask),
}
"""Page -> words at least and at most, what they are, and how a terminal draws it."""
