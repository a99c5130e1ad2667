"""Defog's questions, graded by its own rule: an answer counts where it holds the rows of any of several golds.

The databases are built on the day, since scripts and golds speak of today. A gold's columns may stand in any order among
more columns of the answer; rows said twice count once; their order counts where the category or the question asks for one,
and then a column that is ascending may come in any order of equal values. Two results are the same to six digits.
"""

from __future__ import annotations

import csv
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cache
from itertools import chain, combinations, islice, product
from pathlib import Path
from typing import Any

from factory import config
from factory.agreement import plain
from factory.records import Score
from factory.sandbox import Database, Refused, Result, shared
from factory.sandbox import Row as Cells
from factory.store import digest
from factory.suites import Graded, Row, Untold
from factory.suites.spider import WRONG, declared, query_of, trivial

VERSION = 1
ASKED = "answers"
DATED = True
FLOOR = "count(*) of the table that is named"
NAMES = ("academic", "advising", "atis", "geography", "restaurants", "scholar", "yelp")
ORDERED = re.compile(r"\b(order|sort|arrange)\b", re.IGNORECASE)
STRINGS = re.compile(r"'[^']*'|\"[^\"]*\"|([;])")
TRIED = 1000
"""Ways to find a gold's columns among an answer's that are tried: more than a few only where columns are all alike."""


def files(suite: config.Suite, specialist: Any) -> list[str]:
    """The questions, and the scripts beside them."""
    return [str(suite.file), *(str(script(suite, name)) for name in NAMES)]


def script(suite: config.Suite, name: str) -> Path:
    """The script of a database."""
    return Path(str(suite.file)).parent / "sqlite_build" / f"{name}.sql"


def rows(place: Path, suite: config.Suite, specialist: Any, seed: int) -> list[Row]:
    """All questions in our prompt's format, with Defog's instructions where there are such."""
    own = {name: built((place / script(suite, name)).read_text(encoding="utf-8")) for name in NAMES}
    found = []
    with (place / str(suite.file)).open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            database, category, question = own[row["db_name"]], row["query_category"], row["question"]
            golds, hint = minimal(row["query"]), " ".join((row["instructions"] or "").split())
            said = [f"Tables:\n{schema_text(database)}", *([f"Note: {hint}"] if hint else []), f"Question: {question}"]
            group = row["db_name"] if suite.by == "database" else f"{row['db_name']}/{golds[0]}"
            ordered = category == "order_by" or bool(ORDERED.search(question))
            about, slices = (question, database, golds, ordered), {"category": category, "database": row["db_name"]}
            found.append(Row(f"defog-{number}", group, "\n".join(said), golds[0], WRONG, slices, about=about))
    return found


@cache
def built(text: str) -> Database:
    """The database that a script builds today."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(text)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return Database({name: (columns(connection, name), cells(connection, name)) for (name,) in tables})


def columns(connection: sqlite3.Connection, table: str) -> tuple[str, ...]:
    """A table's columns as they are declared."""
    return tuple(f'"{column[1]}" {column[2]}' for column in connection.execute(f'PRAGMA table_info("{table}")'))


def cells(connection: sqlite3.Connection, table: str) -> tuple[Cells, ...]:
    """A table's rows."""
    return tuple(connection.execute(f'SELECT * FROM "{table}"'))


def schema_text(database: Database) -> str:
    """A schema as our specialist reads it; keys are not declared there."""
    kinds = {table: declared(columns) for table, (columns, _) in database.tables.items()}
    return "\n".join(
        f"- {table} ( {' , '.join(f'{name} {kind}' for name, kind in of.items())} )".lower()
        for table, of in kinds.items()
    )


def minimal(text: str) -> list[str]:
    """The golds of a row: separated by semicolons, and of columns in braces every choice of one or more."""
    ends = [found.start() for found in STRINGS.finditer(text) if found[1]]
    parts = (text[start:end].strip(" \n;") for start, end in zip([0, *ends], [*ends, len(text)], strict=True))
    return [gold for part in parts if part for gold in spread(part)]


def spread(query: str) -> Iterator[str]:
    """A query for every choice among its columns in braces; an empty pair of braces repeats the choice."""
    found = re.search(r"\{([^{}]+)\}", query)
    if not found:
        yield query
        return
    names = [name.strip() for name in found[1].split(",")]
    for chosen in chain.from_iterable(combinations(names, size) for size in range(1, len(names) + 1)):
        said = ", ".join(chosen)
        yield from spread(f"{query[: found.start()]}{said}{query[found.end() :].replace('{}', said)}")


def grade(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> list[list[Graded]]:
    """Every answer against all golds of its row."""
    return [judged(row, [query_of(text) for text in texts]) for row, texts in zip(rows, answers, strict=True)]


def judged(row: Row, answers: Sequence[str]) -> list[Graded]:
    """A Score per answer, `exact` where it has no column more than the gold; Untold where no gold runs."""
    _, database, golds, ordered = row.about
    (found,) = shared().run([database], [*golds, *answers], turned=False)
    wanted, given = found.forward[: len(golds)], found.forward[len(golds) :]
    told = [gold for gold in wanted if not isinstance(gold, Refused)]
    if not told:
        return [Untold(f"no gold runs: {wanted[0].reason}")] * len(answers)
    return [against(told, answer, ordered) for answer in given]


def against(golds: Sequence[list[Cells]], answer: Result, ordered: bool) -> Score:
    """The Score of one result."""
    if isinstance(answer, Refused):
        return Score(0.0, f"refused: {answer.reason}", {"exact": 0.0})
    fits = [gold for gold in golds if holds(gold, answer, ordered)]
    exact = any(not gold or len(gold[0]) == len(answer[0]) for gold in fits)
    return Score(float(bool(fits)), "" if fits else "wrong rows", {"exact": float(exact)})


def holds(gold: list[Cells], answer: list[Cells], ordered: bool) -> bool:
    """Whether an answer holds the gold's rows: as many, in columns that can be found among its own."""
    if len(gold) != len(answer) or not gold:
        return not gold and not answer
    wanted, given = ([list(map(plain, column)) for column in zip(*rows, strict=True)] for rows in (gold, answer))
    alike = [[i for i, other in enumerate(given) if told(other) == told(column)] for column in wanted]
    ways = (way for way in product(*alike) if len(set(way)) == len(way))
    left = arranged(wanted, ordered)
    return any(arranged([given[i] for i in way], ordered) == left for way in islice(ways, TRIED))


def told(column: Sequence[Any]) -> list[Any]:
    """A column's values whatever their order."""
    return sorted(column, key=order)


def arranged(columns: Sequence[Sequence[Any]], ordered: bool) -> list[Cells]:
    """Rows once each: sorted, or where their order counts sorted only where a column of them is ascending."""
    rows = list(dict.fromkeys(zip(*columns, strict=True)))
    every = range(len(columns))
    first = [i for i in every if [row[i] for row in rows] == told([row[i] for row in rows])] if ordered else []
    if ordered and not first:
        return rows
    return sorted(rows, key=lambda row: [order(row[i]) for i in (*first, *every)])


def order(cell: Any) -> tuple[str, Any]:
    """An order over cells of all types."""
    return ("number", cell) if isinstance(cell, int | float) else (type(cell).__name__, cell or "")


def facts(place: Path, suite: config.Suite) -> dict[str, str]:
    """The digest of the databases as they are built today."""
    built_today = {name: built((place / script(suite, name)).read_text(encoding="utf-8")).tables for name in NAMES}
    return {"databases": digest(built_today)}


def floors(rows: Sequence[Row]) -> dict[str, list[str]]:
    """A count of the table that the question names."""
    return {FLOOR: [trivial(row.about[0], row.about[1]) for row in rows]}
