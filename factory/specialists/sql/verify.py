"""Whether a query is right: its rows agree with the gold's on the database and on perturbed copies of it.

The copies are refilled with the query's own constants and their neighbours mixed in, because one database state accepts
wrong queries (measured elsewhere: 13 to 17 % of queries that run and return rows). Where the gold itself depends on the
physical order of rows (a tie at its LIMIT) a copy says nothing and is left out. Order counts where the gold orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from factory.agreement import compare
from factory.records import Score, stream_id
from factory.sandbox import Database
from factory.specialists.sql.draw import fill
from factory.specialists.sql.state import Cell, Predicate, Query, Rows, State

COPIES = 10
"""Perturbed copies beside the database itself. Fewer let more mutants live: see docs/decisions."""


def verify(state: State, answers: Sequence[str]) -> list[Score]:
    """One Score per answer: 1 where it agrees with the gold on every copy that can tell, else 0 with the reason."""
    databases = [database(state, state.rows), *copies(state, COPIES)]
    tied = state.query.order is not None or state.query.limit is not None
    return compare(state.query.sql(), databases, answers, tied)


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
