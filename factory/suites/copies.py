"""Perturbed copies of a database that we did not draw, for one gold: made so that a query that differs gives other rows.

A copy keeps a table's key, and mixes the constants of the gold and their neighbours into the columns they are compared
with. Of the other columns some hold few values (ties, large groups, duplicates), some are shuffled. Rows and the few
values are chosen by one order over all values of a copy, so that two tables keep the same ones and joins find rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from zlib import crc32

import sqlglot
from sqlglot import exp

from factory.sandbox import Database, Row

MOST = 40
"""Rows that a table of a copy has at most."""
ADDED = 10
"""Rows that are added to them at most."""
RANKED = 400
"""Rows of a table that they are chosen from, so that large tables cost no more."""
COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.Between, exp.In)
Constants = dict[str, list[str | int | float]]


def copies(database: Database, gold: str, count: int, salt: str = "copies") -> Iterator[Database]:
    """So many copies; the same salt gives the same ones."""
    constants = constants_of(gold, database)
    return (perturb(database, constants, Random(f"{salt}/{number}/{gold}")) for number in range(count))


def constants_of(gold: str, database: Database) -> Constants:
    """The values that a gold compares a column with, by column name, lower case; a LIKE gives texts that it tells apart."""
    columns = {name(column) for declared, _ in database.tables.values() for column in declared}
    found: Constants = {}
    for predicate in sqlglot.parse_one(gold, dialect="sqlite").find_all(*COMPARED):
        parts = list(predicate.walk(prune=lambda part: isinstance(part, exp.Select)))
        named = [part.name.lower() for part in parts if isinstance(part, exp.Column)]
        # sqlite reads "France" as a text where no column is called so, and Spider writes it.
        values = [part.this for part in parts if isinstance(part, exp.Literal)]
        values += [part.name for part in parts if isinstance(part, exp.Column) and part.name.lower() not in columns]
        for column in columns.intersection(named):
            found.setdefault(column, []).extend(near for value in values for near in neighbours(value))
    return found


def neighbours(value: str) -> list[str | int | float]:
    """A number with those beside it; a text; for a pattern, texts with its words at the front, at the end and inside."""
    try:
        number = float(value) if "." in value else int(value)
        return [number, number, number - 1, number + 1]
    except ValueError:
        words = value.replace("%", "")
        return [words] if words == value else [words, f"{words}x", f"x{words}", f"x{words}x"]


def name(column: str) -> str:
    """The name in a column's declaration, lower case."""
    return column.split('"')[1].lower()


def perturb(database: Database, constants: Constants, rng: Random) -> Database:
    """One copy."""
    salt = str(rng.random())
    return Database(
        {
            table: (columns, refilled([name(column) for column in columns], rows, constants, rng, salt))
            for table, (columns, rows) in database.tables.items()
        }
    )


def refilled(names: list[str], rows: tuple[Row, ...], constants: Constants, rng: Random, salt: str) -> tuple[Row, ...]:
    """Some rows of a table, the first of them by the copy's order of values, and their columns refilled."""
    if not rows:
        return rows

    def order(cell: object) -> int:
        return crc32(f"{salt}{cell}".encode())

    key = next((place for place, cells in enumerate(zip(*rows, strict=True)) if len(set(cells)) == len(rows)), None)
    size = rng.randint(min(len(rows), MOST) // 2 + 1, min(len(rows), MOST))
    first = sorted(rng.sample(rows, min(len(rows), RANKED)), key=lambda row: min(map(order, row)))
    chosen = first[: size // 2] + rng.sample(first[size // 2 :], size - size // 2)
    chosen += [twin(rng.choice(chosen), key, number) for number in range(rng.randint(0, ADDED))]
    rng.shuffle(chosen)
    columns = [
        cells if place == key else refill(list(cells), constants.get(names[place], []), rng, order)
        for place, cells in enumerate(zip(*chosen, strict=True))
    ]
    return tuple(zip(*columns, strict=True))


def twin(row: Row, key: int | None, number: int) -> Row:
    """The row again, under a new key where its table has one; the number makes it new."""
    if key is None:
        return row
    own = row[key]
    new = own + (number + 1) * 1_000_000 if isinstance(own, int | float) else f"{own} {number}"
    return (*row[:key], new, *row[key + 1 :])


def refill(cells: list, constants: list, rng: Random, order: Callable[[object], int]) -> list:
    """A column as it is, shuffled, or of few values; with constants among them, and a few nulls."""
    match rng.choices(("as it is", "shuffled", "few"), (4, 2, 3))[0]:
        case "shuffled":
            rng.shuffle(cells)
        case "few":
            values = sorted(dict.fromkeys([*cells, *constants]), key=order)[: rng.choice((1, 2, 4))]
            cells = [rng.choice(values) for _ in cells]
    cells = [rng.choice(constants) if constants and rng.random() < 0.4 else cell for cell in cells]
    return [None if rng.random() < 0.02 else cell for cell in cells]
