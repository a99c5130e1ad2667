"""An adapter for MTS-Dialog's section headers, trained on its train split by the factory's own stages.

The rows come from outside: they have a family (their own id: no two are of one visit that we know of) and no state. They
are told as the suite tells them: a dialogue that does not fit by its first turns that do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from factory import models, pipeline, store, suites
from factory.config import Config
from factory.made_with import made_with
from factory.records import Example
from factory.rows import write_examples
from factory.store import Events, Source, Stage
from factory.suites import mts_dialog
from factory.suites.asking import fitted

OVERRIDES = ("specialist=medical", "suite=mts_dialog", "train.steps=300", "train.checkpoint_every=50")
"""Eight passes over 1,201 rows; what is typed on the command line comes after and wins."""
FITS = 496
"""Tokens of a prompt beside an answer of the suite, for a base that reads 512."""
PARTS = {"train": "train", "valid": "dev"}


def trained(asked: Config) -> Path:
    """The folder of the adapter, its products found again by their keys."""
    models.go_offline(asked.runtime)
    place, root = suites.folder(asked.suite), Path(asked.runtime.runs) / "external" / "mts-dialog"
    files = [place / part_of(asked.suite, part) for part in PARTS]
    given: dict[str, Any] = {
        "sections": Source(place, store.digest([store.sha256(file) for file in files])),
        "suite": asked.suite.model_copy(update={"folder": None}),
        "tokenizer": models.tokenizer_source(asked.base),
        "weights": models.weights_source(asked.base),
        "base": asked.adapted,
        "specialist": asked.specialist,
        **dict.fromkeys(("start", "pairs", "replay")),
        "tokenize": asked.tokenize,
        "train": asked.train,
        "seed": asked.seed,
    }
    own = [stage for stage in pipeline.STAGES if stage.makes in ("tokens", "adapter")]
    for stage in (Stage("kept", from_outside, version=2), *own):
        made = store.plan(stage, given, {}, root)
        store.run(stage, given, made, asked.runtime, quiet, made_with(asked.runtime))
        given[stage.makes] = made
    return given["adapter"].folder / "adapter"


def part_of(suite: Any, part: str) -> str:
    """The file of a part, beside that which the suite asks."""
    return str(Path(suite.file).with_name(f"{part}.jsonl"))


def from_outside(sections: Source, suite: Any, tokenizer: Source, *, out: Path, events: Events) -> dict[str, Any]:
    """Writes `kept.parquet` of the train split, the validation split as dev."""
    words = models.load_tokenizer(tokenizer)
    rows = [
        row
        for part, split in PARTS.items()
        for row in examples(Path(sections.path), suite.model_copy(update={"file": part_of(suite, part)}), words, split)
    ]
    write_examples(out / "kept.parquet", rows)
    return {"rows": len(rows), "kept": len(rows), "dropped": 0}


def examples(place: Path, suite: Any, words: Any, split: str) -> Iterator[Example]:
    """The rows of one part as Examples without a state."""
    for row in mts_dialog.rows(place, suite, None, 0):
        ids, turns = fitted(words, row, FITS)
        if len(ids) > FITS:
            raise ValueError(f"{row.id}: the first turn alone is over {FITS} tokens")
        yield Example(
            row.id,
            row.messages(turns),
            str(row.gold),
            None,
            row.group,
            {"shortened": "yes" if turns < len(row.turns) else "no", "section": str(row.gold)},
            {"teacher": "outside", "renderings": []},
            split,
        )


def quiet(*_: object, **__: object) -> None:
    """Progress nobody watches."""
