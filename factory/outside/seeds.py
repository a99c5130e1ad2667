"""What a teacher makes rows from, where no grammar draws them: sentences of documents, points of a grid of attributes.

A seed is an Example whose prompt is the question for the teacher, and whose answer is still empty.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

import yaml

from factory.config import Source
from factory.errors import ConfigMistake, DataMistake, closest
from factory.outside import State
from factory.outside.shapes import filled
from factory.records import Example, stream_id
from factory.text import words

KINDS = (".md", ".txt")
"""Endings of the files that are read as documents."""
SHORTEST = 5
"""Words of a sentence that is asked about, at least."""
SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])")
HEADING = re.compile(r"#{1,6} +(.+)")


@dataclass(frozen=True)
class Passage:
    """Some paragraphs of a document that stand together: file, first line, heading above them, and text."""

    document: str
    line: int
    heading: str
    text: str


def seeds(name: str, source: Source, seed: int) -> Iterator[Example]:
    """The seeds of a source, in an order that the seed fixes: each sentence once, the points of a grid again and again."""
    if source.kind == "grid":
        yield from points(name, source, seed)
        return
    found = [(passage, sentence) for passage in passages(source) for sentence in sentences(passage.text)]
    if not found:
        raise DataMistake(
            str(source.train), f"no sentence of {SHORTEST} words or more", "is it plain text or Markdown?"
        )
    for passage, sentence in Random(f"{name}/{seed}").sample(found, len(found)):
        about = {"document": passage.document, "line": passage.line, "passage": passage.text, "support": sentence}
        family = f"{passage.document}: {passage.heading}" if passage.heading else passage.document
        asked = filled(str(source.ask), {"passage": passage.text, "sentence": sentence}, "ask")
        yield planted(stream_id(name, seed, *about.values()), source, asked, family, {}, about)


def planted(
    identity: str, source: Source, asked: str, family: str, tags: dict[str, str], about: dict[str, object]
) -> Example:
    """One seed."""
    state = State(answer="", rejected=None, family=family, score=source.score)
    labels = {**tags, "origin": source.kind, "balance": identity}
    return Example(
        identity, ({"role": "user", "content": asked},), "", state.model_dump(mode="json"), family, labels, about
    )


def documents(source: Source) -> list[Path]:
    """The files of a source of documents; DataMistake where there is none."""
    path = Path(str(source.train)).expanduser()
    found = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.suffix in KINDS)
    if not found:
        raise DataMistake(f"source.train={source.train}", f"no {' or '.join(KINDS)} file", "name a file or a folder")
    return found


def passages(source: Source) -> Iterator[Passage]:
    """The passages of all documents: paragraphs below one heading, joined up to `source.passage` words."""
    for path in documents(source):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise DataMistake(str(path), f"is not UTF-8 at byte {error.start}", "save it as UTF-8") from None
        yield from joined(path.name, lines, source.passage)


def joined(document: str, lines: list[str], most: int) -> Iterator[Passage]:
    """Paragraphs in their order, as many together as fit; a heading ends a passage, code and tables are left out."""
    heading, start, held, size = "", 1, [], 0
    for number, text in paragraphs(lines):
        title = HEADING.fullmatch(text)
        if held and (title or size + len(words(text)) > most):
            yield Passage(document, start, heading, "\n".join(held))
            held, size = [], 0
        if title:
            heading = title[1].strip()
            continue
        start = start if held else number
        held.append(text)
        size += len(words(text))
    if held:
        yield Passage(document, start, heading, "\n".join(held))


def paragraphs(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Paragraphs and headings with the number of their first line; no code, no tables, no rules."""
    held: list[str] = []
    start, code = 1, False
    for number, line in enumerate([*lines, ""], 1):
        text = line.strip()
        fence = text.startswith(("```", "~~~"))
        code = code != fence
        apart = (
            not text or fence or code or text.startswith("|") or HEADING.fullmatch(text) or set(text) <= set("-=*_ ")
        )
        if held and apart:
            yield start, " ".join(held)
            held = []
        if not apart:
            start = start if held else number
            held.append(text)
        elif HEADING.fullmatch(text) and not code:
            yield number, text


def sentences(passage: str) -> list[str]:
    """The sentences of a passage that are long enough to be asked about."""
    return [one for line in passage.split("\n") for one in SENTENCE.split(line) if len(words(one)) >= SHORTEST]


def points(name: str, source: Source, seed: int) -> Iterator[Example]:
    """The points of the grid in random order, each once before any comes again."""
    grid = attributes(Path(str(source.train)).expanduser())
    if source.family and source.family not in grid:
        raise ConfigMistake(f"source.family={source.family}", "no such attribute", closest(source.family, grid))
    total = math.prod(map(len, grid.values()))
    for turn in count():
        for place in Random(f"{name}/{seed}/{turn}").sample(range(total), total):
            point, rest = {}, place
            for attribute, values in grid.items():
                rest, chosen = divmod(rest, len(values))
                point[attribute] = values[chosen]
            identity = stream_id(name, seed, turn, *point.items())
            family = point[source.family or next(iter(point))]
            yield planted(identity, source, filled(str(source.ask), point, "ask"), family, point, {"point": point})


def attributes(path: Path) -> dict[str, list[str]]:
    """The attributes of a grid; DataMistake where the file holds something else."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataMistake(str(path), " ".join(str(error).split()), "a YAML file: name to list of values") from None
    fine = isinstance(found, dict) and found and all(isinstance(one, list) and one for one in found.values())
    if not fine:
        raise DataMistake(str(path), "is no mapping of names to lists of values", "topic: [harbours, bread]")
    return {str(name): [str(value) for value in values] for name, values in found.items()}
