"""One query written two ways is one text; two queries are two; what is no query is none."""

from __future__ import annotations

import pytest

from factory.queries import normal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT name FROM singer", "select  Name\nfrom SINGER"),
        (
            "SELECT T1.name FROM singer AS T1 WHERE T1.a > 3 AND T1.b = 'x'",
            'SELECT name FROM singer WHERE "x" = b AND a > 3',
        ),
        (
            "SELECT count(*) AS n, c FROM t GROUP BY c ORDER BY n",
            "SELECT count ( * ), t.c FROM t GROUP BY t.c ORDER BY count(*)",
        ),
        ("SELECT max(x) AS x FROM t ORDER BY x", "SELECT max(x) FROM t ORDER BY max(x) ASC"),
        ("SELECT a.x FROM a JOIN b ON a.id = b.a_id", "SELECT a.x FROM a INNER JOIN b ON b.a_id = a.id"),
        ("SELECT x FROM (SELECT x FROM t) AS q", "SELECT q.x FROM (SELECT x FROM t) AS q"),
    ],
)
def test_one_query_written_two_ways_is_one(one: str, other: str) -> None:
    assert normal(one)
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    "other",
    [
        "SELECT DISTINCT name FROM singer WHERE a > 3",
        "SELECT name FROM singer WHERE a > 4",
        "SELECT name FROM singer WHERE a >= 3",
        "SELECT name FROM singer WHERE a > 3 LIMIT 1",
        "SELECT name FROM singers WHERE a > 3",
        "SELECT count(name) FROM singer WHERE a > 3",
        "SELECT name FROM singer LEFT JOIN b ON c = d WHERE a > 3",
    ],
)
def test_another_query_is_another(other: str) -> None:
    assert normal(other) not in (None, normal("SELECT name FROM singer WHERE a > 3"))


@pytest.mark.parametrize(
    "text", ["", "no query", "Select the book", "with love from me", "select " + "(" * 4000, "SELECT 'x"]
)
def test_what_is_no_query_is_none(text: str) -> None:
    assert normal(text) is None
