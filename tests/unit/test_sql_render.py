"""What a question says: the values and nouns of its query, in phrases of its side."""

from __future__ import annotations

import re
from functools import partial
from random import Random

import pytest

from factory.specialists.sql.patterns import PATTERNS
from factory.specialists.sql.phrases import ACTS, PLAIN, TABLES
from factory.specialists.sql.render import plural, render
from factory.specialists.sql.state import State
from factory.specialists.sql.verify import predicates
from tests.drawn import drawn, used

FREQUENT = {act for table in ("conditions", "links", "frames") for act in TABLES[table] if not act.endswith("role")}


examples = partial(drawn, "sql", streams=500)


def test_training_uses_no_held_out_phrase() -> None:
    said = [phrase for example in examples("train", False) for _, phrase in used(example, ACTS)]
    assert len(said) > 500
    assert [phrase for phrase in said if phrase.startswith("~")] == []


def test_a_held_out_rendering_uses_one_wherever_there_is_one() -> None:
    for example in examples("exam", True):
        for act, phrase in used(example, ACTS):
            assert phrase.startswith("~") or not any(other.startswith("~") for other in ACTS[act])


def test_an_act_has_a_dozen_seen_phrases_and_three_held_out_a_lesser_one_five() -> None:
    for act, told in ACTS.items():
        held = sum(phrase.startswith("~") for phrase in told)
        assert len(told) - held >= (12 if act in FREQUENT else 5), act
        assert held >= 3 or act not in FREQUENT, act
        assert len({phrase.removeprefix("~").lower() for phrase in told}) == len(told), act


def test_an_act_has_one_name_in_all_tables() -> None:
    """Lineage reads these names: two tables with one name for an act would make them ambiguous."""
    assert sum(map(len, TABLES.values())) == len(ACTS)


def test_the_phrases_of_an_act_fill_the_same_slots() -> None:
    """A phrase that forgets a slot would leave something of the query unsaid."""
    either = {"nps": "np", "np": "np"}
    for act, told in ACTS.items():
        slots = [{either.get(slot, slot) for slot in re.findall(r"{(\w+)}", phrase)} for phrase in told]
        assert all(found == slots[0] for found in slots), (act, slots)


def test_every_pattern_has_a_frame_and_every_act_is_used() -> None:
    combined = {"union": "UNION", "intersect": "INTERSECT", "except": "EXCEPT", "join_count": "count"}
    assert {combined.get(name, name) for name in PATTERNS} - PLAIN <= set(TABLES["frames"])
    assert set(PATTERNS) >= PLAIN
    said = {
        act for held_out in (False, True) for example in examples("exam", held_out) for act, _ in used(example, ACTS)
    }
    assert set(ACTS) - said <= {"link none role", "link parent role", "!=", "IN", "IS NOT NULL"}, set(ACTS) - said


def test_a_query_without_repeats_is_asked_for_without_repeats() -> None:
    for example in examples("train", False):
        query = State(**example.state).query
        acts = {act for act, _ in used(example, ACTS)}
        assert query.distinct == ("distinct" in acts)


def test_a_reference_with_a_role_is_told_by_it() -> None:
    """A flight has an origin and a destination: the airport alone would not say which."""
    seen = 0
    for example in [*examples("train", False), *examples("exam", True)]:
        state = State(**example.state)
        for join in state.query.joins:
            tables = [state.database.table(name) for name in (join.left_table, join.table)]
            ends = [table.column(name) for table, name in zip(tables, (join.left, join.right), strict=True)]
            reference = next(column for column in ends if column.kind == "reference")
            if reference.label not in (state.database.table(reference.target).label, ""):
                told = example.prompt.partition("Question: ")[2]
                assert reference.label in told or plural(reference.label) in told, told
                seen += 1
    assert seen > 10


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
