"""Whose answers are judged: base and adapter as the report has them, a registered version's, right ones, planted wrong ones.

No model is loaded: answers come with their scores from where they were given and graded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from factory import pipeline, registry
from factory.config import Config
from factory.errors import DataMistake, Mistake
from factory.judging.figures import TIE, A, B, preferred
from factory.lineage import origin
from factory.records import Example, stream_id
from factory.rows import read_exam, read_table
from factory.specialist import Specialist, find
from factory.stages.sitting import chosen
from factory.store import Source, digest, sha256

DEFAULT = ("adapter", "base")
GOLD, WRONG = "gold", "wrong"
PLACES = {GOLD: "the exam's own answers", WRONG: "planted wrong answers"}
HINT = "adapter, base, gold, wrong, or the alias or number of a registered version"
LABELS = {"a": A, "b": B, "tie": TIE}
"""How people write which answer is better."""


@dataclass(frozen=True)
class Side:
    """One whose answers are judged: its name, where they are from, and by row's id the answer and its score."""

    name: str
    place: str
    answers: Mapping[str, tuple[str, float]] = field(repr=False)


@dataclass(frozen=True)
class Pair:
    """Two answers to one exam row, and which of them is better as far as that is known: A, B or tie."""

    id: str
    family: str
    prompt: str
    a: str
    b: str
    known: str

    @property
    def lengths(self) -> tuple[int, int]:
        """Of both, in characters."""
        return len(self.a), len(self.b)


@dataclass(frozen=True)
class Case:
    """What is laid before a judge: two sides' answers in pairs, and right answers beside planted wrong ones."""

    specialist: str
    exam: str
    first: Side
    second: Side
    pairs: list[Pair]
    planted: list[Pair]

    @property
    def identity(self) -> dict[str, Any]:
        """How it stands in a key."""
        texts = digest([asdict(pair) for pair in (*self.pairs, *self.planted)])
        return {"exam": self.exam, "first": self.first.place, "second": self.second.place, "texts": texts}


def case(asked: Config, names: Sequence[str]) -> Case:
    """The case of the two who are named, none: adapter and base.

    Mistake where one is not there, both are the same, or there is nothing to judge between them.
    """
    if len(names or DEFAULT) != 2:
        raise Mistake(
            f"judge {' '.join(names)}", "two are judged, or none is named", "write: factory judge adapter base"
        )
    first, second = (side(asked, name) for name in names or DEFAULT)
    if first.place == second.place:
        raise Mistake(f"judge {first.name} {second.name}", f"both are {first.place}", "name another one beside it")
    task = find(asked.specialist.name)
    exam = pipeline.exam(task)
    rows = read_exam(Path(exam.path))
    both = [row for row in rows if row.id in first.answers and row.id in second.answers]
    found = pairs(chosen(both, asked.judge.rows, asked.seed), first, second)
    if all(pair.a == pair.b for pair in found):
        what = "gave the same answer to every row that both answered" if found else "answered no row in common"
        raise Mistake(f"{first.name} and {second.name}", what, "there is nothing to judge")
    known = chosen(rows, asked.judge.known, asked.seed) if asked.judge.known else []
    return Case(task.name, exam.digest, first, second, found, planted(known, task, asked.seed))


def side(asked: Config, name: str) -> Side:
    """The one of that name, on the present exam."""
    task = find(asked.specialist.name)
    if name in ("base", "adapter"):
        return of_report(asked, name)
    if name in PLACES:
        rows = read_exam(Path(pipeline.exam(task).path))
        return Side(name, PLACES[name], check(rows, task, asked.seed, name))
    if not registry.there(asked.registry):
        raise Mistake(name, f"nobody of that name, and no registry at {asked.registry.tracking_uri}", HINT)
    return of_version(asked, name)


def of_report(asked: Config, who: str) -> Side:
    """The answers of `base` or `adapter` in the report of this configuration; Mistake where it is not made yet."""
    *_, last = pipeline.steps(asked, "report")
    if not last.made.complete:
        raise Mistake(str(last.made.folder), "no report of this configuration yet", "make it: factory evaluate")
    return Side(who, f"{who} of {last.made.folder.name}", answers(read_table(last.made.file("answers.parquet")), who))


def of_version(asked: Config, name: str) -> Side:
    """The answers that were registered with a version, named by its number: an alias moves, and what was judged stays.

    Mistake where it sat another exam.
    """
    found, exam = origin(asked, name), pipeline.exam(find(asked.specialist.name)).digest
    if found.tags["exam"] != exam:
        told = f"sat another exam ({found.tags['exam'][:10]}) than the present one ({exam[:10]})"
        raise Mistake(found.name, told, "evaluate it on the present one: factory run with its configuration")
    return Side(f"version {found.number}", found.name, answers(found.answers, "adapter"))


def answers(lines: Iterable[Mapping[str, Any]], who: str) -> dict[str, tuple[str, float]]:
    """By row's id what one answered, and its score."""
    return {line["id"]: (line[f"{who}_answer"], float(line[f"{who}_score"])) for line in lines}


def check(rows: Iterable[Example], task: Specialist, seed: int, who: str) -> dict[str, tuple[str, float]]:
    """The answers of `gold` or `wrong` with the verifier's scores."""
    return {row.id: both[who] for row in rows for both in [known(row, task, seed)] if who in both}


def known(row: Example, task: Specialist, seed: int) -> dict[str, tuple[str, float]]:
    """A row's own answer and one of its planted wrong ones, drawn by its id and the seed, with the verifier's scores.

    None of a row that has no state, no wrong one where none can be planted.
    """
    if not row.state:
        return {}
    some = task.corrupt(task.state(**row.state))
    texts = {GOLD: row.answer} | ({WRONG: some[int(stream_id(WRONG, seed, row.id), 16) % len(some)]} if some else {})
    scores = task.grade(row, list(texts.values()))
    return {who: (text, score.value) for (who, text), score in zip(texts.items(), scores, strict=True)}


def pairs(rows: Sequence[Example], first: Side, second: Side) -> list[Pair]:
    """The rows that both answered, as pairs; what is known is what the verifier's scores say."""
    return [
        Pair(row.id, row.family, row.prompt, a, b, preferred(of_a, of_b))
        for row in rows
        if row.id in first.answers and row.id in second.answers
        for (a, of_a), (b, of_b) in [(first.answers[row.id], second.answers[row.id])]
    ]


def planted(rows: Sequence[Example], task: Specialist, seed: int) -> list[Pair]:
    """Right answers beside planted wrong ones; which of them is A is drawn, so that no word is right more often."""
    found = {row.id: known(row, task, seed) for row in rows}
    gold, bad = (Side(who, "", {name: one[who] for name, one in found.items() if who in one}) for who in (GOLD, WRONG))
    heads = {row.id: int(stream_id("side", seed, row.id), 16) % 2 for row in rows}
    drawn = (pair for row in rows for pair in pairs([row], *((bad, gold) if heads[row.id] else (gold, bad))))
    return [pair for pair in drawn if pair.known != TIE]


def labels(path: Path, ids: set[str]) -> dict[str, str]:
    """By row's id which answer people think better; DataMistake names the line that cannot be read, or is of no row."""
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            one = json.loads(line)
            name, better = str(one["id"]), LABELS[one["better"]]
        except (ValueError, LookupError, TypeError):
            hint = 'write {"id": "a row of the exam", "better": "a"}, or b, or tie'
            raise DataMistake(f"{path}:{number}", "is no label", hint) from None
        if name not in ids or name in found:
            what = "is labelled twice" if name in found else "is none of the pairs that are judged"
            raise DataMistake(f"{path}:{number}", f"row {name} {what}", "mend the line, or judge.rows")
        found[name] = better
    return found


def human(asked: Config) -> Source | None:
    """The file of labels, by content; none where none is named."""
    if asked.judge.human is None:
        return None
    path = Path(asked.judge.human).expanduser()
    if not path.is_file():
        raise Mistake(f"judge.human={path}", "no such file", "write it as a path from here")
    return Source(path, sha256(path))
