"""What a question says: the values and nouns of its query, in phrases of its side."""

from __future__ import annotations

import re
from functools import cache
from random import Random

import pytest

from factory.config import load
from factory.records import Example
from factory.specialist import Inapplicable, find
from factory.specialists.sql.patterns import PATTERNS
from factory.specialists.sql.render import AGGREGATES, CONDITIONS, FRAMES, LINKS, plural, render
from factory.specialists.sql.state import State
from factory.specialists.sql.verify import predicates

ACTS = {**CONDITIONS, **FRAMES, **AGGREGATES, **{f"link {kind}": told for kind, told in LINKS.items()}}


@cache
def examples(side: str, held_out: bool) -> list[Example]:
    task, found = find("sql"), []
    settings = task.typed(load([]).specialist.settings)
    for index in range(500):
        try:
            found.append(task.example(index, 0, settings, side, held_out))
        except Inapplicable:
            continue
    return found


def used(example: Example) -> list[tuple[str, str]]:
    """The phrases of an example that come from a table with held-out ones: act and phrase."""
    pairs = [renderings.rsplit(".", 1) for renderings in example.provenance["renderings"]]
    return [(act, ACTS[act][int(index)]) for act, index in pairs if act in ACTS]


def test_training_uses_no_held_out_phrase() -> None:
    said = [phrase for example in examples("train", False) for _, phrase in used(example)]
    assert len(said) > 500
    assert [phrase for phrase in said if phrase.startswith("~")] == []


def test_a_held_out_rendering_uses_one_wherever_there_is_one() -> None:
    for example in examples("exam", True):
        for act, phrase in used(example):
            assert phrase.startswith("~") or not any(other.startswith("~") for other in ACTS[act])


def test_every_frame_and_condition_has_a_held_out_phrase_and_two_seen_ones() -> None:
    for act, told in (CONDITIONS | FRAMES | LINKS).items():
        assert sum(phrase.startswith("~") for phrase in told) >= 1, act
        assert sum(not phrase.startswith("~") for phrase in told) >= 2, act


def test_a_rendering_names_one_phrase() -> None:
    """Lineage reads these names: two tables with one name for an act would make them ambiguous."""
    tables = (CONDITIONS, FRAMES, AGGREGATES, [f"link {kind}" for kind in LINKS])
    assert sum(map(len, tables)) == len(ACTS)
    for example in examples("train", False):
        for name in example.provenance["renderings"]:
            act, index = name.rsplit(".", 1)
            assert act in (*ACTS, "way", "cmp") and int(index) < len(ACTS.get(act, "....")), name


def test_every_pattern_has_a_frame() -> None:
    combined = {"union": "UNION", "intersect": "INTERSECT", "except": "EXCEPT"}
    assert {combined.get(name, name) for name in PATTERNS} <= set(FRAMES)


def test_every_value_of_the_query_is_in_the_question() -> None:
    for example in examples("train", False):
        question = example.prompt.partition("Question: ")[2]
        query = State(**example.state).query
        for predicate in predicates(query):
            for value in predicate.values:
                assert str(value).removesuffix("%") in question, (question, example.answer)


def test_a_prompt_is_the_schema_and_one_clean_question() -> None:
    for example in examples("train", False):
        tables, _, question = example.prompt.partition("\nQuestion: ")
        assert tables == f"Tables:\n{State(**example.state).database.text()}"
        assert question[-1] in "?." and question[0].isupper()
        assert not re.search(r"[{}~]|  | [?.,]|None", question), question


def test_the_answer_is_the_query_of_the_state() -> None:
    assert all(example.answer == State(**example.state).query.sql() for example in examples("train", False))


def test_the_same_stream_tells_the_same_and_other_streams_tell_it_otherwise() -> None:
    state = State(**examples("train", False)[0].state)
    assert render(state, Random(1), False) == render(state, Random(1), False)
    assert len({render(state, Random(i), False).messages[0]["content"] for i in range(30)}) > 3


def test_synonyms_are_said_in_their_slice_only() -> None:
    for example in examples("train", False):
        state, question = State(**example.state), example.prompt.partition("Question: ")[2]
        if state.wording == "verbatim" and state.pattern == "distinct":
            column = state.database.table(state.query.table).column(state.query.select[0].column)
            assert column.label in question


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("city", "cities"),
        ("match", "matches"),
        ("guest room", "guest rooms"),
        ("bus", "buses"),
        ("box", "boxes"),
        ("day", "days"),
        ("person", "people"),
        ("sick child", "sick children"),
        ("wish", "wishes"),
    ],
)
def test_plural(one: str, many: str) -> None:
    assert plural(one) == many


def test_every_noun_of_the_families_has_a_plural_that_differs() -> None:
    from factory.specialists.sql.families import families

    for family in (*families("train"), *families("exam")):
        for entity in family.entities:
            for noun in (entity.label, entity.synonym):
                assert plural(noun) != noun
