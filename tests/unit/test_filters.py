"""Each check drops the planted row, only it, and says why with its number."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, get_type_hints

import numpy as np
import pytest

from factory import filters
from factory.config import Balance, Contamination, ExactDuplicate, FilterTable, Length, NearDuplicate
from factory.filters import near_duplicate
from factory.records import Example, Verdict
from factory.stages.filter import split

NUMBERS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
]
NEAR = NearDuplicate(threshold=0.9, permutations=128)


def row(name: str, prompt: str, answer: str = "", family: str = "library", **tags: str) -> Example:
    return Example(
        id=name, messages=({"role": "user", "content": prompt},), answer=answer, state=None, family=family, tags=tags
    )


def dropped(name: str, settings: Any, rows: Sequence[Example], exam: Sequence[Example] = ()) -> dict[str, Verdict]:
    return filters.find(name)(rows, settings, exam, print)


def text(words: int, salt: str) -> str:
    """A text of so many different words."""
    return " ".join(f"{salt}{i}" for i in range(words))


def test_every_filter_of_the_configuration_is_found_and_none_more() -> None:
    there = {path.stem for path in Path(filters.__file__).parent.glob("*.py")} - {"__init__"}
    assert there == set(get_type_hints(FilterTable)) - {"split"}
    assert all(callable(filters.find(name)) for name in there)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("length", Length(max_characters=9)),
        ("exact_duplicate", ExactDuplicate()),
        ("balance", Balance(cap=1)),
        ("near_duplicate", NEAR),
        ("contamination", Contamination(ngram=3, threshold=0.5)),
    ],
)
def test_no_rows_drop_nothing(name: str, settings: Any) -> None:
    assert dropped(name, settings, []) == {}


def test_length_drops_what_is_one_character_too_long() -> None:
    rows = [row("fits", "12345", "1234"), row("long", "12345", "12345")]
    assert dropped("length", Length(max_characters=9), rows) == {"long": Verdict.drop("too long", 10)}


def test_exact_duplicate_drops_the_later_of_two_that_differ_by_case_and_spacing() -> None:
    rows = [
        row("a", "Count  the\nBooks", "SELECT 1"),
        row("b", "count the books", "select  1"),
        row("c", "count the books", "SELECT 2"),
        row("d", "ﬁnd", "x"),
        row("e", "find", "x"),
    ]
    assert dropped("exact_duplicate", ExactDuplicate(), rows) == dict.fromkeys("be", Verdict.drop("said before"))


def test_balance_keeps_the_first_rows_of_a_kind_and_all_without_one() -> None:
    rows = [
        row("a", "1", balance="k"),
        row("b", "2", balance="k"),
        row("c", "3", balance="k"),
        row("d", "4", balance="l"),
        row("e", "5"),
    ]
    assert dropped("balance", Balance(cap=2), rows) == {"c": Verdict.drop("its kind is full", 2)}


def test_near_duplicate_finds_a_planted_pair_with_its_similarity() -> None:
    """100 different words give 98 three-grams; a new last word changes one of them: 97 shared of 99."""
    long = text(100, "w")
    rows = [row("a", long), row("other", text(100, "v")), row("b", long.rsplit(" ", 1)[0] + " changed")]
    assert dropped("near_duplicate", NEAR, rows) == {"b": Verdict.drop("nearly said before", round(97 / 99, 4))}


def test_near_duplicate_keeps_rows_that_differ_by_a_number_and_stay_below_the_threshold() -> None:
    """A number in the middle changes three of n - 2 three-grams: (n - 5) / (n + 1), 0.9 from n = 59 words on."""

    def pair(words: int) -> list[Example]:
        parts = text(words, "w").split()
        return [row("a", " ".join(parts)), row("b", " ".join([*parts[: words // 2], "1984", *parts[words // 2 + 1 :]]))]

    assert dropped("near_duplicate", NEAR, pair(30)) == {}
    assert dropped("near_duplicate", NEAR, pair(58)) == {}
    assert dropped("near_duplicate", NEAR, pair(59)) == {"b": Verdict.drop("nearly said before", 0.9)}


def test_near_duplicate_keeps_the_first_of_many_and_does_not_chain() -> None:
    """b nears a and c nears b, but c is too far from a: b goes, and c stays, because what it repeats is gone."""
    parts = text(100, "w").split()
    a, b, c = parts, [*parts[:96], *"abcd"], [*"efgh", *parts[4:96], *"abcd"]
    assert set(
        dropped("near_duplicate", NEAR, [row("a", " ".join(a)), row("b", " ".join(b)), row("c", " ".join(c))])
    ) == {"b"}
    assert set(dropped("near_duplicate", NEAR, [row(name, " ".join(a)) for name in "xyz"])) == {"y", "z"}


def test_near_duplicate_gives_the_same_verdicts_every_time() -> None:
    rows = [row(str(i), text(60, "w").replace(f"w{i} ", "x ")) for i in range(20)]
    assert dropped("near_duplicate", NEAR, rows) == dropped("near_duplicate", NEAR, rows)


def test_near_duplicate_finds_nearly_all_planted_pairs() -> None:
    """At similarity 0.92 and 32 bands of 4, a pair is missed with chance (1 - 0.92**4)**32 < 1e-17."""
    rows = [
        row(f"{i}{side}", text(75, f"w{i}x") + end)
        for i in range(40)
        for side, end in (("a", ""), ("b", " and more words"))
    ]
    found = dropped("near_duplicate", NEAR, rows)
    assert set(found) == {f"{i}b" for i in range(40)}


def test_near_duplicate_hears_no_case_and_no_punctuation_but_every_sign_and_digit() -> None:
    """Between two numbers a sign is all the difference: of 62 three-grams three change, (62 - 3) / (62 + 3) = 0.908."""
    plain = text(60, "w")
    said = f"{plain}, price > 100 {text(60, 'v')}"
    rows = [row("a", said), row("b", said.upper().replace(" ", " ; ", 9)), row("c", said.replace(">", "<"))]
    near = NearDuplicate(threshold=0.98, permutations=128)
    assert dropped("near_duplicate", near, rows) == {"b": Verdict.drop("nearly said before", 1.0)}


def test_near_duplicate_finds_just_the_pairs_that_counting_finds() -> None:
    rng = Random(0)
    said = [[rng.choice(string.ascii_lowercase) + str(rng.randint(0, 40)) for _ in range(40)] for _ in range(150)]
    for words in list(said):
        copy = list(words)
        for place in rng.sample(range(40), rng.randint(0, 4)):
            copy[place] = "other"
        said.append(copy)
    grams = [{tuple(words[i : i + 3]) for i in range(38)} for words in said]
    alike = {
        (later, earlier)
        for later in range(len(said))
        for earlier in range(later)
        if len(grams[later] & grams[earlier]) / len(grams[later] | grams[earlier]) >= 0.7
    }
    flat, starts = near_duplicate.shingles([" ".join(words) for words in said])
    found = np.concatenate(list(near_duplicate.similar(flat, starts, 0.7, 128, print)))
    assert len(alike) > 50
    assert {(int(later), int(earlier)) for later, earlier, _ in found} == alike


def test_near_duplicate_ends_on_texts_of_one_mould_and_says_what_it_may_miss(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = Random(0)
    parts = [f"the patient has {what} since {when}" for what in ("cough", "rash") for when in ("monday", "may", "noon")]
    rows = [row(str(i), " ".join(rng.choices(parts, k=9))) for i in range(1500)]
    found = dropped("near_duplicate", NearDuplicate(threshold=0.7, permutations=128), rows)
    assert 0 < len(found) < 1500
    assert "texts of one mould" in capsys.readouterr().out


def test_near_duplicate_pairs_a_large_group_row_by_row_and_copies_not_at_all() -> None:
    many = near_duplicate.LARGE + 6
    rows = [row(str(i), text(60, "w")) for i in range(many)]
    order, starts, sizes = np.arange(many), np.array([0]), np.array([many])
    pairs = np.concatenate(list(near_duplicate.blocks(order, starts, sizes)))
    assert len(pairs) == many * (many - 1) // 2 == len(np.unique(pairs, axis=0))
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert set(dropped("near_duplicate", NEAR, rows)) == {str(i) for i in range(1, many)}


EXAM = [
    row(
        "exam",
        "How many lighthouse keepers are there in the northern harbour",
        "SELECT count ( * ) FROM keeper",
        "lighthouse",
    )
]
SETTINGS = Contamination(ngram=4, threshold=0.5)


def test_contamination_drops_a_family_of_the_exam_whatever_it_says() -> None:
    rows = [row("leak", "something else", family="lighthouse"), row("fine", "something else", family="harbour")]
    assert dropped("contamination", SETTINGS, rows, EXAM) == {"leak": Verdict.drop("family of the exam")}


def test_contamination_drops_a_text_of_the_exam_under_another_family() -> None:
    copy = EXAM[0].prompt.upper()
    rows = [row("copy", copy, EXAM[0].answer), row("half", f"{copy} {text(3, 'w')}"), row("fine", text(17, "w"))]
    found = dropped("contamination", SETTINGS, rows, EXAM)
    assert found == {"copy": Verdict.drop("text of the exam", 1.0), "half": Verdict.drop("text of the exam", 0.7)}


def test_contamination_measures_the_share_in_one_exam_row() -> None:
    """Eight words give five four-grams; two of them stand in the exam: 0.4 is below a half, three would be above."""
    said = "how many lighthouse keepers are"  # two four-grams
    rows = [row("below", f"{said} w1 w2 w3"), row("above", f"{said} there w1 w2")]
    assert dropped("contamination", SETTINGS, rows, EXAM) == {"above": Verdict.drop("text of the exam", 0.6)}


def test_contamination_does_not_add_up_different_exam_rows() -> None:
    exam = [row("1", text(7, "a"), family="x"), row("2", text(7, "b"), family="y")]
    assert dropped("contamination", SETTINGS, [row("mix", f"{text(6, 'a')} {text(6, 'b')}")], exam) == {}


def test_contamination_cannot_see_a_paraphrase() -> None:
    """Its docstring says so; if this ever fails, say something better there."""
    rows = [row("paraphrase", "Count all people who keep a light tower at the harbour up north")]
    assert dropped("contamination", SETTINGS, rows, EXAM) == {}


def test_without_an_exam_nothing_is_contaminated() -> None:
    assert dropped("contamination", SETTINGS, [row("a", text(9, "w"))]) == {}


def test_a_split_takes_whole_families_and_about_its_share() -> None:
    rows = [row(f"{family}{i}", "x", family=family) for family in NUMBERS for i in range(10)]
    done = split(rows, 0.2)
    sides = {family: {one.split for one in done if one.family == family} for family in NUMBERS}
    assert all(len(side) == 1 for side in sides.values())
    assert [one.id for one in done] == [one.id for one in rows]
    assert 0.1 <= sum(one.split == "dev" for one in done) / len(done) <= 0.3


def test_a_split_does_not_depend_on_the_order_of_rows() -> None:
    rows = [row(f"{family}{i}", "x", family=family) for family in NUMBERS for i in range(3)]

    def dev(done: list[Example]) -> set[str]:
        return {one.family for one in done if one.split == "dev"}

    assert dev(split(rows, 0.2)) == dev(split(rows[::-1], 0.2)) != set()
