"""The verifier on queries that this project did not write: wrong ones are rejected, and what is only said otherwise is not.

A part of Spider's development set; all of it, and the other sets, are measured by `tests/contract/check_verifier.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.agreement import compare
from factory.sandbox import Database
from factory.suites.copies import ADDED, MOST, constants_of, copies
from factory.suites.mutants import KINDS, corrupt
from factory.suites.telling import COPIES, telling
from tests.contract.check_verifier import Golds, judged, otherwise, spider

BOOKS = Database(
    {
        "book": (('"id" INT', '"pages" INT', '"title" TEXT'), tuple((n, 10 * n, f"The {n}th") for n in range(1, 60))),
        "loan": (('"book" INT', '"year" TEXT'), tuple((n % 9, "2001") for n in range(30))),
        "none": (('"id" INT',), ()),
    }
)
GOLD = 'SELECT title FROM book WHERE pages > 80 AND title LIKE "The %" ORDER BY pages LIMIT 3'


@pytest.fixture(scope="module")
def part(shared_data: Path) -> Golds:
    """Every eighth gold."""
    return spider(shared_data)[::8]


def test_of_the_wrong_queries_99_in_100_are_rejected(part: Golds) -> None:
    """Wrong is what differs on a fresh database. Measured on all golds: see docs/decisions."""
    wrong = [one for one in judged(part, 50, 10) if one.fresh]
    accepted = [one for one in wrong if not one.whole]
    assert len(wrong) > 40 and len({one.kind for one in wrong}) >= 18
    assert len(accepted) <= 0.01 * len(wrong), accepted
    assert sum(not one.held_out for one in wrong) <= 0.03 * len(wrong), "copies made against the other kinds only"


def test_what_is_said_in_other_words_is_accepted(part: Golds) -> None:
    refused, asked = [], 0
    for database, gold in part[::2]:
        own, *scores = compare(gold, telling(database, gold), [gold, *otherwise(gold)])
        if not own.reason.startswith("the gold cannot be told"):
            refused += [(gold, score.reason) for score in (own, *scores) if score.value < 1]
            asked += len(scores)
    assert refused == []
    assert asked > 60


def test_the_mutants_of_a_gold() -> None:
    made = list(corrupt(GOLD, BOOKS))
    assert (
        {kind for kind, _ in made}
        == {
            "comparison turned",
            "boundary off by one",
            "constant changed",
            "pattern narrowed",
            "condition dropped",
            "AND and OR",
            "negation",
            "column selected",
            "column compared",
            "column ordered by",
            "DISTINCT",
            "direction",
            "ORDER BY dropped",
            "LIMIT",
        }
        <= set(KINDS)
    )
    assert len({sql for _, sql in made}) == len(made)
    assert ("constant changed", GOLD.replace("80", "81")) in made
    assert ("direction", GOLD.replace("pages LIMIT", "pages DESC LIMIT")) in made
    assert all("The" not in sql or '"The %"' in sql or kind == "pattern narrowed" for kind, sql in made)


def test_copies_hold_the_constants_and_keep_the_keys() -> None:
    assert constants_of(GOLD, BOOKS) == {"pages": [80, 80, 79, 81], "title": ["The ", "The x", "xThe ", "xThe x"]}
    made = list(copies(BOOKS, GOLD, 20))
    assert made == list(copies(BOOKS, GOLD, 20)) != list(copies(BOOKS, GOLD, 20, salt="fresh"))
    for copy in made:
        ids, pages, _ = zip(*copy.tables["book"][1], strict=True)
        assert len(set(ids)) == len(ids) <= MOST + ADDED
        assert {80, 79, 81} & set(pages)
        assert copy.tables["none"] == BOOKS.tables["none"]


def test_copies_are_added_where_a_mutant_survives() -> None:
    gold = "SELECT title FROM book WHERE pages > 80 INTERSECT SELECT title FROM book WHERE pages < 30"
    first, whole = telling(BOOKS, gold, unless=set(KINDS)), telling(BOOKS, gold)
    assert first == [BOOKS, *copies(BOOKS, gold, COPIES)] == whole[: 1 + COPIES]
    mutants = [sql for _, sql in corrupt(gold, BOOKS)]
    taken = [sum(score.value for score in compare(gold, judge, mutants)) for judge in (first, whole)]
    assert taken[1] < taken[0]
