"""What people see in a terminal: progress, tables, one-line complaints. Only `cli` uses it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from factory.config import Config
from factory.fits import mib
from factory.log import log_to
from factory.store import Made
from factory.text import age

if TYPE_CHECKING:
    from factory.forecast import Forecast
    from factory.pipeline import Step
    from factory.preview import Previewed
    from factory.probe import Probe
    from factory.registry import Fleet, Row

WIDE = 160
"""Columns where there is no terminal to ask: a log or a pipe."""
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
errors = Console(stderr=True, highlight=False, soft_wrap=True)
BLOCKS = "▁▂▃▄▅▆▇█"
PAST = 20
"""Scores of a line of blocks, and events below a table, at most: the newest."""
EVERY = 10.0
"""Seconds between progress lines where there is no terminal to draw on."""


def plain(text: str) -> None:
    """Prints as it is."""
    print(text)


def complain(line: str) -> None:
    """One line on standard error."""
    errors.print(Text(f"factory: {line}", style="red" if errors.is_terminal else ""))


class Display:
    """Draws the events of a run; as a context it keeps progress bars alive and the libraries' chatter in a log.

    There is a bar for every product that is being made; what is finished stays above them. Where there is no terminal,
    plain lines say the same, each with its specialist where there are several.
    """

    def __init__(self, asked: Config, several: bool = False) -> None:
        self.runs, self.several = Path(asked.runtime.runs), several
        self.said: dict[str, float] = {}
        self.rows: dict[str, TaskID] = {}
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Display:
        log_to(self.runs)
        if console.is_terminal:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if console.is_terminal:
            self.bar.stop()

    def event(
        self, message: str, *, row: str = "", done: int | None = None, total: int | None = None, **figures: float
    ) -> None:
        """Progress; `row` says of what, where several things are made at once."""
        text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        if console.is_terminal:
            if row not in self.rows:
                self.rows[row] = self.bar.add_task(row, total=None, figures="")
            words = "  ".join(filter(None, (row, message)))
            self.bar.update(self.rows[row], description=words, completed=done or 0, total=total, figures=text)
        elif done is None or time.monotonic() - self.said.get(row, 0.0) > EVERY:
            self.said[row] = time.monotonic()
            begun = f"{row}  " if row else "  "
            console.print(f"{begun}{message} {f'{done}/{total}' if done is not None else ''} {text}".rstrip())

    def of(self, specialist: str, step: Step, message: str, *, begins: bool = False, **more: Any) -> None:
        """Progress of a specialist's product; at its beginning, from what it is made and where it will be."""
        row = f"{self.who(specialist)}{step.made.stage}"
        if not begins:
            self.event(message, row=row, **more)
            return
        console.print(f"[bold]{row}[/]  {step.made.folder}  from {', '.join(step.stage.needs)}")
        if console.is_terminal:
            self.event("", row=row)

    def who(self, specialist: str) -> str:
        """The beginning of a line: the specialist, where there are several."""
        return f"{specialist:<9} " if self.several else ""

    def product(self, specialist: str, made: Made, found: bool) -> None:
        """A product is there: what came of it."""
        self.ends(specialist, made)
        seconds = made.facts["seconds"]
        state = "found" if found else "made"
        console.print(
            f"[bold]{self.who(specialist)}{made.stage:<10}[/] {state:<5} {made.folder}  "
            f"{seconds:.1f} s{' when made' if found else ''}"
        )
        for line in told(made):
            console.print(f"           {line}")

    def probe(self, found: Probe, train: Any) -> None:
        """What a look at the real thing said."""
        table = columns("probe", "memory", "time")
        table.add_row("base", mib(found.base), "-")
        off = f"foretold {mib(found.foretold)}, {found.foretold / found.training - 1:+.0%}"
        seconds = found.seconds(train)
        table.add_row(
            "training", f"+ {mib(found.training)} ({off})", f"{found.step:.2f} s a step, {seconds:,.0f} s in all"
        )
        table.add_row("longest answers", f"+ {mib(found.answering)}", "-")
        table.add_row("room", mib(found.room), "fits" if found.fits else "does not fit")
        console.print(table)
        if not found.ladder:
            return
        table = columns("for less memory, the least loss first", "foretold", "")
        for rung in found.ladder:
            fits = found.base + rung.bytes <= found.room
            table.add_row(rung.words, f"+ {mib(rung.bytes)}", "fits" if fits else "does not fit")
        console.print(table)

    def ends(self, specialist: str, made: Made) -> None:
        """Its bar goes."""
        row = self.rows.pop(f"{self.who(specialist)}{made.stage}", None)
        if row is not None:
            self.bar.remove_task(row)

    def failed(self, specialist: str, made: Made) -> None:
        """A product could not be made; the others go on."""
        self.ends(specialist, made)
        if self.several:
            console.print(f"[bold red]{self.who(specialist)}{made.stage:<10}[/] failed; the others go on")

    def compared(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """The fair comparison: a row per specialist, the score of every arm and the adapter's lead over it."""
        arms = list(dict.fromkeys(name for counts in found.values() for name in counts["arms"]))
        table = columns("specialist", "adapter", *arms)
        for specialist, counts in found.items():
            cells = [lead(counts["arms"].get(name), "\n") for name in arms]
            table.add_row(specialist, f"{counts['adapter']['value']:.1%}", *cells)
        confidence = next((f"{counts['confidence']:.0%} " for counts in found.values()), "")
        console.print(f"Scores on the same rows; below them the adapter's lead in points and its {confidence}interval:")
        console.print(table)

    def registered(self, specialist: str, found: Any) -> None:
        """The version, its alias, and the gate's verdict."""
        held = f"  alias {', '.join(found.aliases)}" if found.aliases else "  no alias"
        verdict = ": ".join(filter(None, (f"gate {found.verdict.word}", "; ".join(found.verdict.reasons))))
        console.print(
            f"[bold]{self.who(specialist)}registered[/] {'found' if found.found else 'made'}  "
            f"{found.model} version {found.version}{held}  ({verdict})"
        )

    def findings(self, verdict: Any) -> None:
        """Every check of the gate, and the word they come to."""
        lines = [
            (one.check, one.says, *("-" if n is None else f"{n:.6g}" for n in (one.number, one.limit)), one.reason)
            for one in verdict.findings
        ]
        self.table(("check", "says", "number", "limit", "why"), lines)
        console.print(verdict.word)

    def plan(self, forecasts: Iterable[Forecast]) -> None:
        """The table of `factory plan`."""
        table = columns("stage", "product", "", "rows", "tokens", "memory", "time")
        for one in forecasts:
            table.add_row(
                one.stage,
                str(one.folder),
                "found" if one.found else "to make",
                one.rows,
                one.tokens,
                one.memory,
                one.time,
            )
        console.print(table)
        console.print(
            "registered  asks the registry when it runs. Times are those of earlier runs here, scaled; - where there was none."
        )

    def table(self, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
        """A plain table."""
        table = columns(*heads)
        for row in rows:
            table.add_row(*row)
        console.print(table)

    def lineage(self, products: Mapping[str, Made]) -> None:
        """The products that a version was made from, by the names of their folders, and what came of each."""
        table = columns("product", "what came of it")
        for made in products.values():
            lines = [line for line in told(made) if not line.startswith("page: ")]
            lines += [] if made.complete else ["not on this machine"]
            table.add_row(Text(made.folder.name, no_wrap=True), Text("\n".join(lines)))
        console.print(table)

    def preview(self, rows: Iterable[Previewed]) -> None:
        """Rendered rows, the trained span in colour (and between marks where there is none)."""
        for row in rows:
            console.rule(f"{row.name}  {row.tokens} tokens, {row.trained} trained", align="left")
            console.print(Text(row.before, style="dim"), end="")
            console.print(Text(row.span if console.is_terminal else f"⟦{row.span}⟧", style="bold green"), end="")
            console.print(Text(row.after, style="dim"))
            console.print(Text(f"fate: {row.fate}", style="" if row.fate == "kept" else "yellow"))

    def fleet(self, found: Fleet, alias: str, filtered: bool) -> None:
        """The table of `factory registry`: a line per model, with the version that stands for it by that alias."""
        if not found.rows:
            none = "no version like this in" if filtered else "no versions in"
            console.print(f"{none} {found.address}: `factory run` registers one")
            return
        table = columns(
            "specialist", "base", "version", "adapter", "over the base", "rank", "size", "age", "gate", "scores"
        )
        from factory.registry.index import leader

        for rows in found.models().values():
            row = leader(rows, alias)
            table.add_row(
                row.specialist,
                row.base,
                " ".join((str(row.version), *row.aliases)),
                *figures_of(row),
                age(row.created),
                row.gate,
                spark([one.score for one in rows if one.exam == row.exam]),
            )
        console.print(f"{found.address}, {len(found.rows)} versions of {len(found.models())} models")
        console.print(table)

    def versions(self, found: Fleet) -> None:
        """The versions of one model, the newest first, and what happened to its aliases."""
        rows = found.rows
        console.print(f"[bold]{rows[0].model}[/]  {found.address}  {spark([row.score for row in rows])}")
        table = columns(
            "version",
            "alias",
            "gate",
            "base",
            "adapter",
            "over the base",
            "rank",
            "size",
            "rows",
            "age",
            "method",
            "adapter key",
        )
        for row in reversed(rows):
            score, over, rank, size = figures_of(row)
            held = ", ".join(row.aliases) or ("retired" if row.retired else "")
            base, key = f"{row.score_base:.1%}", row.keys.get("adapter", "")[:10]
            cells = (row.gate, base, score, over, rank, size, str(row.rows), age(row.created), row.method, key)
            table.add_row(str(row.version), held, *cells)
        console.print(table)
        past = columns("when", "who", "what", "why")
        for event in reversed(found.events[rows[0].model][-PAST:]):
            moved = f"{event['alias']}: {event['before'] or '-'} -> {event['after']}"
            what = f"{event['what']} {moved if event['alias'] else 'version ' + event['after']}"
            came = "" if event["outcome"] == "done" else f" ({event['outcome']})"
            past.add_row(event["when"][:16], Text(event["who"]), Text(what + came), Text(event["why"]))
        console.print(past)


def figures_of(row: Row) -> tuple[str, Text, str, str]:
    """A version's score, its lead over the base with the interval in points, rank and size."""
    value, low, high = (100 * part for part in (row.difference, row.low, row.high))
    over = Text(f"{value:+.1f} [{low:+.1f}, {high:+.1f}]")
    return f"{row.score:.1%}", over, str(row.rank), f"{row.bytes / 1024:.0f} KiB"


def spark(values: Sequence[float]) -> str:
    """The last values as a line of blocks, from the least to the greatest of them."""
    last = list(values)[-PAST:]
    low, high = min(last), max(last)
    return "".join(BLOCKS[round((value - low) / (high - low) * 7) if high > low else 3] for value in last)


def columns(*names: str) -> Table:
    """An empty table; what does not fit a line goes on the next, nothing is cut."""
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def taught(costs: dict[str, Any] | None, who: str = "teacher") -> list[str]:
    """What a teacher or a judge was asked and paid, as a line; none where there was none."""
    if not costs:
        return []
    failed = {why.removeprefix("failed tries: "): n for why, n in costs.items() if why.startswith("failed tries: ")}
    tries = f", {sum(failed.values())} of them failed: {ranked(failed)}" if failed else ""
    paid = f", {costs['money']:.2f} paid" if "money" in costs else ""
    used = f"{costs['tokens in']:,} tokens in, {costs['tokens out']:,} out{paid}"
    return [f"{who}: {costs['calls']} calls, {costs['found']} found stored; {used}{tries}"]


def difficult(counts: dict[str, Any]) -> list[str]:
    """Where the rows' IFD lies, as a line; none where it was not asked for."""
    figures = {name: value for name, value in counts.get("difficulty", {}).items() if name != "scored"}
    return [f"IFD: {', '.join(f'{name} below {value:.3g}' for name, value in figures.items())}"] if figures else []


def told(made: Made) -> list[str]:
    """A product's counts as the lines a person reads."""
    c = made.manifest["counts"]
    match made.stage:
        case "examples":
            rows = f"{c['rows']} rows of {c['candidates']} candidates"
            return [f"{rows}, {c['refused']} refused: {ranked(c['refused_by'])}", *taught(c.get("teacher"))]
        case "kept":
            kept = f"{c['kept']} kept ({c['train']} train, {c['dev']} dev, {c['families']} families)"
            replaced = f", {c['replaced']} of them with replacements" if c.get("replaced") else ""
            unjudged = [f"not judged and kept: {ranked(c['unjudged_by'])}"] if "unjudged_by" in c else []
            dropped = f"{c['dropped']} dropped: {ranked(c['dropped_by'])}"
            return [f"{kept}{replaced}, {dropped}", *unjudged, *difficult(c), *taught(c.get("judge"), "judge")]
        case "tokens":
            rows = f"{c['fitting']} rows, {c['tokens']:,} tokens, {c['trained_share']:.1%} trained"
            return [f"{rows}; longest {c['longest']}, over-long {c['overlong']}"]
        case "pairs":
            kinds = {name: c[name] for name in c if name not in ("rows", "answers", "pairs")}
            return [f"{c['pairs']} pairs from {c['answers']:,} answers to {c['rows']} prompts: {ranked(kinds)}"]
        case "start" | "adapter" | "random" | "full":
            return learnt(c, made.facts.get("fit"))
        case "checkup":
            return checked(c)
        case "comparison":
            arms = [f"{name:<9} {lead(arm):<30} {arm['about']}" for name, arm in c["arms"].items()]
            return [*arms, f"page: {made.folder / 'comparison.html'}"]
    return [scored(c), *of_parts(c), f"page: {made.folder / 'report.html'}"]


def learnt(counts: dict[str, Any], fit: dict[str, Any] | None) -> list[str]:
    """What came of a training: loss, size, what the adapter covers, which checkpoint it is, memory as it was and as foretold."""
    loss = f"loss {counts['loss']:.4f}" + (f", dev loss {counts['eval_loss']:.4f}" if "eval_loss" in counts else "")
    size = f"{counts['trained_parameters']:,} trained parameters, {counts['adapter_bytes'] / 1024:.0f} KiB"
    lines = [f"{counts['steps']} steps, {loss}; {size}"]
    if "tries" in counts:
        lines.append(f"the best of {counts['tries']} checkpoints: that of step {counts['chosen']}")
    if "coverage" in counts:
        lines.append(counts["coverage"])
    if fit and fit["peak"] and fit["foretold"]:
        off = fit["foretold"] / fit["peak"] - 1
        lines.append(
            f"peak {fit['peak'] / 2**20:,.0f} MiB above the base, foretold {fit['foretold'] / 2**20:,.0f} ({off:+.0%}); "
            f"{fit['seconds_per_step']:.2f} s per step"
        )
    return lines


def checked(counts: dict[str, Any]) -> list[str]:
    """What the checkup saw: what is lost of what the base knew, and what is said that should not be."""
    lost = {name: one["adapter"] - one["base"] for name, one in counts["loss"].items() if one["base"] is not None}
    losses = ", ".join(f"{name} {value:+.2f}" for name, value in lost.items())
    copied = {side: counts["copied"][side]["words"] for side in ("adapter", "gold")}
    said = (
        f"refusals {counts['refused']['adapter']:.1%}, one answer {counts['same']['adapter']:.1%}, "
        f"longest copy of a training row {copied['adapter']} words (right answers {copied['gold']})"
    )
    lines = [f"nats per token over the base: {losses or 'nothing was read'}", said]
    if counts["canaries"]:
        planted, chance = counts["canaries"]["planted"], counts["canaries"]["never_shown"]
        lines.append(
            f"canaries: {planted['said']} of {planted['number']} said, exposure {planted['exposure']:.1f} bits "
            f"(never shown: {chance['said']}, {chance['exposure']:.1f})"
        )
    return lines


def of_parts(counts: dict[str, Any]) -> list[str]:
    """What the score is made of, base to adapter; and the figures of all answers as a set."""
    parts = [f"{name.replace('_', ' ')} {figures(sides, 'value')}" for name, sides in counts["parts"].items()]
    survey = [f"{name.replace('_', ' ')} {figures(sides)}" for name, sides in counts["survey"].items()]
    return [f"{title}: {', '.join(texts)}" for title, texts in (("parts", parts), ("as a set", survey)) if texts]


def figures(sides: dict[str, Any], key: str | None = None) -> str:
    """A figure of the base and of the adapter; a dash where there is none."""
    both = [side[key] if key and side else side for side in (sides.get("base"), sides.get("adapter"))]
    return " -> ".join("-" if figure is None else f"{figure:.3g}" for figure in both)


def lead(arm: dict[str, Any] | None, between: str = " ") -> str:
    """An arm's score, and the adapter's lead over it with its interval, in points."""
    if arm is None or arm["lead"] is None:
        return "-"
    value, low, high = (100 * arm["lead"][end] for end in ("value", "low", "high"))
    return between.join((f"{arm['score']['value']:.1%}", f"{value:+.1f}", f"[{low:+.1f}, {high:+.1f}]"))


def scored(counts: dict[str, Any]) -> str:
    """Both scores and their difference with its interval."""
    between = counts["difference"]
    return (
        f"{counts['rows']} exam rows: base {counts['base']['value']:.1%}, adapter {counts['adapter']['value']:.1%}, "
        f"difference {between['value']:+.1%} "
        f"({counts['confidence']:.0%} interval {between['low']:+.1%} to {between['high']:+.1%})"
    )


def ranked(reasons: dict[str, int]) -> str:
    """Reasons with their counts, the most frequent first."""
    return (
        ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items(), key=lambda pair: -pair[1])) or "none"
    )
