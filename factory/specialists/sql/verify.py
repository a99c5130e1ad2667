"""Whether a query is right: its rows agree with the gold's on the database and on perturbed copies of it.

The copies are refilled with the query's own constants and their neighbours mixed in, because one database state accepts
wrong queries (measured elsewhere: 13 to 17 % of queries that run and return rows). Where the gold itself depends on the
physical order of rows (a tie at its LIMIT) a copy says nothing and is left out. Order counts where the gold orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from factory.records import Score, stream_id
from factory.sandbox import Answers, Database, Refused, Result, Row, shared
from factory.specialists.sql.draw import fill
from factory.specialists.sql.state import Cell, Predicate, Query, Rows, State

COPIES = 10
"""Perturbed copies beside the database itself. Fewer let more mutants live: see docs/decisions."""


def verify(state: State, answers: Sequence[str]) -> list[Score]:
    """One Score per answer: 1 where it agrees with the gold on every copy that can tell, else 0 with the reason."""
    databases = [database(state, state.rows), *copies(state, COPIES)]
    tied = state.query.order is not None or state.query.limit is not None
    return compare(state.query.sql(), databases, answers, tied)


def compare(gold: str, databases: Sequence[Database], answers: Sequence[str], tied: bool = True) -> list[Score]:
    """Scores of answers against a gold query over any databases; `tied` off where the gold cannot depend on row order.

    Of the drawn golds only those with an order or a limit can, and turning the others took a fifth of the time.
    """
    return agreement(shared().run(databases, [gold, *answers], turned=tied), "order by" in gold.lower())


def agreement(found: Sequence[Answers], ordered: bool) -> list[Score]:
    """Scores of all queries but the first, which is the gold, from what they returned on each database."""
    telling = [(number, one) for number, one in enumerate(found) if stable(one, ordered)]
    answers = len(found[0].forward) - 1
    if not telling:
        return [Score(0.0, f"the gold cannot be told: {reason(found[0].forward[0])}")] * answers
    return [
        score([(number, one.forward[0], one.forward[i + 1]) for number, one in telling], ordered)
        for i in range(answers)
    ]


def stable(one: Answers, ordered: bool) -> bool:
    """Whether the gold ran and gives the same rows when the physical order of the tables is reversed."""
    gold = one.forward[0]
    return not isinstance(gold, Refused) and agree(gold, one.reverse, ordered)


def score(pairs: list[tuple[int, list[Row], Result]], ordered: bool) -> Score:
    """1 where gold and answer agree everywhere, else 0 and where they first do not."""
    for number, gold, answer in pairs:
        if isinstance(answer, Refused):
            return Score(0.0, f"refused: {answer.reason}")
        if not agree(gold, answer, ordered):
            return Score(0.0, f"wrong rows on copy {number}" if number else "wrong rows")
    return Score(1.0)


def reason(result: Result) -> str:
    """Why a gold cannot be told."""
    return result.reason if isinstance(result, Refused) else "its rows depend on the order of the table"


def agree(gold: Result, answer: Result, ordered: bool) -> bool:
    """Whether two results hold the same rows, in the same order if that counts; broken numbers to six digits."""
    if isinstance(answer, Refused) or isinstance(gold, Refused) or len(gold) != len(answer):
        return False
    left, right = ([tuple(map(plain, row)) for row in rows] for rows in (gold, answer))
    return left == right if ordered else sorted(left, key=repr) == sorted(right, key=repr)


def plain(cell: Cell) -> Cell:
    """A cell as it is compared: a broken number by six significant digits, a whole one exactly, 3.0 as 3."""
    if not isinstance(cell, float):
        return cell
    rounded = float(f"{cell:.6g}")
    return int(rounded) if rounded.is_integer() else rounded


def copies(state: State, count: int, salt: str = "copies") -> Iterator[Database]:
    """Perturbed copies: refilled tables with the query's constants and their neighbours among the values."""
    rng = Random(stream_id(salt, state.model_dump_json()))
    constants = constants_of(state.query)
    for _ in range(count):
        yield database(state, fill(rng, state.database, constants))


def database(state: State, rows: dict[str, Rows]) -> Database:
    """Rows under the state's schema, as the sandbox builds it."""
    return Database(
        {
            table.name: (tuple(f'"{c.name}" {c.type}' for c in table.columns), rows[table.name])
            for table in state.database.tables
        }
    )


def constants_of(query: Query) -> dict[str, list[Cell]]:
    """The values a query compares with, by "table.column"."""
    found: dict[str, list[Cell]] = {}
    for predicate in predicates(query):
        values = [f"{value}-06-15" for value in predicate.values] if predicate.operator == "YEAR" else predicate.values
        values = [str(value).rstrip("%") + "x" for value in values] if predicate.operator == "LIKE" else values
        found.setdefault(f"{predicate.item.table}.{predicate.item.column}", []).extend(values)
    return {name: values for name, values in found.items() if values}


def predicates(query: Query) -> Iterator[Predicate]:
    """The predicates of a query (WHERE and HAVING) and of all queries inside it."""
    if query.having:
        yield query.having
    for predicate in query.where:
        yield predicate
        if predicate.query:
            yield from predicates(predicate.query)
    if query.other:
        yield from predicates(query.other)
