"""What people see in a terminal: progress, tables, one-line complaints. Only `cli` uses it."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from factory.config import Config
from factory.store import Made

if TYPE_CHECKING:
    from factory.forecast import Forecast
    from factory.preview import Previewed

WIDE = 160
"""Columns where there is no terminal to ask: a log or a pipe."""
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
errors = Console(stderr=True, highlight=False, soft_wrap=True)
EVERY = 10.0
"""Seconds between progress lines where there is no terminal to draw on."""


def plain(text: str) -> None:
    """Prints as it is."""
    print(text)


def complain(line: str) -> None:
    """One line on standard error."""
    errors.print(Text(f"factory: {line}", style="red" if errors.is_terminal else ""))


class Display:
    """Draws the events of a run; as a context it keeps a progress bar alive and the libraries' chatter in a log."""

    def __init__(self, asked: Config) -> None:
        self.asked, self.said, self.name, self.task = asked, 0.0, "", None
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
        log = Path(self.asked.runtime.runs) / "factory.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        logging.basicConfig(
            filename=log, level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s", force=True
        )
        logging.captureWarnings(True)
        if console.is_terminal:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if console.is_terminal:
            self.bar.stop()

    def event(
        self,
        message: str,
        *,
        done: int | None = None,
        total: int | None = None,
        begins: Any = None,
        found: bool = False,
        **figures: float,
    ) -> None:
        """One event of a stage."""
        if begins is not None:
            self.begin(begins, found)
            return
        text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        if console.is_terminal and self.task is not None:
            self.bar.update(
                self.task, description=f"{self.name}  {message}", completed=done or 0, total=total, figures=text
            )
        elif done is None or time.monotonic() - self.said > EVERY:
            self.said = time.monotonic()
            console.print(f"  {message} {f'{done}/{total}' if done is not None else ''} {text}".rstrip())

    def begin(self, step: Any, found: bool) -> None:
        """A stage starts: says with what, and where its product will be."""
        self.name = step.made.stage
        if self.task is not None:
            self.bar.remove_task(self.task)
        self.task = self.bar.add_task(self.name, total=None, figures="")
        if not found:
            console.print(f"[bold]{self.name}[/]  {step.made.folder}  from {', '.join(step.stage.needs)}")

    def stage(self, made: Made, found: bool) -> None:
        """A stage is done: one line with what came of it."""
        seconds = made.facts["seconds"]
        state = "found" if found else "made"
        console.print(
            f"[bold]{made.stage:<9}[/] {state:<5} {made.folder}  {seconds:.1f} s{' when made' if found else ''}"
        )
        for line in told(made):
            console.print(f"          {line}")

    def registered(self, found: Any) -> None:
        """The version, its alias, and the gate's verdict."""
        held = f"  alias {', '.join(found.aliases)}" if found.aliases else "  no alias"
        verdict = "gate passed" if found.verdict.passed else f"gate refused: {'; '.join(found.verdict.reasons)}"
        console.print(
            f"[bold]registered[/] {'found' if found.found else 'made'}  {found.model} version {found.version}{held}  ({verdict})"
        )

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

    def preview(self, rows: Iterable[Previewed]) -> None:
        """Rendered rows, the trained span in colour (and between marks where there is none)."""
        for row in rows:
            console.rule(f"{row.name}  {row.tokens} tokens, {row.trained} trained", align="left")
            console.print(Text(row.before, style="dim"), end="")
            console.print(Text(row.span if console.is_terminal else f"⟦{row.span}⟧", style="bold green"), end="")
            console.print(Text(row.after, style="dim"))
            console.print(Text(f"fate: {row.fate}", style="" if row.fate == "kept" else "yellow"))

    def registry(self, settings: Any, versions: list[Any], ours: Any) -> None:
        """The table of `factory registry`."""
        from factory.registry import aliases

        if not versions:
            console.print(f"{settings.model} has no versions in {settings.tracking_uri}: `factory run` registers one")
            return
        held = aliases(ours, settings.model)
        heads = (
            "version",
            "alias",
            "gate",
            "base",
            "adapter",
            "difference [interval]",
            "exam rows",
            "rank",
            "size",
            "adapter key",
        )
        table = columns(*heads)
        for version in versions:
            tags = version.tags
            table.add_row(
                str(version.version),
                ", ".join(held.get(str(version.version), [])),
                tags["validation_status"],
                tags["score_base"],
                tags["score_adapter"],
                Text(tags["difference"]),
                tags["exam_rows"],
                tags["rank"],
                f"{int(tags['adapter_bytes']) / 1024:.0f} KiB",
                tags["adapter_key"][:10],
            )
        console.print(f"[bold]{settings.model}[/]  {settings.tracking_uri}")
        console.print(table)


def columns(*names: str) -> Table:
    """An empty table; what does not fit a line goes on the next, nothing is cut."""
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def told(made: Made) -> list[str]:
    """A product's counts as the lines a person reads."""
    c = made.manifest["counts"]
    match made.stage:
        case "examples":
            rows = f"{c['rows']} rows of {c['candidates']} candidates"
            return [f"{rows}, {c['refused']} refused: {ranked(c['refused_by'])}"]
        case "kept":
            kept = f"{c['kept']} kept ({c['train']} train, {c['dev']} dev, {c['families']} families)"
            return [f"{kept}, {c['dropped']} dropped: {ranked(c['dropped_by'])}"]
        case "tokens":
            rows = f"{c['fitting']} rows, {c['tokens']:,} tokens, {c['trained_share']:.1%} trained"
            return [f"{rows}; longest {c['longest']}, over-long {c['overlong']}"]
        case "adapter":
            loss = f"loss {c['loss']:.4f}" + (f", dev loss {c['eval_loss']:.4f}" if "eval_loss" in c else "")
            size = f"{c['trained_parameters']:,} trained parameters, {c['adapter_bytes'] / 1024:.0f} KiB"
            return [f"{c['steps']} steps, {loss}; {size}"]
    return [scored(c), f"page: {made.folder / 'report.html'}"]


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
