"""The told part of a prompt, the values it says, and what masking leaves."""

from __future__ import annotations

from factory.records import Example
from factory.text import masked, runs, told, values, words

PROMPT = (
    "Tables:\n- nurse ( id key , day_rate real )\nQuestion: List the day rates of nurses in 'North Ward' over 20.5."
)
STATE = {"tables": [{"name": "nurse", "columns": ["day_rate", "day rate"]}, {"name": "ward list"}], "kind": "list"}
ROW = Example("1", ({"role": "user", "content": PROMPT},), "SELECT day_rate FROM nurse", STATE, "clinic")


def test_told_is_the_prompt_without_tables_headings_and_labels() -> None:
    assert told(PROMPT) == "List the day rates of nurses in 'North Ward' over 20.5."
    assert told("Doctor: How are you?\nPatient: Fine.") == "Doctor: How are you?\nPatient: Fine."


def test_values_are_the_strings_of_the_state_that_the_row_says() -> None:
    assert values(ROW) == {"nurse", "day_rate", "list"}


def test_masking_takes_quotations_numbers_names_and_known_values() -> None:
    assert masked(told(PROMPT), {"day rate", "nurse"}) == "List the v of v in v over v"
    assert masked("He met Anna Bell. Then I left, and Bob stayed.") == "He met n n. Then I left, and n stayed."
    assert masked("It's the dog's bone, isn't it?") == "It's the dog's bone, isn't it?"
    assert masked("the dayrates", {"day rate"}) == "the dayrates"


def test_runs_are_as_many_as_fit() -> None:
    assert words("A cat, a Cat!") == ["a", "cat", "a", "cat"]
    assert len(runs(words("a cat a cat a"), 2)) == 2
    assert runs(["a"], 2) == set()
