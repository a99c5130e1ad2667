"""Adapters really trained on rows that somebody plants, with their report and checkup, where the command line finds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from factory import config, models, pipeline, store
from factory.records import Example
from factory.rows import write_examples
from factory.store import Made
from tests.planted import made

WORDS = ("specialist=sql", "base=nano", "profile=smoke", "runtime.threads=1", "runtime.device=cpu", "checkup.rows=8")


def quiet(*_: Any, **__: Any) -> None:
    """Progress nobody watches."""


def trained(runs: Path, rows: Sequence[Example], *more: str) -> tuple[tuple[str, ...], dict[str, Made]]:
    """The products of a training on these rows as they are; and the words that find them."""
    words = (*WORDS, f"runtime.runs={runs}", *more)
    asked, found = config.load(list(words)), {}
    models.go_offline(asked.runtime)
    for step in pipeline.steps(asked, "checkup"):
        found[step.made.stage] = step.made
        if step.made.stage in ("examples", "kept"):
            step.made.folder.mkdir(parents=True)
            write_examples(step.made.folder / f"{step.made.stage}.parquet", rows)
            made(step.made.folder, step.made.stage, {}, {})
        else:
            store.run(step.stage, step.given, step.made, asked.runtime, quiet, {})
    return words, found
