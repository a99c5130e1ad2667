"""What the fleet's adapters cost each other's tasks: every champion on every specialist's exam and on the base's own text.

Every cell is a product of its own (`runs/<specialist>/cell-<key>`), so a new champion sits three exams and not nine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from factory import models, pipeline, registry, specialist, store
from factory.config import Config
from factory.errors import Mistake
from factory.made_with import made_with
from factory.pages import interference_page
from factory.rows import read_table
from factory.stages.crossing import exam_cell, text_cell
from factory.stats import Interval, paired_bootstrap
from factory.store import Events, Made, Source, Stage
from factory.suites.who import of_folder

EXAM, TEXT = Stage("cell", exam_cell, version=1), Stage("cell", text_cell, version=1)
BASE = "base"
GENERAL = "general"
"""Folder of the cells that are the base's own text."""


@dataclass(frozen=True)
class Cell:
    """One adapter on one exam: its score, and the lead over the base on the same rows; both with intervals."""

    adapter: str
    exam: str
    rows: int
    score: Interval
    over_base: Interval


@dataclass(frozen=True)
class Kept:
    """What one adapter leaves of the base's own text: nats per token."""

    adapter: str
    loss: float
    base: float


@dataclass(frozen=True)
class Matrix:
    """Adapters by name with their versions, the exams, a cell for each pair, and the losses on the base's text if it has any."""

    adapters: Mapping[str, str]
    exams: Sequence[str]
    cells: Sequence[Cell]
    kept: Sequence[Kept]

    def plain(self) -> dict[str, Any]:
        """All of it as JSON-able data; adapters are rows, exams are columns."""
        return asdict(self)

    def cell(self, adapter: str, exam: str) -> Cell:
        """The cell of an adapter and an exam."""
        return next(one for one in self.cells if (one.adapter, one.exam) == (adapter, exam))


def interference(asked: Mapping[str, Config], events: Events) -> Matrix:
    """The matrix of the specialists that are named, their adapters those that hold `registry.alias`.

    Mistake where one of them has no such version, ContractMismatch where it was trained on another base.
    """
    models.go_offline(next(iter(asked.values())).runtime)
    champions = {name: registry.fetch(one.registry, one.registry.alias, fetched(one)) for name, one in asked.items()}
    adapters = {name: of_folder(folder) for name, (folder, _) in champions.items()}
    versions = {name: f"version {version.version}" for name, (_, version) in champions.items()}
    if len({(one.base.name, one.adapted.model_dump_json()) for one in asked.values()}) > 1:
        raise Mistake("interference", "the specialists have different bases", "name one base for all")
    cells = [cell for name, one in asked.items() for cell in column(name, one, adapters, events)]
    first = next(iter(asked.values()))
    return Matrix(versions, list(asked), cells, list(kept(first, adapters, events)))


def fetched(asked: Config) -> Path:
    """Where adapters of the registry are put."""
    return Path(asked.runtime.runs) / "fetched"


def column(exam: str, asked: Config, adapters: Mapping[str, Source], events: Events) -> Iterator[Cell]:
    """Every adapter on the exam of one specialist."""
    task = specialist.find(exam)
    given = shared(asked) | {
        "specialist": asked.specialist,
        "exam": pipeline.exam(task),
        "evaluate": asked.evaluate,
        "seed": asked.seed,
    }
    done = partial(made, EXAM, given, {"specialist": task.version}, asked, exam)
    alone = read_table(done(None, BASE, events).file("answers.parquet"))
    for name, adapter in adapters.items():
        cell = done(adapter, name, events)
        theirs = read_table(cell.file("answers.parquet"))
        pairs = ([row["score"] for row in side] for side in (alone, theirs))
        how = (asked.evaluate.bootstrap, asked.evaluate.confidence, asked.seed)
        over = paired_bootstrap(*pairs, [row["family"] for row in alone], *how)
        counts = cell.manifest["counts"]
        yield Cell(name, exam, counts["rows"], Interval(**counts["score"]), over)


def kept(asked: Config, adapters: Mapping[str, Source], events: Events) -> Iterator[Kept]:
    """Every adapter on the base's own text; none where the base names none."""
    text = pipeline.general(asked)
    if text is None:
        return
    done = partial(made, TEXT, shared(asked) | {"general": text}, {}, asked, GENERAL)
    alone = done(None, BASE, events).manifest["counts"]["loss"]
    for name, adapter in adapters.items():
        yield Kept(name, done(adapter, name, events).manifest["counts"]["loss"], alone)


def shared(asked: Config) -> dict[str, Any]:
    """What every cell is given."""
    return {
        "tokenizer": models.tokenizer_source(asked.base),
        "weights": models.weights_source(asked.base),
        "base": asked.adapted,
    }


def made(
    stage: Stage,
    given: Mapping[str, Any],
    versions: Mapping[str, int],
    asked: Config,
    folder: str,
    adapter: Source | None,
    name: str,
    events: Events,
) -> Made:
    """One cell, made or found."""
    its = {**given, "adapter": adapter}
    cell = store.plan(stage, its, versions, Path(asked.runtime.runs) / folder)
    row = f"{name} on {folder}"
    events("found" if cell.complete else "begins", row=row)
    told = partial(events, row=row)
    return store.run(stage, its, cell, asked.runtime, told, {} if cell.complete else made_with(asked.runtime))


def page(matrix: Matrix, asked: Config) -> Path:
    """Writes the matrix as a page into the folder of the runs; its path."""
    place = Path(asked.runtime.runs) / "interference.html"
    wanted = asked.registry.gate
    store.write(place, interference_page.page(matrix.plain(), asked.evaluate.confidence, wanted.general))
    return place
