"""What adapters make of a base as it grew: the exam on each snapshot of its training, on the base's card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factory import pipeline
from factory.config import Config
from factory.store import write

HEAD = "## The exam against what the base has read"
COLUMNS = ("specialist", "tokens that the base has read", "adapter", "interval", "base")


def line(asked: Config, tokens: int) -> tuple[str, ...]:
    """What the report of that configuration says, as cells."""
    counts = pipeline.products(asked, "report")["report"].manifest["counts"]
    adapter, base = counts["adapter"], counts["base"]
    spread = f"{adapter['low']:.1%} to {adapter['high']:.1%}"
    return asked.specialist.name, f"{tokens:,}", f"{adapter['value']:.1%}", spread, f"{base['value']:.1%}"


def on_the_card(asked: Config, lines: Sequence[tuple[str, ...]]) -> Path:
    """Writes the table at the end of the base's card, in the place of an older one."""
    path = Path(asked.pretrain.out) / "README.md"
    rows = "\n".join(f"| {' | '.join(cells)} |" for cells in sorted(lines, key=lambda cells: cells[0]))
    table = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n{rows}\n"
    said = "Adapters trained on it as it was then, as the configuration says, and their score on the whole exam:"
    write(path, f"{path.read_text(encoding='utf-8').partition(HEAD)[0].rstrip()}\n\n{HEAD}\n\n{said}\n\n{table}")
    return path
