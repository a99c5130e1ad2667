"""10,000 SQL rows read back by `factory/specialists/sql/reading.py`, which shares no code with what made them:

python tests/contract/check_sql.py 10000
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from factory.specialists.sql.reading import faults

__all__ = ["faults", "main", "rows"]


def rows(count: int, side: str, held_out: bool) -> Iterator[tuple[Any, str]]:
    """Streams of the specialist until `count` rows are kept: the row, or nothing, and its fate."""
    from factory.specialist import Inapplicable, find
    from factory.stages.generate import admit

    task, index, settings = find("sql"), 0, drawn_with()
    while count:
        try:
            example = task.example(index, 0, settings, side, held_out and index % 2 == 0)
            fate = admit(task, example).reason
        except Inapplicable as none:
            example, fate = None, f"not drawn: {none}"
        index, count = index + 1, count - (not fate)
        yield (None if fate else example), fate


@cache
def drawn_with() -> Any:
    """The settings of the specialist, as configured."""
    from factory.config import load
    from factory.specialist import find

    return find("sql").typed(load(["specialist=sql"]).specialist.settings)


def main(words: list[str]) -> int:
    """Checks so many rows of each side and prints the wrong ones, the refusals and the rows per CPU-second."""
    count, wrong, fates, started = int(words[0]) if words else 10_000, 0, Counter(), time.process_time()
    for side in ("train", "exam"):
        for example, fate in rows(count // 2, side, held_out=side == "exam"):
            fates[fate or "kept"] += 1
            found = faults(example.prompt, example.answer, example.state) if example else []
            wrong += bool(found)
            for fault in found:
                print(f"{fault}\n  {example.prompt.partition('Question: ')[2]}\n  {example.answer}")
    spent = time.process_time() - started
    print(
        f"{count} rows of {sum(fates.values())} candidates, {wrong} wrong; {count / spent:.0f} rows a CPU-second with the check"
    )
    print("\n".join(f"  {n / sum(fates.values()):6.1%} {fate}" for fate, n in fates.most_common()))
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
