"""Spider's questions asked in our SQL specialist's format: the same rows as the gold on the database and on perturbed copies.

Its variants ask the same databases. Slices are by the shape of the gold query and by Spider's hardness (the rules of Yu et
al. 2018, counted on the text). A gold that nobody can be held against, because its rows depend on the order of a table, is
named as such.
"""

from __future__ import annotations

import json
import re
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from factory import config
from factory.agreement import compare
from factory.rows import read_jsonl
from factory.sandbox import Database
from factory.suites import Graded, Row, Untold
from factory.suites.telling import telling
from factory.text import words

VERSION = 1
ASKED = "answers"
FLOOR = "count(*) of the table that is named"
WRONG = "SELECT 'no row of any gold is like this'"
UNTOLD = "the gold cannot be told"
DATABASES, TABLES = "sql/spider/databases_dev.tar.xz", "sql/spider/tables.json"
AGGREGATES = ("count", "sum", "avg", "min", "max")
FENCED = re.compile(r"```(?:\w*\n)?(.*?)(?:```|$)", re.DOTALL)


def files(suite: config.Suite, specialist: config.Specialist) -> list[str]:
    """The questions, the databases and how Spider tells their schemas."""
    return [str(suite.file), DATABASES, TABLES]


def rows(place: Path, suite: config.Suite, specialist: Any, seed: int) -> list[Row]:
    """All questions in our prompt's format; both wordings of a gold are of one group."""
    own, schemas = databases(place), {one["db_id"]: one for one in json.loads((place / TABLES).read_text())}
    texts = {name: schema_text(schemas[name], database) for name, database in own.items()}
    return [
        Row(
            row["id"],
            row["db_id"] if suite.by == "database" else f"{row['db_id']}/{' '.join(row['query'].lower().split())}",
            f"Tables:\n{texts[row['db_id']]}\nQuestion: {row['question']}",
            row["query"],
            WRONG,
            {"shape": kind(row["query"]), "hardness": hardness(row["query"])},
            about=(row["question"], place, row["db_id"]),
        )
        for row in read_jsonl(place / str(suite.file))
    ]


def grade(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> list[list[Graded]]:
    """Every answer against the gold, on its database and the copies made for it."""
    places: dict[tuple[Path, str, str], list[int]] = {}
    for number, row in enumerate(rows):
        places.setdefault((*row.about[1:], str(row.gold)), []).append(number)
    found: dict[int, list[Graded]] = {}
    for about, of in places.items():
        flat = [query_of(text) for number in of for text in answers[number]]
        scores = iter(judged(about[-1], telling_of(*about), flat))
        found |= {number: [next(scores) for _ in answers[number]] for number in of}
    return [found[number] for number in range(len(rows))]


@lru_cache(512)
def telling_of(place: Path, name: str, gold: str) -> list[Database]:
    """The databases that a gold is compared on; kept, since everyone who sits in this process is held against them."""
    return telling(databases(place)[name], gold)


def judged(gold: str, databases: Sequence[Database], answers: Sequence[str]) -> list[Graded]:
    """A Score per answer; Untold where the gold says nothing on any of the databases."""
    scores = compare(gold, databases, answers)
    untold = [score for score in scores if score.reason.startswith(UNTOLD)]
    return [Untold(score.reason) for score in untold] or list(scores)


def floors(rows: Sequence[Row]) -> dict[str, list[str]]:
    """A count of the table that the question names."""
    return {FLOOR: [trivial(question, databases(place)[name]) for question, place, name in (row.about for row in rows)]}


def query_of(text: str) -> str:
    """The query in an answer: what stands between fences where there are such, else all of it."""
    found = FENCED.search(text)
    return (found[1] if found else text).strip()


@cache
def databases(place: Path) -> dict[str, Database]:
    """The development databases by name."""
    with tempfile.TemporaryDirectory() as work, tarfile.open(place / DATABASES) as tar:
        tar.extractall(work, filter="data")
        return {file.stem: read(file) for file in sorted(Path(work).rglob("*.sqlite"))}


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


def trivial(question: str, database: Database) -> str:
    """The trivial answer: counts the rows of the first table that the question names, or of the first table."""
    said = " ".join(words(question))
    named = [name for name in database.tables if " ".join(words(name.replace("_", " "))) in said]
    return f'SELECT count(*) FROM "{(named or list(database.tables))[0]}"'


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
