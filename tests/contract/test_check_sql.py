"""The independent check of SQL rows finds nothing wrong, and finds what was made wrong."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

from factory.records import Example
from factory.rows import read_exam
from factory.specialist import find
from factory.specialists.sql import reading

PLACE = Path(__file__).with_name("check_sql.py")
SPEC = importlib.util.spec_from_file_location("check_sql", PLACE)
CHECK = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CHECK)


@cache
def drawn() -> list[Example]:
    """150 kept rows of each side."""
    sides = [("train", False), ("exam", True)]
    return [row for side, held_out in sides for row, _ in CHECK.rows(150, side, held_out) if row]


def wrong(rows: list[Example], wording: bool = True) -> list[str]:
    return [
        f"{fault}: {row.prompt.partition('Question: ')[2]} {row.answer}"
        for row in rows
        for fault in CHECK.faults(row.prompt, row.answer, row.state, wording)
    ]


def test_it_shares_no_code_with_what_it_checks() -> None:
    head = Path(reading.__file__).read_text()
    assert "import sqlglot" in head and not re.search(r"^\s*(from|import) factory", head, re.M)


def test_three_hundred_drawn_rows_are_right() -> None:
    assert len(drawn()) == 300
    assert wrong(drawn()) == []


def test_the_exam_is_right() -> None:
    rows = read_exam(find("sql").exam)
    assert wrong([row for row in rows if row.tags["origin"] == "grammar"]) == []
    assert wrong([row for row in rows if row.tags["origin"] == "hand"], wording=False) == []


def test_most_corrupted_golds_are_found_out_by_the_words_alone() -> None:
    """By schema, values and words, without the rows: 0.9 of those that change what the question says."""
    task, found = find("sql"), []
    for row in drawn()[::5]:
        for other in task.corrupt(task.state(**row.state)):
            found.append(bool(CHECK.faults(row.prompt, other, row.state)))
    assert len(found) > 200
    assert sum(found) / len(found) > 0.9


BOOKS = """Tables:
- book ( id key , price real , page_count integer , author_id -> author . id )
- author ( id key , city text )
Question: """
STATE = {
    "rows": {"book": [[1, 2.0, 30, 1]], "author": [[1, "Rome"]]},
    "database": {
        "tables": [
            {"name": "book", "label": "book", "synonym": "volume", "columns": [
                {"name": "id", "label": "book id", "synonym": "id", "kind": "id", "target": ""},
                {"name": "price", "label": "price", "synonym": "cost", "kind": "real", "target": ""},
                {"name": "page_count", "label": "page count", "synonym": "number of pages", "kind": "integer", "target": ""},
                {"name": "author_id", "label": "author", "synonym": "author", "kind": "reference", "target": "author"},
            ]},
            {"name": "author", "label": "author", "synonym": "writer", "columns": [
                {"name": "id", "label": "author id", "synonym": "id", "kind": "id", "target": ""},
                {"name": "city", "label": "city", "synonym": "home", "kind": "place", "target": ""},
            ]},
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("question", "answer", "fault"),
    [
        ("List the price of books with page count above 30.", "SELECT price FROM book WHERE page_count > 30", ""),
        ("List the price of books with page count above 30.", "SELECT price FROM book WHERE page_count >= 30", "is not what"),
        ("List the price of books with page count above 30.", "SELECT price FROM book WHERE page_count > 31", "does not say 31"),
        ("List the price of books with page count above 30.", "SELECT price FROM book", "the query lacks 30"),
        ("List the price of books.", "SELECT price , page_count FROM book", "'page count'] is not said"),
        ("List the price of books.", "SELECT cost FROM book", "no column cost"),
        ("List the price of books.", "SELECT DISTINCT price FROM book", "does not say that repeats go"),
        ("What is the average price of books?", "SELECT sum ( price ) FROM book", "sum is not said"),
        ("List the price of books sorted by page count in ascending order.", "SELECT price FROM book ORDER BY page_count DESC",
         "the order is down"),
        ("Show the price of the book with the highest page count.", "SELECT price FROM book ORDER BY page_count LIMIT 1",
         "the query wants the smallest"),
        ("List the price of books of authors with city 'Rome'.",
         "SELECT book . price FROM book JOIN author ON book . author_id = author . id WHERE author . city = 'Rome'", ""),
        ("List the price of books of authors with city 'Rome'.",
         "SELECT book . price FROM book JOIN author ON book . id = author . id WHERE author . city = 'Rome'", "no reference"),
        ("List the city of authors that have no books.",
         "SELECT city FROM author WHERE id IN ( SELECT author_id FROM book )", "some or none"),
        ("List the city of authors that have no books.",
         "SELECT city FROM author WHERE id NOT IN ( SELECT id FROM book )", "looks along no reference"),
    ],
)  # fmt: skip
def test_what_it_finds(question: str, answer: str, fault: str) -> None:
    found = "; ".join(CHECK.faults(BOOKS + question, answer, STATE))
    assert fault in found if fault else found == ""
