"""How well the base's difficulty (IFD) tells answers from those of other prompts, and how fast. `make bench`.

    python -m tests.benchmarks.difficulty [KEY=VALUE ...]

Prints, for the first 512 rows of each specialist: rows scored per CPU second of one thread, the area under the ROC curve of
shuffled against honest rows, and the share of either at some thresholds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from factory.display import columns, console
from tests.contract.test_quality import area, honest, scores, shuffled

ROWS = 512
THRESHOLDS = (1.0, 0.3, 0.1, 0.05)


def main(words: list[str]) -> None:
    """The table."""
    heads = [f"IFD {threshold:g} or more" for threshold in THRESHOLDS]
    table = columns("specialist", "rows a CPU-s", "area", "own easier", *heads)
    for name in ("sql", "medical", "creative"):
        rows = honest(name, ROWS)
        with tempfile.TemporaryDirectory() as place:
            start = time.process_time()
            found = scores(Path(place), [*rows, *shuffled(rows)], *words)
            pace = 2 * ROWS / (time.process_time() - start)
        own = np.array([found[row.id] for row in rows])
        other = np.array([found[f"shuffled {row.id}"] for row in rows])
        shares = [f"{np.mean(own >= one):.1%} honest, {np.mean(other >= one):.1%} shuffled" for one in THRESHOLDS]
        table.add_row(name, f"{pace:.0f}", f"{area(own, other):.3f}", f"{np.mean(own < other):.1%}", *shares)
    console.print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
