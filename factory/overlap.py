"""What an exam shares with what was read before it: the corpus of the base, and the training rows of the specialist.

Families, held-out skeletons and held-out renderings must be shared by none; runs of words, whole texts, and identifiers
and values are counted and told. What no such count sees: a paraphrase. That is why families are held out, and not rows.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from factory.records import Example
from factory.specialist import Inapplicable, Specialist
from factory.text import VALUE_WORDS, runs, told, values, words

RUN = 8
"""Words of a run that two texts do not share by chance."""
HOLDERS = 2
"""Exam rows of a family that must say a value for it to be a mark of the family."""
MARKED = 4
"""Words of a family's marks that one text must say to be of it: two can meet in another world (hive, honey in a database)."""
LITERAL = 3
"""A held-out phrase is looked for in texts where it has so many words of its own."""
FORMAL = 3
"""An answer has a shape of its own where so many of its words are keywords in capitals."""
HELD_OUT = "held out"
TOKEN = re.compile(r"'[^']*'|\w+|[^\w\s]")
STOP = "that which whose where with or and have has is are any i m he she it they well after later before earlier more less"
FILLER = rf"(?!(?:{STOP.replace(' ', '|')})\b)\w+"
"""A word that may stand in a slot of a phrase: one that begins no other phrase or sentence."""
SLOT = rf"{FILLER}(?: {FILLER}){{0,3}}"


@dataclass(frozen=True)
class Read:
    """What was read before the exam: its texts, and its rows where it consists of rows."""

    name: str
    texts: tuple[str, ...]
    rows: tuple[Example, ...] = ()

    @cached_property
    def pieces(self) -> set[str]:
        """Every text, every line, and every line without the label before it; words only."""
        lines = [line for text in self.texts for line in text.splitlines()]
        whole = [*self.texts, *lines, *(line.partition(": ")[2] for line in lines)]
        return {" ".join(words(text)) for text in whole} - {""}

    @cached_property
    def shapes(self) -> set[str]:
        """The shapes of its lines, and of its lines without the label before them."""
        lines = [line for text in self.texts for line in text.splitlines()]
        return {shape(text) for line in lines for text in (line, line.partition(": ")[2])}

    @cached_property
    def values(self) -> list[set[int]]:
        """Per text its hashed runs of one word up to the most that a value has."""
        return [set().union(*(runs(words(text), size) for size in range(1, VALUE_WORDS + 1))) for text in self.texts]

    def runs(self, size: int) -> set[int]:
        """The hashed runs of its texts."""
        return set().union(*(runs(words(text), size) for text in self.texts))


@dataclass(frozen=True)
class Line:
    """One line of the table: how many of the exam's things each reading holds (None: it cannot be told), and of how many."""

    what: str
    of: int
    shared: tuple[int | None, ...]
    none_wanted: bool
    example: str = ""


def training_rows(task: Specialist, settings: Any, seed: int, rows: int) -> Read:
    """The first `rows` random streams that the stage generate draws for this task; those that do not come out are left out."""
    found = []
    for index in range(rows):
        try:
            found.append(task.example(index, seed, settings, "train"))
        except Inapplicable:
            continue
    return Read("training rows", tuple(text for row in found for text in (row.prompt, row.answer)), tuple(found))


def table(task: Specialist, exam: Sequence[Example], reads: Sequence[Read]) -> list[Line]:
    """All lines: what of the exam stands in each of the readings."""
    counts = [families(exam, reads), skeletons(exam, reads), names(task, exam, reads), phrases(task, reads)]
    return [*counts, *shared_runs(exam, reads), *equal(exam, reads), shared_values(exam, reads)]


def leaks(lines: Sequence[Line]) -> list[str]:
    """What is shared and must not be, in words."""
    return [
        f"{line.what}: {sum(filter(None, line.shared))} shared{f', as {line.example!r}' if line.example else ''}"
        for line in lines
        if line.none_wanted and any(line.shared)
    ]


def families(exam: Sequence[Example], reads: Sequence[Read]) -> Line:
    """Families of the exam: in rows by their name; in texts, one text that says enough marks of a family is of it."""
    own = marks(exam, [row for read in reads for row in read.rows])
    found = []
    for read in reads:
        if read.rows:
            found.append({row.family for row in exam} & {row.family for row in read.rows})
        else:
            found.append(
                {family for family, of in own.items() if any(weight(of, said) >= MARKED for said in read.values)}
            )
    return line("families", len({row.family for row in exam}), found, True)


def marks(exam: Sequence[Example], rows: Sequence[Example]) -> dict[str, dict[int, int]]:
    """Family to the values that tell it, by their hash, with their number of words.

    A value tells a family where `HOLDERS` of its exam rows say it, no row of another family and no training row.
    """
    counts: dict[str, Counter[str]] = {}
    for row in exam:
        counts.setdefault(row.family, Counter()).update(values(row))
    holders = Counter(value for of in counts.values() for value in of)
    common = set().union(*(values(row) for row in rows))
    return {
        family: {
            hash(tuple(value.split())): len(re.split(r"[ _]", value))
            for value, rows in of.items()
            if rows >= HOLDERS and holders[value] == 1 and value not in common
        }
        for family, of in counts.items()
    }


def weight(marks: Mapping[int, int], said: set[int]) -> int:
    """How many words of marks a text says, itself given by the hashes of its runs."""
    return sum(marks[mark] for mark in marks.keys() & said)


def skeletons(exam: Sequence[Example], reads: Sequence[Read]) -> Line:
    """Skeletons that a tag calls held out: in rows by their balance key or that tag, in texts by the shape of the answer."""
    held = [row for row in exam if holds_out(row)]
    keys, shapes = {row.tags["balance"] for row in held}, {shape(row.answer) for row in held if formal(row.answer)}
    found: list[set[str] | None] = []
    for read in reads:
        if read.rows:
            found.append({row.tags["balance"] for row in read.rows if row.tags["balance"] in keys or holds_out(row)})
        else:
            found.append(shapes & read.shapes if shapes or not held else None)
    return line("held-out skeletons", len(keys), found, True)


def holds_out(row: Example) -> bool:
    """Whether a tag other than its rendering says that the row is of a held-out kind."""
    return any(value == HELD_OUT for name, value in row.tags.items() if name != "rendering")


def formal(answer: str) -> bool:
    """Whether an answer is of a formal language: keywords in capitals make its shape."""
    return sum(token.isupper() and len(token) > 1 for token in TOKEN.findall(answer)) >= FORMAL


def shape(text: str) -> str:
    """A text with its values as v and its small words as w; keywords, marks and the names of functions stay."""
    tokens = TOKEN.findall(text)
    said = []
    for token, follower in zip(tokens, [*tokens[1:], ""], strict=False):
        if token[0] == "'" or token[0].isdigit():
            said.append("v")
        else:
            said.append("w" if token[0].isalpha() and not token.isupper() and follower != "(" else token)
    return " ".join(said)


def names(task: Specialist, exam: Sequence[Example], reads: Sequence[Read]) -> Line:
    """Held-out renderings that rows of the exam use, by the names that rows carry (`act.number`); texts carry none."""
    held = {f"{act}.{number}" for act, ways in told_ways(task) for number, way in enumerate(ways) if way[0] == "~"}
    used = {name for row in exam for name in row.provenance.get("renderings", ())} & held
    found = [
        {name for row in read.rows for name in row.provenance.get("renderings", ())} & used if read.rows else None
        for read in reads
    ]
    return line("held-out renderings, by name", len(used), found, True)


def phrases(task: Specialist, reads: Sequence[Read]) -> Line:
    """All held-out phrases of a specialist that stand in texts."""
    held = [phrase for phrase in held_out_phrases(task) if len(literal(phrase)) >= LITERAL]
    found = []
    for read in reads:
        said = {piece for text in read.texts for piece in sentences(told(text))}
        found.append({phrase for phrase in held if says(said, phrase)})
    return line("held-out phrases, by their words", len(held), found, True)


def held_out_phrases(task: Specialist) -> list[str]:
    """The phrases that begin with `~`, without it."""
    return sorted({way[1:] for _, ways in told_ways(task) for way in ways if way[0] == "~"})


def told_ways(task: Specialist) -> Iterator[tuple[str, list[str]]]:
    """Acts with their phrases, from the constants of the specialist's modules and from its lists."""
    root = task.draw.__module__.rpartition(f".{task.name}")[0] + f".{task.name}"
    modules = [module for name, module in sorted(sys.modules.items()) if f"{name}.".startswith(f"{root}.")]
    for module in modules:
        yield from acts({name: value for name, value in vars(module).items() if name.isupper()})
    for path in sorted(task.lists.rglob("*.yaml")):
        yield from acts(yaml.load(path.read_text(), yaml.CSafeLoader))


def acts(data: Any) -> Iterator[tuple[str, list[str]]]:
    """Key and phrases of every list of strings, or text of several lines, inside plain data."""
    for key, value in data.items() if isinstance(data, Mapping) else ():
        ways = value.splitlines() if isinstance(value, str) else value
        if isinstance(ways, list | tuple) and ways and all(isinstance(way, str) and way for way in ways):
            yield str(key), list(ways)
        else:
            yield from acts(value)


def literal(phrase: str) -> list[str]:
    """The words of a phrase that are its own, its slots left out."""
    return words(re.sub(r"\{\w*\}", " ", phrase))


def sentences(text: str) -> Iterator[str]:
    """The sentences and lines of a text, words only."""
    return (" ".join(words(piece)) for piece in re.split(r"[.?!]\s|\n", text))


def says(texts: Iterable[str], phrase: str) -> bool:
    """Whether a phrase stands in one of the texts, given as words; only those with its longest part are looked through."""
    part = max((" ".join(words(part)) for part in re.split(r"\{\w*\}", phrase)), key=len)
    wanted = pattern(phrase)
    return any(wanted.search(text) for text in texts if part in text)


def pattern(phrase: str) -> re.Pattern[str]:
    """A phrase as looked for in a text of words: its own words in a row, one to four others in each of its slots."""
    parts = re.split(r"(\{\w*\})", phrase)
    said = [SLOT if part.startswith("{") else " ".join(map(re.escape, words(part))) for part in parts]
    return re.compile(rf"(?:^|(?<= )){' '.join(filter(None, said))}(?= |$)")


def shared_runs(exam: Sequence[Example], reads: Sequence[Read]) -> Iterator[Line]:
    """Rows of the exam whose told prompt, and whose answer, share a run with a reading."""
    seen = [read.runs(RUN) for read in reads]
    for what, texts in (
        ("prompts", {row.id: told(row.prompt) for row in exam}),
        ("answers", {row.id: row.answer for row in exam}),
    ):
        asked = {name: runs(words(text), RUN) for name, text in texts.items()}
        found = [{texts[name] for name, of in asked.items() if of & there} for there in seen]
        yield line(f"{what} that share {RUN} words in a row", len(set(texts.values())), found, False)


def equal(exam: Sequence[Example], reads: Sequence[Read]) -> Iterator[Line]:
    """Told prompts, and answers, of the exam that a reading says as a whole."""
    for what, texts in (
        ("prompts", {" ".join(words(told(row.prompt))) for row in exam}),
        ("answers", {" ".join(words(row.answer)) for row in exam}),
    ):
        yield line(f"equal {what}", len(texts), [texts & read.pieces for read in reads], False)


def shared_values(exam: Sequence[Example], reads: Sequence[Read]) -> Line:
    """Identifiers, labels and values that rows of the exam say and a reading has too."""
    wanted = {hash(tuple(value.split())): value for row in exam for value in values(row)}
    found = [{wanted[value] for value in set().union(*read.values) & set(wanted)} for read in reads]
    return line("identifiers and values", len(wanted), found, False)


def line(what: str, of: int, found: Sequence[set[str] | None], none_wanted: bool) -> Line:
    """The line of what was found in each reading, with one example."""
    example = min((one for some in found if some for one in some), default="")
    return Line(what, of, tuple(None if some is None else len(some) for some in found), none_wanted, example)
