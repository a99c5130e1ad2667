"""Lessons about databases: reading a schema, planning a question over it, and the words of SQL.

All of it is over the training families and their seen phrases; nothing of an exam family, a held-out pattern or phrase
is in it. A question is put as `Plan:` and answered by its plan (`factory/base/plans.py`), or as `Query:` and answered in
SQL; never bare, as the SQL specialist is asked. SQL also appears as single conditions, links and expressions, and as
queries to be said again, taken apart, put in words and changed.
"""

from __future__ import annotations

from random import Random

from factory.base.plans import plan
from factory.specialist import Inapplicable
from factory.specialists.sql.draw import Settings, draw, draw_schema, fill, weighted
from factory.specialists.sql.families import families
from factory.specialists.sql.patterns import PATTERNS, Draft, names
from factory.specialists.sql.phrases import AGGREGATES
from factory.specialists.sql.render import Telling, plural
from factory.specialists.sql.state import Query, Schema, State, Table
from factory.text import random_word

Pair = tuple[str, str]
ANONYMOUS = 0.33
"""Share of schemas whose names are random words: copying cannot lean on meaning there."""
FROM_PLANS = 0.2
"""Share of the queries that are asked for by a plan, not by a question."""
SETTINGS = Settings(
    difficulty={"easy": 1.0, "medium": 1.0, "hard": 1.0},
    spare_table=0.3,
    nullable=0.3,
    renamed=0.0,
    wording={"verbatim": 0.4, "joined": 0.2, "abbreviated": 0.2, "synonym": 0.2},
)


def drawn(rng: Random, level: float) -> tuple[Schema, str]:
    """A schema of a training family, larger with the level, and the wording of the questions about it."""
    wording = weighted(rng, SETTINGS.wording)
    count = 1 + (rng.random() < level) + (rng.random() < level * 0.6)
    schema = draw_schema(rng, rng.choice(families("train")), wording, count, SETTINGS)
    return (anonymous(rng, schema) if rng.random() < ANONYMOUS else schema), wording


def schema(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A schema and six to eight short questions about it."""
    found, wording = drawn(rng, level)
    reading = Reading(rng, found, wording)
    return f"Tables:\n{found.text()}", list(dict.fromkeys(reading.pair() for _ in range(rng.randint(6, 8))))


def plans(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A schema and whole questions, each answered by its plan."""
    found, asked = questions(rng, level)
    return f"Tables:\n{found.text()}", [(f"Plan: {question}", plan(query)) for question, query in asked]


def writing(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A schema and whole questions, or plans, each answered by its query."""
    found, asked = questions(rng, level)
    pairs = [
        (f"Query for the plan: {plan(query)}" if rng.random() < FROM_PLANS else f"Query: {question}", query.sql())
        for question, query in asked
    ]
    return f"Tables:\n{found.text()}", pairs


def questions(rng: Random, level: float) -> tuple[Schema, list[tuple[str, Query]]]:
    """A schema and two to five whole questions over it, harder with the level, with their queries."""
    found, wording = drawn(rng, level)
    rows, asked = fill(rng, found), []
    fitting = [
        name
        for difficulty in ("easy", "medium", "hard")[: 1 + round(2 * level)]
        for name in names(difficulty, "train")
        if PATTERNS[name].tables <= len(found.tables)
    ]
    for _ in range(12):
        name = rng.choice(fitting)
        try:
            query = PATTERNS[name].make(Draft(rng, found, rows))
        except Inapplicable:
            continue
        state = State(
            database=found, rows={}, pattern=name, difficulty=PATTERNS[name].difficulty, wording=wording, query=query
        )
        asked.append((Telling(state, rng, held_out=False).question()[0], query))
        if len(asked) == 5:
            break
    if len(asked) < 2:
        raise Inapplicable("few questions fit the schema")
    return found, asked


def anonymous(rng: Random, schema: Schema) -> Schema:
    """The schema with every name a random word, and labels to match: copying cannot lean on meaning."""
    names: dict[str, str] = {}

    def name(old: str) -> str:
        if old not in names:
            names[old] = " ".join(random_word(rng) for _ in range(rng.randint(1, 2)))
        return names[old]

    tables = []
    for table in schema.tables:
        columns = [
            c.model_copy(
                update={
                    "name": name(c.name).replace(" ", "_"),
                    "label": name(c.name),
                    "synonym": name(c.name),
                    "target": name(c.target).replace(" ", "_") if c.target else "",
                }
            )
            for c in table.columns
        ]
        tables.append(
            Table(
                name=name(table.name).replace(" ", "_"),
                label=name(table.name),
                synonym=name(table.name),
                columns=tuple(columns),
            )
        )
    if len(set(names.values())) < len(names):
        raise Inapplicable("two random names agree")
    return schema.model_copy(update={"tables": tuple(tables)})


class Reading:
    """Questions about one schema: which table, which column, which link, which condition."""

    def __init__(self, rng: Random, schema: Schema, wording: str) -> None:
        self.rng, self.schema = rng, schema
        self.draft = Draft(rng, schema, fill(rng, schema))
        blank = Query(select=(), table=schema.tables[0].name)
        state = State(database=schema, rows={}, pattern="list", difficulty="easy", wording=wording, query=blank)
        self.telling = Telling(state, rng, held_out=False)

    def pair(self) -> Pair:
        """One question and its answer."""
        kinds = [self.holder, self.named, self.condition, self.condition, self.expression, self.order, self.columns]
        if any(table.of("reference") for table in self.schema.tables):
            kinds += [self.link, self.link]
        for _ in range(20):
            try:
                return self.rng.choice(kinds)()
            except Inapplicable:
                continue
        raise Inapplicable("no question fits the schema")

    def holder(self) -> Pair:
        table = self.draft.table()
        column = self.draft.column(table)
        said = self.telling.word(column)
        frame = self.rng.choice(
            (
                "Where is the {c} of the {t}?",
                "Which column holds the {c} of a {t}?",
                "Name the column for the {c} of {ts}.",
            )
        )
        t = self.telling.word(table)
        return frame.format(c=said, t=t, ts=plural(t)), f"{table.name} . {column.name}"

    def named(self) -> Pair:
        table = self.draft.table()
        t = self.telling.word(table)
        frame = self.rng.choice(
            ("Which table is about {ts}?", "Where do we keep the {ts}?", "Name the table of the {ts}.")
        )
        return frame.format(ts=plural(t)), table.name

    def condition(self) -> Pair:
        table = self.draft.table()
        predicate = self.draft.predicate(table)
        said = f"{self.telling.many(table.name)} {self.telling.condition(predicate)}"
        qualified = self.rng.random() < 0.4
        frame = "Condition with table for {s}" if qualified else "Condition for {s}"
        return frame.format(s=said), predicate.sql(qualified)

    def expression(self) -> Pair:
        table = self.draft.table()
        item = self.draft.aggregate(table)
        column = table.column(item.column)
        said = self.rng.choice(AGGREGATES[item.aggregate])
        return f"Expression for the {said} {self.telling.word(column)} of {self.telling.many(table.name)}", item.sql(
            False
        )

    def order(self) -> Pair:
        table = self.draft.table()
        column = self.draft.column(table, "integer", "real", "date", "year")
        down = self.rng.random() < 0.5
        said = self.rng.choice(("highest", "largest") if down else ("lowest", "smallest"))
        return (
            f"Order {self.telling.many(table.name)} by {self.telling.word(column)}, {said} first",
            f"{column.name} {'DESC' if down else 'ASC'}",
        )

    def columns(self) -> Pair:
        table = self.draft.table()
        kind = self.rng.choice(("text", "integer", "real", "date"))
        found = [c.name for c in table.columns if c.type == kind and c.kind not in ("id", "reference")]
        return f"Which {kind} columns has the table {table.name}?", " , ".join(found) or "none"

    def link(self) -> Pair:
        child, column, parent = self.draft.edge()
        join = self.draft.join(child, column, parent, child)
        first, second = self.telling.many(child.name), self.telling.many(parent.name)
        return f"Link {first} to {second}", join.sql()


def queries(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A query over a training family, to be said again, taken apart, put in words and changed."""
    settings = SETTINGS.model_copy(update={"difficulty": {"easy": 1.0, "medium": level, "hard": level}})
    state = draw(rng, settings, "train")
    query = state.query
    said = query.sql()
    tables = dict.fromkeys([query.table, *(join.table for join in query.joins)])
    where = f" {query.connective} ".join(predicate.sql(bool(query.joins)) for predicate in query.where)
    asks = [
        ("Say the query again.", said),
        ("Which tables does it read?", " , ".join(tables)),
        ("What does it select?", " , ".join(item.sql(bool(query.joins)) for item in query.select)),
        ("What is its condition?", where or "none"),
        ("Put it in words.", plan(query)),
    ]
    if query.where:
        asks.append(("Say it without the condition.", query.model_copy(update={"where": ()}).sql()))
    if query.limit is None and not query.combine:
        most = rng.randint(1, 9)
        asks.append((f"Say it with a limit of {most} .", query.model_copy(update={"limit": most}).sql()))
    if query.order:
        turned = query.order.model_copy(update={"descending": not query.order.descending})
        asks.append(("Say it in the other order.", query.model_copy(update={"order": turned}).sql()))
    schema = f"Tables:\n{state.database.text()}\n" if rng.random() < 0.5 else ""
    return f"{schema}Query: {said}", rng.sample(asks, 4)


LESSONS = {"schema": schema, "plans": plans, "writing": writing, "queries": queries}
