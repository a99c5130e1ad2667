"""Mutants: every small change of a query that its question does not allow, and no change that it does."""

from __future__ import annotations

import pytest

from factory.specialists.sql.mutants import corrupt
from factory.specialists.sql.state import Column, Item, Join, Order, Predicate, Query, Schema, State, Table

BOOK = Table(
    name="book",
    label="book",
    synonym="volume",
    columns=(
        Column(name="id", label="book id", synonym="id", kind="id"),
        Column(name="author_id", label="author", synonym="writer", kind="reference", target="author"),
        Column(name="pages", label="pages", synonym="leaves", kind="integer", low=1, high=9),
        Column(name="copies", label="copies", synonym="stock", kind="integer", low=1, high=9),
        Column(name="title", label="title", synonym="heading", kind="title"),
    ),
)
AUTHOR = Table(
    name="author",
    label="author",
    synonym="writer",
    columns=(
        Column(name="id", label="author id", synonym="id", kind="id"),
        Column(name="name", label="name", synonym="n", kind="person"),
    ),
)
SCHEMA = Schema(family="library", style="snake", tables=(BOOK, AUTHOR))
TITLE, PAGES, ALL = (Item(table="book", column=name) for name in ("title", "pages", "*"))


def mutants(**query) -> set[str]:
    tree = Query(**{"select": (TITLE,), "table": "book", **query})
    found = corrupt(State(database=SCHEMA, rows={}, pattern="list", difficulty="easy", wording="verbatim", query=tree))
    assert tree.sql() not in found
    assert len(set(found)) == len(found)
    return {sql.removeprefix("SELECT title FROM book").strip() for sql in found}


def over(operator: str, *values, **more) -> Predicate:
    return Predicate(item=PAGES, operator=operator, values=values, **more)


def test_a_condition_is_dropped_flipped_moved_by_one_and_put_on_another_column() -> None:
    assert mutants(where=(over(">", 3),)) == {"", "WHERE pages < 3", "WHERE pages >= 3", "WHERE copies > 3"}


@pytest.mark.parametrize(
    ("predicate", "wanted"),
    [
        (over("BETWEEN", 2, 5), {"WHERE pages >= 2", "WHERE pages <= 5"}),
        (over("IN", 2, 5), {"WHERE pages NOT IN ( 2 , 5 )", "WHERE pages IN ( 2 )"}),
        (over("IS NULL"), {"WHERE pages IS NOT NULL"}),
        (over("=", 2), {"WHERE pages != 2"}),
    ],
)
def test_every_operator_has_its_own_changes(predicate: Predicate, wanted: set[str]) -> None:
    assert wanted < mutants(where=(predicate,))


def test_and_becomes_or() -> None:
    assert "WHERE pages > 3 OR pages < 9" in mutants(where=(over(">", 3), over("<", 9)))


def test_select_loses_a_column_takes_another_or_another_aggregate() -> None:
    found = mutants(select=(TITLE, PAGES))
    assert {"", "SELECT title , copies FROM book"} <= found
    assert "SELECT sum ( pages ) FROM book" in mutants(select=(PAGES.model_copy(update={"aggregate": "avg"}),))
    assert "SELECT count ( title ) FROM book" in mutants(
        select=(TITLE.model_copy(update={"aggregate": "count", "distinct": True}),)
    )
    assert "" in mutants(distinct=True)


def test_order_is_turned_and_dropped_and_the_limit_is_off_by_one() -> None:
    found = mutants(order=Order(item=PAGES, descending=True), limit=1)
    assert found == {"ORDER BY pages ASC LIMIT 1", "LIMIT 1", "ORDER BY pages DESC LIMIT 2"}


def test_grouping_and_having_are_dropped_and_changed() -> None:
    count = ALL.model_copy(update={"aggregate": "count"})
    found = mutants(group=(TITLE,), having=Predicate(item=count, operator=">", values=(2,)))
    assert {
        "GROUP BY title",
        "GROUP BY title HAVING count ( * ) >= 2",
        "GROUP BY title HAVING count ( * ) < 2",
        "HAVING count ( * ) > 2",
    } == found


def test_a_join_on_the_wrong_key() -> None:
    join = Join(table="author", right="id", left_table="book", left="author_id")
    assert "SELECT book . title FROM book JOIN author ON book . id = author . id" in mutants(joins=(join,))


def test_sets_are_combined_otherwise_or_not_at_all() -> None:
    other = Query(select=(TITLE,), table="book", where=(over(">", 3),))
    found = mutants(combine="EXCEPT", other=other)
    assert {
        "INTERSECT SELECT title FROM book WHERE pages > 3",
        "",
        "EXCEPT SELECT title FROM book WHERE pages < 3",
    } <= found


def test_a_subquery_has_mutants_of_its_own() -> None:
    inner = Query(select=(PAGES.model_copy(update={"aggregate": "max"}),), table="book")
    found = mutants(where=(over("=", query=inner),))
    assert "WHERE pages = ( SELECT min ( pages ) FROM book )" in found
    assert "WHERE copies = ( SELECT max ( pages ) FROM book )" in found
