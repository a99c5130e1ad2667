"""Real sets beside their trivial floors: `make external`, or `python -m tests.external [SET ...] [KEY=VALUE ...]`.

The suites are sat by base and adapter through `factory suite`; MTS-Dialog by an adapter trained on its train split. Private
data is no suite: its table is printed, and each run appended to `runs/external/private-data.jsonl`. Needs the evaluation
sets (`../shared/data`, or where FACTORY_EVAL_DATA says) and the adapters of the configuration: what lacks one says so, and
the others go on.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from factory import cli, config, human
from factory.display import Display, columns, complain, console
from factory.errors import FactoryError
from tests.external import mts_dialog, private_data
from tests.external.scored import Line

SUITES = {
    "spider": "sql",
    "spider_syn": "sql",
    "spider_realistic": "sql",
    "spider_dk": "sql",
    "defog": "sql",
    "commongen": "creative",
    "collie": "creative",
}
"""Suite to the specialist that is asked."""
OTHERS = ("mts-dialog", "private-data")
HEADS = ("set", "slice", "arm", "rows", "score", "95 % interval", "floor", "lead over the floor", "beaten")


def main(argv: Sequence[str]) -> int:
    """Runs the named sets, or all; 0 when every one could be run, else the code of one that could not."""
    overrides = [word for word in argv if "=" in word or word.startswith("~")]
    wanted = [word for word in argv if word not in overrides] or [*SUITES, *OTHERS]
    if human.folder() is None:
        complain("no evaluation sets: set FACTORY_EVAL_DATA")
        return 3
    return max(one(name, overrides) for name in wanted)


def one(name: str, overrides: Sequence[str]) -> int:
    """Runs one set; the exit code of what it needs and is not there."""
    try:
        if name == "mts-dialog":
            adapter = mts_dialog.trained(config.load([*mts_dialog.OVERRIDES, *overrides]))
            return cli.main(["suite", "mts_dialog", f"base,{adapter}", "specialist=medical", *overrides])
        if name == "private-data":
            return private(overrides)
    except FactoryError as error:
        complain(f"{name} is not run: {error}")
        return error.exit_code
    return cli.main(["suite", name, f"specialist={SUITES[name]}", *overrides])


def private(overrides: Sequence[str]) -> int:
    """The table of what is found of private data."""
    began, asked = time.time(), config.load([f"specialist={private_data.SPECIALIST}", *overrides])
    with Display(asked), tempfile.TemporaryDirectory() as work:
        lines, notes = private_data.run(asked, human.folder(), Path(work))
    show(lines, notes)
    record(Path(asked.runtime.runs) / "external" / "private-data.jsonl", lines, notes, asked, time.time() - began)
    return 0


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
