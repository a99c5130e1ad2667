"""When two queries agree: the same rows on every copy that can tell, in order where the gold orders."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest

from factory.agreement import agree, compare, stable
from factory.config import load
from factory.records import Score
from factory.sandbox import Database, Refused, shared
from factory.specialist import Inapplicable, find
from factory.specialists.sql.state import Column, Item, Predicate, Query, Schema, State, Table
from factory.specialists.sql.verify import constants_of, copies, database, verify

BOOKS = Database(
    {"book": (("id integer", "pages integer", "title text"), ((1, 90, "Moon"), (2, 30, "Sun"), (3, 30, "Sea")))}
)
PAGES = Item(table="book", column="pages")


@pytest.mark.parametrize(
    ("gold", "answer", "ordered", "same"),
    [
        ([(1,), (2,)], [(2,), (1,)], False, True),
        ([(1,), (2,)], [(2,), (1,)], True, False),
        ([(1,)], [(1,), (1,)], False, False),
        ([(1,), (1,), (2,)], [(1,), (2,), (2,)], False, False),
        ([(1,)], [(1, 2)], False, False),
        ([(1, 2)], [(2, 1)], False, False),
        ([(1,)], [(1.0,)], False, True),
        ([(0.1 + 0.2,)], [(0.3,)], False, True),
        ([(0.3,)], [(0.3001,)], False, False),
        ([("1",)], [(1,)], False, False),
        ([("a",)], [("A",)], False, False),
        ([(None,)], [(0,)], False, False),
        ([(None,), ("a",), (2,)], [(2,), (None,), ("a",)], False, True),
        ([], [], True, True),
        ([], Refused("late"), False, False),
        (Refused("late"), Refused("late"), False, False),
    ],
)
def test_agree(gold, answer, ordered: bool, same: bool) -> None:
    assert agree(gold, answer, ordered) == same


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("SELECT title FROM book WHERE pages > 50", Score(1.0)),
        ("select  TITLE from book where id = 1 ;", Score(1.0)),
        ("SELECT title FROM book", Score(0.0, "wrong rows")),
        ("SELECT colour FROM book", Score(0.0, "refused: no such column: colour")),
        ("", Score(0.0, "refused: it asks nothing")),
        ("DROP TABLE book", Score(0.0, "refused: not authorized")),
    ],
)
def test_an_answer_is_right_or_wrong_with_its_reason(answer: str, score: Score) -> None:
    assert compare("SELECT title FROM book WHERE pages > 50", [BOOKS], [answer]) == [score]


def test_an_empty_answer_does_not_pass_for_a_query_that_finds_nothing() -> None:
    nothing = "SELECT title FROM book WHERE pages > 999"
    assert compare(nothing, [BOOKS], ["", "-- none", nothing])[:2] == [Score(0.0, "refused: it asks nothing")] * 2
    assert compare(nothing, [BOOKS], [nothing]) == [Score(1.0)]


def test_a_gold_that_does_not_run_scores_no_one() -> None:
    assert compare("SELECT colour FROM book", [BOOKS], ["SELECT 1"]) == [
        Score(0.0, "the gold cannot be told: no such column: colour")
    ]


def test_a_gold_that_depends_on_the_order_of_the_table_cannot_be_told() -> None:
    assert compare("SELECT title FROM book LIMIT 1", [BOOKS], ["SELECT 'Moon'"])[0].reason.startswith(
        "the gold cannot be told: its rows depend"
    )


def test_a_tie_at_the_limit_cannot_be_told() -> None:
    """Sun and Sea both have the fewest pages: a query that gives the other one is as right as the gold."""
    score = compare("SELECT title FROM book ORDER BY pages ASC LIMIT 1", [BOOKS], ["SELECT 'Sea'"])[0]
    assert score.reason.startswith("the gold cannot be told: its rows depend")


def state(*where: Predicate) -> State:
    columns = (
        Column(name="id", label="id", synonym="id", kind="id"),
        Column(name="pages", label="pages", synonym="leaves", kind="integer", low=1, high=500),
    )
    schema = Schema(
        family="library", style="snake", tables=(Table(name="book", label="book", synonym="volume", columns=columns),)
    )
    query = Query(select=(Item(table="book", column="id"),), table="book", where=where)
    return State(
        database=schema,
        rows={"book": ((1, 90), (2, 30), (3, 120))},
        pattern="list",
        difficulty="easy",
        wording="verbatim",
        query=query,
    )


def over(operator: str, *values) -> Predicate:
    return Predicate(item=PAGES, operator=operator, values=values)


def test_copies_catch_what_one_database_lets_pass() -> None:
    """No book has exactly 50 pages, so > and >= agree on the database itself; on the copies they do not."""
    asked = state(over(">", 50))
    wrong = "SELECT id FROM book WHERE pages >= 50"
    assert (
        compare(
            asked.query.sql(), [Database({"book": (("id integer", "pages integer"), asked.rows["book"])})], [wrong]
        )[0].value
        == 1
    )
    right, caught = verify(asked, [asked.query.sql(), wrong])
    assert right.value == 1
    assert caught.value == 0 and caught.reason.startswith("wrong rows on copy ")


@pytest.mark.parametrize(
    ("predicate", "constants"),
    [
        (over(">", 50), {"book.pages": [50]}),
        (over("BETWEEN", 1, 5), {"book.pages": [1, 5]}),
        (over("IS NULL"), {}),
        (over("YEAR", 1999), {"book.pages": ["1999-06-15"]}),
        (over("LIKE", "A%"), {"book.pages": ["Ax"]}),
    ],
)
def test_the_constants_of_a_query_go_into_its_copies(predicate: Predicate, constants: dict) -> None:
    assert constants_of(state(predicate).query) == constants


def test_copies_repeat_and_differ_by_salt_and_state() -> None:
    one, other = state(over(">", 50)), state(over(">", 51))
    assert list(copies(one, 3)) == list(copies(one, 3))
    assert list(copies(one, 3)) != list(copies(one, 3, salt="fresh"))
    assert list(copies(one, 3)) != list(copies(other, 3))


def test_a_drawn_gold_without_order_or_limit_never_depends_on_the_order_of_the_table() -> None:
    """That is why the verifier does not turn the tables for those."""
    task, told = find("sql"), 0
    settings = task.typed(load(["specialist=sql"]).specialist.settings)
    for index in range(150):
        with suppress(Inapplicable):
            drawn = task.draw(Random(f"turned/{index}"), settings, "exam")
            if drawn.query.order is None and drawn.query.limit is None:
                databases = [database(drawn, drawn.rows), *copies(drawn, 3)]
                assert all(stable(one, False) for one in shared().run(databases, [drawn.query.sql()])), (
                    drawn.query.sql()
                )
                told += 1
    assert told > 60
