"""The SQL text of hand-built queries, the schema's text, and what counts as the shape of a query."""

from __future__ import annotations

import sqlite3

import pytest
from pydantic import ValidationError

from factory.specialists.sql.state import Column, Item, Join, Order, Predicate, Query, Schema, Table, literal

BOOK = Table(
    name="book",
    label="book",
    synonym="volume",
    columns=(
        Column(name="id", label="book id", synonym="id", kind="id"),
        Column(name="author_id", label="author", synonym="writer", kind="reference", target="author"),
        Column(name="title", label="title", synonym="heading", kind="title"),
        Column(name="price", label="price", synonym="cost", kind="real", low=1, high=9),
        Column(name="printed", label="printed", synonym="made", kind="date", low=1990, high=2000),
    ),
)
AUTHOR = Table(
    name="author",
    label="author",
    synonym="writer",
    columns=(
        Column(name="id", label="author id", synonym="id", kind="id"),
        Column(name="born", label="born", synonym="birth year", kind="year", low=1900, high=2000),
    ),
)
SCHEMA = Schema(family="library", style="snake", tables=(BOOK, AUTHOR))


def item(column: str, table: str = "book", **more) -> Item:
    return Item(table=table, column=column, **more)


def where(column: str, operator: str, *values, **more) -> Predicate:
    return Predicate(item=item(column), operator=operator, values=values, **more)


TITLE, PRICE, ALL = item("title"), item("price"), item("*", aggregate="count")
TO_AUTHOR = Join(table="author", right="id", left_table="book", left="author_id")
AVERAGE = Query(select=(item("price", aggregate="avg"),), table="book")

QUERIES = {
    "SELECT title FROM book": Query(select=(TITLE,), table="book"),
    "SELECT DISTINCT title , price FROM book": Query(select=(TITLE, PRICE), table="book", distinct=True),
    "SELECT count ( DISTINCT title ) FROM book": Query(
        select=(item("title", aggregate="count", distinct=True),), table="book"
    ),
    "SELECT count ( * ) FROM book WHERE title = 'O''Hara'": Query(
        select=(ALL,), table="book", where=(where("title", "=", "O'Hara"),)
    ),
    "SELECT title FROM book WHERE price > 2 OR price IS NULL": Query(
        select=(TITLE,), table="book", where=(where("price", ">", 2), where("price", "IS NULL")), connective="OR"
    ),
    "SELECT title FROM book WHERE price BETWEEN 1 AND 2.5": Query(
        select=(TITLE,), table="book", where=(where("price", "BETWEEN", 1, 2.5),)
    ),
    "SELECT title FROM book WHERE title IN ( 'a' , 'b' )": Query(
        select=(TITLE,), table="book", where=(where("title", "IN", "a", "b"),)
    ),
    "SELECT title FROM book WHERE title LIKE 'A%'": Query(
        select=(TITLE,), table="book", where=(where("title", "LIKE", "A%"),)
    ),
    "SELECT title FROM book WHERE strftime ( '%Y' , printed ) = '1995'": Query(
        select=(TITLE,), table="book", where=(where("printed", "YEAR", 1995),)
    ),
    "SELECT title FROM book WHERE price > ( SELECT avg ( price ) FROM book )": Query(
        select=(TITLE,), table="book", where=(where("price", ">", query=AVERAGE),)
    ),
    "SELECT title , count ( * ) FROM book GROUP BY title HAVING count ( * ) >= 2": Query(
        select=(TITLE, ALL), table="book", group=(TITLE,), having=Predicate(item=ALL, operator=">=", values=(2,))
    ),
    "SELECT title FROM book ORDER BY price DESC LIMIT 3": Query(
        select=(TITLE,), table="book", order=Order(item=PRICE, descending=True), limit=3
    ),
    "SELECT title FROM book ORDER BY price ASC": Query(select=(TITLE,), table="book", order=Order(item=PRICE)),
    "SELECT book . title FROM book JOIN author ON book . author_id = author . id WHERE author . born < 1950": Query(
        select=(TITLE,),
        table="book",
        joins=(TO_AUTHOR,),
        where=(Predicate(item=item("born", "author"), operator="<", values=(1950,)),),
    ),
    "SELECT count ( * ) FROM book LEFT JOIN author ON book . author_id = author . id": Query(
        select=(ALL,), table="book", joins=(TO_AUTHOR.model_copy(update={"kind": "LEFT"}),)
    ),
    "SELECT title FROM book WHERE price > 2 EXCEPT SELECT title FROM book": Query(
        select=(TITLE,),
        table="book",
        where=(where("price", ">", 2),),
        combine="EXCEPT",
        other=Query(select=(TITLE,), table="book"),
    ),
}


@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_says_its_sql_and_sqlite_takes_it(sql: str) -> None:
    assert QUERIES[sql].sql() == sql
    with sqlite3.connect(":memory:") as connection:
        for table in SCHEMA.tables:
            connection.execute(f"CREATE TABLE {table.name} ({', '.join(f'{c.name} {c.type}' for c in table.columns)})")
        assert isinstance(connection.execute(sql).fetchall(), list)


def test_the_schema_is_one_line_a_table() -> None:
    assert SCHEMA.text() == (
        "- book ( id key , author_id -> author . id , title text , price real , printed date )\n"
        "- author ( id key , born integer )"
    )


@pytest.mark.parametrize(("value", "sql"), [(None, "NULL"), ("it's", "'it''s'"), (3, "3"), (2.5, "2.5"), ("", "''")])
def test_a_value_as_sql_writes_it(value, sql: str) -> None:
    assert literal(value) == sql
    with sqlite3.connect(":memory:") as connection:
        assert connection.execute(f"SELECT {sql}").fetchone() == (value,)


def test_the_skeleton_masks_names_and_values_and_keeps_the_shape() -> None:
    cheap, dear = (Query(select=(TITLE,), table="book", where=(where("price", "<", value),)) for value in (1, 8))
    by_year = Query(
        select=(item("id", "author"),),
        table="author",
        where=(Predicate(item=item("born", "author"), operator="<", values=(5,)),),
    )
    assert cheap.skeleton() == dear.skeleton() == by_year.skeleton() == "SELECT c FROM t WHERE c < v"
    others = {query.skeleton() for query in QUERIES.values()}
    assert len(others) == len(QUERIES), "every query above has a shape of its own"
    assert not any(word in skeleton for skeleton in others for word in ("book", "title", "1950", "2.5"))


def test_a_state_comes_back_from_plain_data() -> None:
    query = QUERIES["SELECT title FROM book WHERE price > ( SELECT avg ( price ) FROM book )"]
    assert Query(**query.model_dump(mode="json")) == query
    assert Schema(**SCHEMA.model_dump(mode="json")) == SCHEMA


def test_nothing_of_a_state_can_be_changed_or_added() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TITLE.column = "price"
    with pytest.raises(ValidationError, match="Extra inputs"):
        Item(table="book", column="title", colour="red")


def test_absent_names_are_an_error() -> None:
    with pytest.raises(KeyError):
        SCHEMA.table("loan")
    with pytest.raises(KeyError):
        BOOK.column("colour")
