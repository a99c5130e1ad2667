"""The nearest training rows, by the words they share."""

from __future__ import annotations

from factory.nearest import nearest

TEXTS = ["the red bus stops here", "the blue bus stops here", "count the books by genre", "the red red bus"]


def test_the_text_itself_is_nearest() -> None:
    assert [places[0] for places in nearest(TEXTS, TEXTS, 2, 1)] == [0, 1, 2, 3]


def test_rare_words_count_more_than_frequent_ones() -> None:
    assert nearest(["the genre"], TEXTS, 1, 1) == [[2]]


def test_longer_runs_tell_an_order_of_words() -> None:
    texts = ["the man bites the dog", "the dog bites the man"]
    assert nearest(["now the dog bites"], texts, 3, 1) == [[1]]
    assert nearest(["now the dog bites"], texts, 1, 2) == [[0, 1]], "of equals the first"


def test_as_many_as_wanted_and_no_more_than_there_are() -> None:
    assert [len(places) for places in nearest(["bus", "nothing known"], TEXTS, 1, 3)] == [3, 3]
    assert sorted(nearest(["bus"], TEXTS, 1, 9)[0]) == [0, 1, 2, 3]
