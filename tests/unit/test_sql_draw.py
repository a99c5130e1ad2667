"""What is drawn runs, repeats, and keeps to its side."""

from __future__ import annotations

import sqlite3
from collections import Counter
from functools import cache
from random import Random

import pytest

from factory.config import load
from factory.errors import DataMistake
from factory.specialist import Inapplicable, find
from factory.specialists.sql.draw import Settings, abbreviated, draw, draw_schema, fill, identifier
from factory.specialists.sql.families import Entity, Family, families, field, renamed
from factory.specialists.sql.patterns import PATTERNS, names
from factory.specialists.sql.state import State

STREAMS = 600


@cache
def settings() -> Settings:
    return find("sql").typed(load([]).specialist.settings)


def drawn(stream: str, side: str = "train") -> State | None:
    try:
        return draw(Random(stream), settings(), side)
    except Inapplicable:
        return None


@cache
def states(side: str) -> list[State]:
    return [state for i in range(STREAMS) if (state := drawn(f"{side}/{i}", side))]


def filled(state: State) -> sqlite3.Connection:
    """The state's database in plain sqlite, without the sandbox."""
    connection = sqlite3.connect(":memory:")
    for table in state.database.tables:
        connection.execute(f'CREATE TABLE "{table.name}" ({", ".join(f"{c.name} {c.type}" for c in table.columns)})')
        connection.executemany(
            f'INSERT INTO "{table.name}" VALUES ({", ".join("?" * len(table.columns))})', state.rows[table.name]
        )
    return connection


@pytest.mark.parametrize("side", ["train", "exam"])
def test_every_drawn_query_runs_in_plain_sqlite(side: str) -> None:
    for state in states(side):
        connection = filled(state)
        connection.execute(state.query.sql()).fetchall()
        connection.close()
    assert len(states(side)) > STREAMS / 2


def test_the_same_stream_gives_the_same_state_and_another_another() -> None:
    assert [drawn(f"again/{i}") for i in range(50)] == [drawn(f"again/{i}") for i in range(50)]
    assert len({state.model_dump_json() for state in states("train")}) == len(states("train"))


def test_training_draws_no_family_of_the_exam() -> None:
    sides = {side: {family.name for family in families(side)} for side in ("train", "exam")}
    assert not sides["train"] & sides["exam"]
    for side, own in sides.items():
        assert {state.database.family for state in states(side)} <= own


def test_training_draws_no_held_out_pattern_and_the_exam_draws_them_all() -> None:
    held = {name for name, pattern in PATTERNS.items() if pattern.held_out}
    assert not held & {state.pattern for state in states("train")}
    assert {pattern for level in ("easy", "medium", "hard") for pattern in names(level, "exam")} == set(PATTERNS)
    assert held <= {state.pattern for state in states("exam")}


def test_every_other_pattern_is_drawn_in_training() -> None:
    assert {state.pattern for state in states("train")} == {
        name for name, pattern in PATTERNS.items() if not pattern.held_out
    }


def test_a_state_says_the_difficulty_of_its_pattern() -> None:
    assert all(state.difficulty == PATTERNS[state.pattern].difficulty for state in states("exam"))


def test_difficulties_and_wordings_come_in_the_shares_asked_for() -> None:
    """All streams are asked, also those that do not come out; four standard errors are allowed."""
    for name in ("wording", "difficulty"):
        shares = Counter(getattr(state, name) for state in states("train"))
        for value, weight in getattr(settings(), name).items():
            assert abs(shares[value] / len(states("train")) - weight) < 0.15
    only = settings().model_copy(update={"difficulty": {"easy": 0.0, "medium": 1.0, "hard": 0.0}})
    assert draw(Random("x"), only, "train").difficulty == "medium"


def test_names_are_written_in_the_style_of_the_wording() -> None:
    for state in states("train"):
        identifiers = [
            name for table in state.database.tables for name in (table.name, *(c.name for c in table.columns))
        ]
        if state.wording == "joined":
            assert not any("_" in name for name in identifiers)
        if state.wording == "abbreviated":
            assert all(len(part) <= 4 for name in identifiers for part in name.split("_"))
        assert all(name == name.lower() and name.isidentifier() for name in identifiers)


@pytest.mark.parametrize(
    ("word", "short"),
    [
        ("birth", "brth"),
        ("year", "yr"),
        ("id", "id"),
        ("age", "age"),
        ("opening", "opnn"),
        ("author", "athr"),
        ("title", "ttl"),
    ],
)
def test_abbreviations(word: str, short: str) -> None:
    assert abbreviated(word) == short


@pytest.mark.parametrize(
    ("style", "name"), [("snake", "birth_year"), ("joined", "birthyear"), ("abbreviated", "brth_yr")]
)
def test_identifiers(style: str, name: str) -> None:
    assert identifier("birth year", style) == name
    assert identifier("birth-year", style) == name


def test_references_point_at_rows_that_are_there_and_leave_some_alone() -> None:
    lonely = 0
    for state in states("train"):
        sizes = {name: len(rows) for name, rows in state.rows.items()}
        for table in state.database.tables:
            for position, column in enumerate(table.columns):
                if column.kind == "reference":
                    used = {row[position] for row in state.rows[table.name]}
                    assert used <= set(range(1, sizes[column.target] + 1))
                    lonely += len(used) < sizes[column.target]
    assert lonely > 20


def test_only_nullable_columns_hold_nulls_and_keys_count_from_one() -> None:
    for state in states("train"):
        for table in state.database.tables:
            for position, column in enumerate(table.columns):
                values = [row[position] for row in state.rows[table.name]]
                assert column.nullable or None not in values
                assert column.kind != "id" or values == list(range(1, len(values) + 1))


def test_a_perturbed_copy_holds_the_constants_and_their_neighbours() -> None:
    state = next(
        s for s in states("train") if any(c.kind == "integer" and not c.nullable for c in s.database.tables[0].columns)
    )
    table = state.database.tables[0]
    position = next(i for i, c in enumerate(table.columns) if c.kind == "integer" and not c.nullable)
    constants = {f"{table.name}.{table.columns[position].name}": [77_777]}
    seen = {row[position] for i in range(30) for row in fill(Random(i), state.database, constants)[table.name]}
    assert {77_776, 77_777, 77_778} <= seen


def test_no_word_means_two_tables_or_two_columns_of_one_table() -> None:
    for state in (*states("train"), *states("exam")):
        for things in (state.database.tables, *(table.columns for table in state.database.tables)):
            said = [word for thing in things for word in {thing.label, thing.synonym}]
            assert len(set(said)) == len(said), (state.database.family, said)


def test_no_family_needs_that_refusal() -> None:
    for family in (*families("train"), *families("exam")):
        for things in (family.entities, *(entity.fields for entity in family.entities)):
            said = [word for thing in things for word in {thing.label, thing.synonym}]
            assert len(set(said)) == len(said), (family.name, said)


def test_a_schema_where_a_word_means_two_columns_is_not_drawn() -> None:
    fields = tuple(
        field(*pair)
        for pair in (("price = cost", "real 1..5"), ("fee = price", "real 1..5"), ("day", "date 1990..1999"))
    )
    with pytest.raises(Inapplicable, match="two things go by one word"):
        draw_schema(Random(0), Family("shop", (Entity("item", "good", fields),)), "verbatim", 1, settings())


def test_every_reference_of_a_family_has_a_target_in_it() -> None:
    for family in (*families("train"), *families("exam")):
        labels = {entity.label for entity in family.entities}
        assert {f.target for entity in family.entities for f in entity.fields if f.target} <= labels, family.name


@pytest.mark.parametrize("kind", ["integer 1-5", "colour", "year"])
def test_a_kind_that_is_none_is_refused(kind: str) -> None:
    with pytest.raises(DataMistake, match="is no kind of column - write person"):
        field("size = extent", kind)


def test_a_schema_has_the_tables_it_needs_linked() -> None:
    for i in range(60):
        try:
            schema = draw_schema(Random(i), families("train")[i % len(families("train"))], "verbatim", 2, settings())
        except Inapplicable:
            continue
        assert len(schema.tables) >= 2
        assert any(table.of("reference") for table in schema.tables)


def test_a_renamed_family_has_other_names_of_two_words_at_most_and_the_same_shape() -> None:
    for number, family in enumerate(families("train")):
        other = renamed(Random(number), family)
        for one, two in zip(family.entities, other.entities, strict=True):
            assert [field.kind for field in one.fields] == [field.kind for field in two.fields]
            kept = {one.label, *(f.label for f in one.fields)} & {two.label, *(f.label for f in two.fields)}
            assert len(kept) <= 1, "a new name may be an old one by chance"
            assert all(f.label == f.synonym and len(f.label.split()) <= 2 for f in two.fields)
        labels = {one.label for one in other.entities}
        assert {f.target for one in other.entities for f in one.fields if f.target} <= labels


def test_half_of_the_training_schemas_are_renamed_and_none_of_the_exam() -> None:
    def known(side: str) -> set[str]:
        return {entity.label for family in families(side) for entity in family.entities}

    assert all(table.label in known("exam") for state in states("exam") for table in state.database.tables)
    own = [state.database.tables[0].label in known("train") for state in states("train")]
    assert 0.4 < sum(own) / len(own) < 0.6
