"""Real sets beside their trivial floors: `make external`, or `python -m tests.external [SET ...] [KEY=VALUE ...]`.

Prints a table and appends each run to `runs/external/SET.jsonl`. Needs the evaluation sets (`../shared/data`, or where
FACTORY_EVAL_DATA says) and the adapters of the configuration: what lacks one says so, and the others go on.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from factory import config, human
from factory.display import Display, columns, complain, console
from factory.errors import FactoryError
from tests.external import collie, commongen, mts_dialog, private_data, spider
from tests.external.scored import Line

SETS = {
    "spider": spider,
    "mts-dialog": mts_dialog,
    "commongen": commongen,
    "collie": collie,
    "private-data": private_data,
}
HEADS = ("set", "slice", "arm", "rows", "score", "95 % interval", "floor", "lead over the floor", "beaten")


def main(argv: Sequence[str]) -> int:
    """Runs the named sets, or all; 0 when every one could be run, 3 otherwise."""
    overrides = [word for word in argv if "=" in word or word.startswith("~")]
    wanted = [word for word in argv if word not in overrides] or list(SETS)
    place = human.folder()
    if place is None:
        complain("no evaluation sets: set FACTORY_EVAL_DATA")
        return 3
    done = [one(name, place, overrides) for name in wanted]
    return 0 if all(done) else 3


def one(name: str, place: Path, overrides: Sequence[str]) -> bool:
    """Runs one set; False where something it needs is not there."""
    part, began = SETS[name], time.time()
    asked = config.load([f"specialist={part.SPECIALIST}", *getattr(part, "OVERRIDES", ()), *overrides])
    try:
        with Display(asked), tempfile.TemporaryDirectory() as work:
            lines, notes = part.run(asked, place, Path(work))
    except FactoryError as error:
        complain(f"{name} is not run: {error}")
        return False
    show(lines, notes)
    record(Path(asked.runtime.runs) / "external" / f"{name}.jsonl", lines, notes, asked, time.time() - began)
    return True


def show(lines: Sequence[Line], notes: Sequence[str]) -> None:
    """The table of one set."""
    table = columns(*HEADS)
    for line in lines:
        score, lead = line.score, line.lead
        cells = (
            line.what,
            line.slice,
            line.arm,
            str(line.rows),
            f"{score.value:.1%}",
            f"{score.low:.1%} to {score.high:.1%}",
        )
        ends = (
            f"{line.floor:.1%}",
            f"{lead.value:+.1%} ({lead.low:+.1%} to {lead.high:+.1%})",
            "yes" if line.beaten else "no",
        )
        table.add_row(*cells, *ends)
    console.print(table)
    for note in notes:
        console.print(f"  {note}")


def record(path: Path, lines: Sequence[Line], notes: Sequence[str], asked: config.Config, seconds: float) -> None:
    """Appends the run: its lines, notes, and the base and seed it was made with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    about = {"finished": when, "seconds": round(seconds, 1), "base": asked.base.name, "seed": asked.seed}
    with path.open("a") as file:
        file.write(json.dumps(about | {"notes": list(notes), "lines": [line.plain() for line in lines]}) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
