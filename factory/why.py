"""Which training rows are nearest to an answer, and the whole way from them to the version that gave it.

Nearest, not cause: a row is named because it says what the answer says, not because the training was run without it.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from factory import config
from factory.ask import ask
from factory.errors import Mistake
from factory.filters.near_duplicate import clusters
from factory.lineage import Origin, Recorded
from factory.nearest import likeness, terms
from factory.records import Example
from factory.registry.index import interval
from factory.rows import TOLD, read_examples, read_jsonl, read_table

NOTE = "nearest, not cause: these rows share the most rare words with the answer; nobody trained without them"
TWINS = ("exact_duplicate", "near_duplicate")
"""Filters that drop a row because another one says the same."""
SAME = 0.999
"""Similarity from which texts are twins where no near duplicates were dropped."""


@dataclass(frozen=True)
class Answer:
    """What is asked about: a prompt and what the adapter said; of an exam row its id, the right answer, and the score."""

    prompt: str
    answer: str
    id: str | None = None
    gold: str | None = None
    score: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Near:
    """A training row near to an answer, and its way: who made it, what the filters said, when it was trained.

    `similarity` is what rows are ranked by, of `prompt_similarity` (a cosine) and `answer_similarity` (a share of the answer).
    `visits` are the times the row was trained: product, step, and loss in nats per token. `twins` are rows that were dropped
    since they say the same.
    """

    similarity: float
    prompt_similarity: float
    answer_similarity: float
    row: Example
    passed: list[str]
    unjudged: list[dict[str, Any]]
    twins: list[dict[str, Any]]
    visits: list[dict[str, Any]]

    def plain(self) -> dict[str, Any]:
        """Plain data, with the row's own fields among the others."""
        own = {name: value for name, value in vars(self).items() if name != "row"}
        return {**own, **asdict(self.row), "prompt": self.row.prompt}


@dataclass(frozen=True)
class Why:
    """An answer of a version, and the training rows nearest to it."""

    origin: Origin
    answer: Answer
    rows: list[Near]

    def plain(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "version": lineage(self.origin),
            "answer": asdict(self.answer),
            "note": NOTE,
            "nearest": [one.plain() for one in self.rows],
        }


def why(origin: Origin, asked: config.Config, row: str) -> Why:
    """The training rows nearest to the version's answer to an exam row, or to a prompt that it is asked now.

    Mistake where the rows it was trained on are not on this machine.
    """
    for stage in ("kept", "adapter"):
        if not origin.products[stage].complete:
            raise Mistake(
                str(origin.products[stage].folder),
                f"the {stage} of {origin.name} is not on this machine",
                f"factory reproduce {origin.number} brings it back",
            )
    answer = answered(origin, asked, row)
    return Why(origin, answer, nearest_rows(origin, asked.lineage, answer))


def answered(origin: Origin, asked: config.Config, row: str) -> Answer:
    """The version's answer: to the exam row of that id or number (from 1, in the report's order), or to a new prompt."""
    rows = origin.answers
    line = next((one for one in rows if one["id"] == row), None)
    if line is None and row.isdigit():
        if not 1 <= int(row) <= len(rows):
            raise Mistake(f"row {row}", "no such row in the report", f"write 1 to {len(rows)}, an id, or a prompt")
        line = rows[int(row) - 1]
    if line is None:
        settings = asked.registry.model_copy(update={"alias": origin.number})
        return Answer(row, ask(asked.model_copy(update={"registry": settings}), row).text)
    about = {name: line[f"adapter_{name}"] for name in ("answer", "score", "reason")}
    return Answer(line["prompt"], id=line["id"], gold=line["gold"], **about)


def nearest_rows(origin: Origin, settings: config.Lineage, answer: Answer) -> list[Near]:
    """The training rows nearest to an answer, the nearest first, each with its way."""
    kept = origin.products["kept"]
    training = [row for row in read_examples(kept.file("kept.parquet"), TOLD) if row.split == "train"]
    prompts, answers = similarities(answer, training, settings.ngram)
    whole = (1 - settings.answer) * prompts + settings.answer * answers
    first = [int(place) for place in np.argsort(-whole, kind="stable")[: settings.rows]]
    chosen = {training[place].id: place for place in first}
    found = {row.id: row for row in read_examples(kept.file("kept.parquet")).where(chosen.__contains__)}
    checks = [name for name in kept.manifest["asked"]["filter"] if name != "split"]
    odd, same, seen = unjudged(kept, chosen), twins(kept, list(found.values())), visits(origin, chosen)
    return [
        Near(
            *(round(float(of[place]), 4) for of in (whole, prompts, answers)),
            found[id],
            [name for name in checks if name not in {one["check"] for one in odd[id]}],
            odd[id],
            same[id],
            seen[id],
        )
        for id, place in chosen.items()
    ]


def similarities(answer: Answer, training: Sequence[Example], ngram: int) -> tuple[np.ndarray, np.ndarray]:
    """How near each row is by its prompt, a cosine, and by its answer, the share of the asked answer that it accounts for."""
    prompts = likeness([terms(answer.prompt, ngram)], [terms(row.prompt, ngram) for row in training])
    return prompts.toarray().ravel(), accounted(answer, training, ngram)


def accounted(answer: Answer, training: Sequence[Example], ngram: int) -> np.ndarray:
    """The share, by row, of what the answer says and its own prompt does not: what the prompt says could be copied.

    Every run of words weighs by how rare it is, and that is shared among the rows whose answers say it: a word that one
    row has is that row's alone, one that all rows have is nobody's. Runs that no row says count for none.
    """
    said = terms(answer.answer, ngram).keys() - terms(answer.prompt, ngram).keys()
    holders = [terms(row.answer, ngram).keys() & said for row in training]
    seen = Counter(term for own in holders for term in own)
    weights = {term: math.log(1 + len(training) / count) / count for term, count in seen.items()}
    whole = math.fsum(weights.values()) or 1.0
    return np.array([math.fsum(weights[term] for term in own) / whole for own in holders])


def unjudged(kept: Recorded, ids: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Row to the filters that could not judge it."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    if "unjudged.jsonl" in kept.manifest["payload"]:
        for one in read_jsonl(kept.file("unjudged.jsonl")):
            if one["id"] in ids:
                found[one["id"]].append(one)
    return found


def twins(kept: Recorded, rows: Sequence[Example]) -> dict[str, list[dict[str, Any]]]:
    """Row to those that were dropped because it, or one like it, says the same."""
    asked = kept.manifest["asked"]["filter"].get("near_duplicate", {"threshold": SAME})
    why = {
        one["id"]: one
        for one in read_table(kept.file("dropped.parquet"), ["id", "check", "reason", "number"])
        if one["check"] in TWINS
    }
    dropped = list(read_examples(kept.file("dropped.parquet"), TOLD).where(why.__contains__))
    texts = [f"{row.prompt}\n{row.answer}" for row in (*rows, *dropped)]
    group = clusters(texts, asked["threshold"], lambda *_, **__: None)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row, one in zip(rows, group, strict=False):
        for lost, other in zip(dropped, group[len(rows) :], strict=True):
            if one == other:
                found[row.id].append({**why[lost.id], "prompt": lost.prompt, "answer": lost.answer})
    return found


def visits(origin: Origin, ids: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Row to the steps in which it was trained, in their order, each with its loss in nats per token."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for stage in ("start", "adapter"):
        product = origin.products.get(stage)
        if product is not None and product.complete and ids:
            for one in read_table(product.file("rows.parquet"), ids=ids):
                loss = round(one["loss"] / max(1, one["tokens"]), 4)
                found[one["id"]].append({"product": stage, "step": one["step"], "loss": loss})
    return found


def lineage(origin: Origin) -> dict[str, Any]:
    """The way of a version as plain data: run, aliases, what it scored, and every product with what made it."""
    return {
        "model": origin.model,
        "version": origin.number,
        "aliases": list(origin.aliases),
        "run": origin.run,
        "begun_from": origin.begun_from,
        "tags": dict(origin.tags),
        "events": [asdict(event) for event in origin.events],
        "products": {
            stage: {
                "key": made.key,
                "folder": str(made.folder),
                "here": made.complete,
                "counts": made.manifest["counts"],
                "made_with": dict(made.made_with),
            }
            for stage, made in origin.products.items()
        },
    }


def about(origin: Origin) -> Iterator[str]:
    """A version in lines: what it is, what holds it, how it came to be."""
    tags = origin.tags
    held = f", {', '.join(origin.aliases)}" if origin.aliases else ""
    base, adapter = (f"{float(tags[f'score_{who}']):.1%}" for who in ("base", "adapter"))
    value, low, high = (f"{100 * end:+.1f}" for end in interval(tags["difference"]))
    yield f"{origin.name}{held}: {tags['base']} {base}, adapter {adapter}"
    yield f"difference {value} points [{low}, {high}], gate {tags['validation_status']}; run {origin.run}"
    for event in origin.events:
        alias = f" {event.alias}: version {event.before or 'nobody'} -> {event.after}" if event.alias else ""
        yield f"{event.when[:19]}Z {event.who} {event.what}{alias}, {event.outcome}{f': {event.why}' if event.why else ''}"
    if origin.begun_from:
        yield f"its training went on from version {origin.begun_from}, whose rows count too: factory why {origin.begun_from}"
    same = {json.dumps(dict(made.made_with)): made.made_with for made in origin.products.values() if made.made_with}
    for one in same.values():
        yield f"made with {', '.join(f'{name} {value}' for name, value in one.items())}"


def told(found: Why, most: int) -> Iterator[str]:
    """An answer and its nearest rows in lines; of a text at most so many characters."""
    origin, answer = found.origin, found.answer
    yield f"{origin.name}, run {origin.run}, adapter {origin.products['adapter'].key[:10]}"
    yield f"prompt    {short(answer.prompt, most)}"
    yield f"answer    {short(answer.answer, most)}"
    if answer.id:
        reason = f" ({answer.reason})" if answer.reason else ""
        yield f"exam row  {answer.id}: score {answer.score:g}{reason}, right is {short(answer.gold or '', most)}"
    yield NOTE
    for number, one in enumerate(found.rows, 1):
        yield ""
        yield from of_row(number, one, most)


def of_row(number: int, one: Near, most: int) -> Iterator[str]:
    """A near row and its way in lines."""
    row, made = one.row, one.row.provenance
    yield (
        f"{number}. {row.id}  similarity {one.similarity:.3f} (answer {one.answer_similarity:.3f}, prompt "
        f"{one.prompt_similarity:.3f})  {row.split}, family {row.family}"
    )
    yield f"   prompt    {short(row.prompt, most)}"
    yield f"   answer    {short(row.answer, most)}"
    yield f"   state     {short(json.dumps(small_first(row.state)), most) if row.state else 'none'}"
    others = {name: value for name, value in made.items() if name not in ("teacher", "renderings")}
    more = "".join(f", {name} {short(str(value), most)}" for name, value in others.items())
    yield f"   made by   {made.get('teacher', 'unknown')}{more}; told as {', '.join(made.get('renderings', [])) or '-'}"
    yield f"   filters   passed {', '.join(one.passed) or 'none'}"
    for odd in one.unjudged:
        yield f"   filters   not judged by {odd['check']}: {odd['reason']}"
    for twin in one.twins:
        number_ = "" if twin["number"] is None else f" ({twin['number']:g})"
        yield f"   dropped   {twin['id']} by {twin['check']}: {twin['reason']}{number_}"
    steps = ", ".join(f"{visit['step']} ({visit['loss']:.3f})" for visit in one.visits)
    yield f"   trained   {f'in step (nats per token) {steps}' if steps else 'in no step'}"


def small_first(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state with its short parts first: a pattern says more in one line than the rows of a database."""
    return dict(sorted(state.items(), key=lambda part: len(json.dumps(part[1]))))


def short(text: str, most: int) -> str:
    """A text on one line, cut where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
