"""The longest run of words that a text copies: by hand, against a slow search, and the runs that do not count."""

from __future__ import annotations

from random import Random

from factory.copies import Copy, longest
from factory.text import words


def test_the_longest_run_is_found_with_its_words_and_its_source() -> None:
    sources = ["the cat sat on the mat", "a dog; ran over THE hill, at night"]
    (found,) = longest(["then a dog ran over the hill and slept"], [""], sources)
    assert found == Copy(6, "a dog ran over the hill", 1)


def test_what_was_given_to_read_does_not_count() -> None:
    (found,) = longest(["a dog ran over the hill"], ["a dog ran over the hill"], ["so a dog ran over the hill"])
    assert found == Copy(0, "", -1)
    (found,) = longest(["a dog ran over the hill"], ["the hill"], ["so a dog ran over the hill"])
    assert found.words == 6, "a part of the run was given, the whole was not"


def test_what_another_was_given_counts() -> None:
    one, other = longest(["red hats", "red hats"], ["red hats", ""], ["red hats"])
    assert (one.words, other.words) == (0, 2)


def test_no_run_goes_on_beyond_the_end_of_a_text() -> None:
    found = longest(["one two", "three four"], ["", ""], ["one", "two three", "four"])
    assert [one.words for one in found] == [1, 1]


def test_empty_texts_and_no_sources_copy_nothing() -> None:
    assert longest(["", "a b"], ["", ""], []) == [Copy(0, "", -1)] * 2
    assert longest([], [], ["a"]) == []


def test_it_finds_what_a_slow_search_finds() -> None:
    rng = Random(3)

    def text(size: int) -> str:
        return " ".join(rng.choice("abcd") for _ in range(rng.randint(0, size)))

    for _ in range(40):
        texts, given, sources = ([text(9) for _ in range(4)] for _ in range(3))
        found = longest(texts, given, sources)
        assert [one.words for one in found] == [slow(*both, sources) for both in zip(texts, given, strict=True)]
        assert all(f" {one.text} " in f" {sources[one.source]} " for one in found if one.words)


def slow(text: str, given: str, sources: list[str]) -> int:
    said, best = words(text), 0
    for start in range(len(said)):
        for end in range(start + 1, len(said) + 1):
            run = f" {' '.join(said[start:end])} "
            if any(run in f" {source} " for source in sources) and run not in f" {given} ":
                best = max(best, end - start)
    return best
