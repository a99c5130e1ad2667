"""Spider's development set asked in our format: execution accuracy on the real databases and on perturbed copies of them.

Slices are by the shape of the gold query and by Spider's hardness (the rules of Yu et al. 2018, counted on the text).
Both paraphrases of one gold are one group: they are resampled together.
"""

from __future__ import annotations

import json
import re
import sqlite3
import tarfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.config import Config
from factory.rows import read_jsonl
from factory.sandbox import Database
from factory.specialists.sql.verify import compare
from factory.text import words
from tests.external.arms import ARMS, adapter_of, answers, lengths
from tests.external.foreign import telling
from tests.external.scored import Line, Scored, lines

SPECIALIST = "sql"
FITS = 420
"""Tokens of a prompt; 92 are left for the answer."""
FLOOR = "count(*) of the table that is named"
AGGREGATES = ("count", "sum", "avg", "min", "max")


@dataclass(frozen=True)
class Question:
    """One question with its prompt, gold and database."""

    id: str
    db: str
    question: str
    gold: str
    prompt: str


def run(asked: Config, place: Path, work: Path) -> tuple[list[Line], list[str]]:
    """The lines of the table, and what to say about the rows."""
    databases, schemas = load(place, work)
    adapter = adapter_of(asked)
    every = questions(place, databases, schemas)
    sizes = lengths(asked, [one.prompt for one in every])
    asked_rows = [one for one, size in zip(every, sizes, strict=True) if size <= FITS]
    said = answers(asked, adapter, [one.prompt for one in asked_rows], asked.evaluate.max_new_tokens)
    said[FLOOR] = [trivial(one, databases[one.db]) for one in asked_rows]
    rows = scored(asked_rows, databases, said)
    notes = [f"{len(asked_rows)} of {len(every)} prompts fit {FITS} tokens (longest {max(sizes)})"]
    return list(lines("Spider dev, execution accuracy", rows, FLOOR, ARMS)), notes


def load(place: Path, work: Path) -> tuple[dict[str, Database], dict[str, dict[str, Any]]]:
    """The development databases, unpacked in `work`, and their schemas as Spider tells them."""
    with tarfile.open(place / "sql/spider/databases_dev.tar.xz") as tar:
        tar.extractall(work, filter="data")
    databases = {file.stem: read(file) for file in sorted(work.rglob("*.sqlite"))}
    schemas = {schema["db_id"]: schema for schema in json.loads((place / "sql/spider/tables.json").read_text())}
    return databases, {name: schemas[name] for name in databases}


def read(file: Path) -> Database:
    """A sqlite file as the sandbox builds it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        found = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        return Database(
            {
                name: (
                    tuple(
                        f'"{column[1]}" {column[2]}' for column in connection.execute(f'PRAGMA table_info("{name}")')
                    ),
                    tuple(connection.execute(f'SELECT * FROM "{name}"')),
                )
                for (name,) in found
            }
        )


def questions(place: Path, databases: dict[str, Database], schemas: dict[str, dict[str, Any]]) -> list[Question]:
    """All development questions in our prompt's format."""
    texts = {name: schema_text(schema, databases[name]) for name, schema in schemas.items()}
    return [
        Question(row["id"], db, row["question"], row["query"], f"Tables:\n{texts[db]}\nQuestion: {row['question']}")
        for row in read_jsonl(place / "sql/spider/dev.jsonl")
        for db in [row["db_id"]]
    ]


def schema_text(schema: dict[str, Any], database: Database) -> str:
    """A Spider schema as our specialist reads it, lower case: `- table ( id key , name text , x -> other . id )`."""
    tables, columns = schema["table_names_original"], schema["column_names_original"]
    targets, keys = dict(schema["foreign_keys"]), set(flat(schema["primary_keys"]))
    kinds = {name.lower(): declared(told) for name, (told, _) in database.tables.items()}

    def column(number: int, table: str, name: str) -> str:
        if number in keys:
            return f"{name} key"
        if number in targets:
            target, key = columns[targets[number]]
            return f"{name} -> {tables[target]} . {key}"
        return f"{name} {kinds[table.lower()].get(name.lower(), 'text')}"

    said = []
    for place, table in enumerate(tables):
        if table.lower() not in kinds:  # sqlite's own
            continue
        own = [column(number, table, name) for number, (of, name) in enumerate(columns) if of == place]
        said.append(f"- {table} ( {' , '.join(own)} )".lower())
    return "\n".join(said)


def flat(keys: Iterable[int | list[int]]) -> Iterable[int]:
    """Primary keys, which Spider lists singly or, where a table has several, together."""
    for key in keys:
        yield from key if isinstance(key, list) else [key]


def declared(columns: Sequence[str]) -> dict[str, str]:
    """Column, lower case, to one of our types, from what the database declares."""
    found = {}
    for column in columns:
        _, name, kind = column.split('"')
        kind = kind.lower()
        types = {"int": "integer", "real|float|double|numeric|decimal": "real", "date|time": "date"}
        found[name.lower()] = next((ours for theirs, ours in types.items() if re.search(theirs, kind)), "text")
    return found


def trivial(one: Question, database: Database) -> str:
    """The trivial answer: counts the rows of the first table that the question names, or of the first table."""
    said = " ".join(words(one.question))
    named = [name for name in database.tables if " ".join(words(name.replace("_", " "))) in said]
    return f'SELECT count(*) FROM "{(named or list(database.tables))[0]}"'


def scored(rows: Sequence[Question], databases: dict[str, Database], said: dict[str, list[str]]) -> list[Scored]:
    """Every arm's answers against the gold, on the database and the gold's copies; the answers to one gold at once."""
    places: dict[tuple[str, str], list[int]] = {}
    for place, one in enumerate(rows):
        places.setdefault((one.db, one.gold), []).append(place)
    grades: dict[int, dict[str, float]] = {place: {} for place in range(len(rows))}
    for (db, gold), of in places.items():
        pairs = [(place, arm) for place in of for arm in said]
        found = compare(gold, telling(databases[db], gold), [said[arm][place] for place, arm in pairs])
        for (place, arm), score in zip(pairs, found, strict=True):
            grades[place][arm] = score.value
    return [
        Scored(one.id, f"{one.db}/{one.gold}", grades[place], {"shape": kind(one.gold), "hardness": hardness(one.gold)})
        for place, one in enumerate(rows)
    ]


def kind(query: str) -> str:
    """The shape of a query: its most demanding part."""
    text = query.lower()
    if re.search(r"\b(union|intersect|except)\b", text):
        return "set operation"
    if text.count("select") > 1:
        return "nested"
    if re.search(r"\bjoin\b", text):
        return "join"
    return "single table, grouped" if "group by" in text else "single table"


def hardness(query: str) -> str:
    """Spider's hardness by its rules: parts of the outer query, subqueries and set operations, and whatever comes in twos."""
    text = re.sub(r"\bbetween (\S+) and\b", r"between \1", " ".join(query.lower().split()))
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "v", text)
    inside = len(re.findall(r"\bselect\b", text)) - 1
    outer = re.split(r"\b(?:union|intersect|except)\b", without_subqueries(text))[0]
    parts = sum(part in outer for part in (" where ", "group by", "order by", " limit "))
    parts += sum(len(re.findall(rf"\b{word}\b", outer)) for word in ("join", "or", "like"))
    others = sum(
        number > 1
        for number in (
            sum(len(re.findall(rf"\b{name} ?\(", outer)) for name in AGGREGATES),
            commas(outer, r"select (.*?) from") + 1,
            len(re.findall(r"\b(?:and|or)\b", clause(outer, r" where (.*)"))) + 1 if " where " in outer else 0,
            commas(outer, r"group by (.*?)(?:having|order|limit|$)") + 1,
        )
    )
    if not inside and parts <= 1 and not others:
        return "1 easy"
    if not inside and ((others <= 2 and parts <= 1) or (parts <= 2 and others < 2)):
        return "2 medium"
    if not inside and ((others > 2 and parts <= 2) or (2 < parts <= 3 and others <= 2)):
        return "3 hard"
    return "3 hard" if inside == 1 and parts <= 1 and not others else "4 extra"


def without_subqueries(text: str) -> str:
    """A query without what stands in brackets after `(select`."""
    while found := re.search(r"\( ?select", text):
        depth, end = 0, found.start()
        for end in range(found.start(), len(text)):
            depth += (text[end] == "(") - (text[end] == ")")
            if not depth:
                break
        text = f"{text[: found.start()]} {text[end + 1 :]}"
    return text


def clause(text: str, wanted: str) -> str:
    """The first group of a pattern, or nothing."""
    found = re.search(wanted, text)
    return found[1] if found else ""


def commas(text: str, wanted: str) -> int:
    """The commas in a clause, those in brackets left out."""
    return re.sub(r"\([^()]*\)", "", clause(text, wanted)).count(",")
