"""Is the second training worth it: the adapter before and after DPO by the verifier's pairs, on rows neither has seen.

    python tests/preference.py specialist=sql [KEY=VALUE ...]

Three seeds (of rows and training). Both adapters answer the development rows of their seed, whose families no training row
shares; the verifier scores them. Prints each seed's scores and the difference over all, with an interval over families.
It can be killed and goes on where it was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from factory import config, models, pipeline, store
from factory.display import columns, console
from factory.rows import FIELDS, read_examples
from factory.specialist import find
from factory.stages.sitting import Hall
from factory.stats import mcnemar, paired_bootstrap
from factory.store import Made

SEEDS = (3, 4, 5)
"""Settings were chosen on 0 and 1."""
DEV = "filter.split.dev_share=0.2"
"""Rows enough to tell a small difference."""


def quiet(*_: object, **__: object) -> None:
    """Progress nobody watches."""


def both(words: Sequence[str], seed: int) -> dict[str, Any]:
    """Families, and the scores before and after, of one seed's development rows."""
    asked = config.load([DEV, "train=dpo", *words, f"seed={seed}"])
    made = {step.made.stage: step.made for step, _ in pipeline.run(asked, "adapter", quiet)}
    place = Path(asked.runtime.runs) / "preference" / f"{made['adapter'].key[:10]}.json"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        rows = [row for row in read_examples(made["kept"].file("kept.parquet"), FIELDS) if row.split == "dev"]
        found = {"families": [f"{seed} {row.family}" for row in rows], "pairs": made["pairs"].manifest["counts"]}
        found |= {name: scores(asked, made[name], rows) for name in ("start", "adapter")}
        store.write(place, json.dumps(found))
    return json.loads(place.read_text())


def scores(asked: config.Config, adapter: Made, rows: Sequence[Any]) -> list[float]:
    """The verifier's scores of an adapter's greedy answers."""
    weights, tokenizer = models.weights_source(asked.base), models.tokenizer_source(asked.base)
    words, base = models.load_tokenizer(tokenizer), asked.adapted
    with models.base_on_loan(weights, base, asked.runtime) as bare:
        model = models.attach(bare, adapter.folder / "adapter", models.base_contract(weights, tokenizer, base))
        said = Hall(find(asked.specialist.name), rows, words, asked.evaluate, quiet).sit(model, "rows")
    return [one.score.value for one in said]


def main(words: Sequence[str]) -> None:
    """Runs what is missing and prints the table; `seeds=0,1` takes others."""
    seeds = next(([int(one) for one in word[6:].split(",")] for word in words if word.startswith("seeds=")), SEEDS)
    words = [word for word in words if not word.startswith("seeds=")]
    asked = config.load([DEV, "train=dpo", *words])
    with ProcessPoolExecutor(asked.runtime.jobs, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(both, [words] * len(seeds), seeds))
    table = columns("seed", "rows", "pairs", "before", "after", "gained", "lost", "difference", "95 % interval")
    everything = {name: [one for part in found for one in part[name]] for name in ("families", "start", "adapter")}
    parts = [*zip(map(str, seeds), found, strict=True), ("all", everything)]
    for name, part in parts:
        before, after = part["start"], part["adapter"]
        lead = paired_bootstrap(before, after, part["families"], asked.evaluate.bootstrap, 0.95, 0)
        test = mcnemar(before, after)
        table.add_row(
            name,
            str(len(before)),
            str(part["pairs"]["pairs"]) if "pairs" in part else "",
            f"{sum(before) / len(before):.1%}",
            f"{sum(after) / len(after):.1%}",
            str(test.gained),
            str(test.lost),
            f"{100 * lead.value:+.1f}",
            f"{100 * lead.low:+.1f} to {100 * lead.high:+.1f}",
        )
    console.print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
