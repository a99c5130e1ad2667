"""The corpus of the embedded base: conversations of many small worlds, drawn fresh from grammars, never repeated.

A conversation puts several short questions behind one context (a schema, records, a list), so that most of what is
trained is looking something up and copying it. A third of the contexts uses random words, so that copying cannot lean
on meaning. `level` (0 to 1) grows the contexts: a small model learns to copy from small ones first. SQL appears as
schema reading, single conditions, and queries to be said again and taken apart, all over the training families. A whole
question with its query does not, and nothing of an exam family, a held-out pattern or a held-out phrase does.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from factory.records import Message
from factory.specialist import Inapplicable, stream_id
from factory.specialists.sql.draw import Settings, draw, draw_schema, fill, weighted
from factory.specialists.sql.families import families, words
from factory.specialists.sql.patterns import Draft
from factory.specialists.sql.render import AGGREGATES, Telling, plural
from factory.specialists.sql.state import Query, Schema, State, Table

Pair = tuple[str, str]
SYLLABLES = [c + v + e for c in "bdfgklmnprstvz" for v in "aeiou" for e in ("", "n", "r", "l", "s")]
COLORS = ("red", "blue", "green", "yellow", "white", "black", "brown", "grey")
ANIMALS = ("cat", "dog", "fox", "owl", "hen", "bear", "mouse", "horse", "goat", "crow")
THINGS = ("ball", "lamp", "key", "book", "cup", "stone", "rope", "box", "coin", "shell")
PLACES = ("garden", "forest", "kitchen", "river", "market", "barn", "hill", "beach", "attic", "bridge")
SETTINGS = Settings(
    difficulty={"easy": 1.0, "medium": 1.0, "hard": 1.0},
    spare_table=0.0,
    nullable=0.3,
    wording={"verbatim": 0.4, "joined": 0.2, "abbreviated": 0.2, "synonym": 0.2},
)


def conversation(seed: int, index: int, mix: dict[str, float], level: float) -> list[Message]:
    """The conversation of one random stream: user and assistant turns, the first user turn with the context."""
    rng = Random(stream_id("corpus", seed, index))
    while True:
        try:
            context, pairs = TASKS[weighted(rng, mix)](rng, level)
            break
        except Inapplicable:
            continue
    return list(turns(context, pairs))


def turns(context: str, pairs: Iterable[Pair]) -> Iterable[Message]:
    """Chat messages: the context stands before the first question only."""
    for number, (question, answer) in enumerate(pairs):
        yield {"role": "user", "content": f"{context}\nQuestion: {question}" if number == 0 and context else question}
        yield {"role": "assistant", "content": answer}


def schema(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A schema of a training family and six to eight questions about it."""
    wording = weighted(rng, SETTINGS.wording)
    count = 1 + (rng.random() < level) + (rng.random() < level * 0.6)
    drawn = draw_schema(rng, rng.choice(families("train")), wording, count, SETTINGS)
    if rng.random() < 0.33:
        drawn = anonymous(rng, drawn)
    reading = Reading(rng, drawn, wording)
    return f"Tables:\n{drawn.text()}", list(dict.fromkeys(reading.pair() for _ in range(rng.randint(6, 8))))


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


def random_word(rng: Random) -> str:
    """A word of one to three random syllables."""
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 3)))


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
    """A query over a training family, to be said again, taken apart and changed; never asked for in words."""
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


def records(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """Records with named fields, and look-ups in them."""
    random = rng.random() < 0.33
    fields = rng.sample(("city", "age", "color", "pet", "price", "year", "room", "team"), 2 + round(level * 2))
    people = list(dict.fromkeys(name(rng, random) for _ in range(2 + round(level * 3))))
    rows = {who: {f: fact(rng, f, random) for f in fields} for who in people}
    context = "\n".join(f"- {who} : {' , '.join(f'{f} {v}' for f, v in row.items())}" for who, row in rows.items())
    pairs = []
    for _ in range(rng.randint(5, 7)):
        who, field = rng.choice(people), rng.choice(fields)
        holders = [p for p in people if rows[p][field] == rows[who][field]]
        pairs.append(
            rng.choice(
                (
                    (f"What is the {field} of {who} ?", str(rows[who][field])),
                    (f"Who has the {field} {rows[who][field]} ?", " , ".join(holders)),
                    (f"Write the record of {who} .", " , ".join(f"{f} {v}" for f, v in rows[who].items())),
                )
            )
        )
    return f"Records:\n{context}", pairs


def name(rng: Random, random: bool) -> str:
    """A person's name, or a random word."""
    return random_word(rng) if random else f"{rng.choice(words()['first'])} {rng.choice(words()['last'])}"


def fact(rng: Random, field: str, random: bool) -> str | int:
    """A value that suits a field."""
    if field in ("age", "price", "year", "room"):
        return {
            "age": rng.randint(5, 90),
            "price": rng.randint(1, 500),
            "year": rng.randint(1950, 2024),
            "room": rng.randint(1, 40),
        }[field]
    if random:
        return random_word(rng)
    return rng.choice({"city": words()["place"], "color": COLORS, "pet": ANIMALS, "team": words()["noun"]}[field])


def lists(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A list of words or numbers and what one can ask of it."""
    size = 3 + round(level * 4)
    numbers = rng.random() < 0.5
    things = rng.sample(range(1, 100), size) if numbers else [random_word(rng) for _ in range(size)]
    text = list(map(str, things))
    asks = [
        ("Say it backwards.", " , ".join(reversed(text))),
        ("What comes first?", text[0]),
        ("What comes last?", text[-1]),
        ("How many are there?", str(size)),
        ("Sort it.", " , ".join(map(str, sorted(things)))),
        ("Say it again.", " , ".join(text)),
        (f"What comes after {text[1]} ?", text[2]),
    ]
    if numbers:
        asks += [
            ("Which is the largest?", str(max(things))),
            ("Which is the smallest?", str(min(things))),
            ("What is the sum of the first two?", str(things[0] + things[1])),
        ]
    return f"List: {' , '.join(text)}", rng.sample(asks, 5)


def arithmetic(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """Sums, differences and comparisons of small numbers."""
    most = 20 + round(level * 80)
    pairs = []
    for _ in range(6):
        a, b = rng.randint(1, most), rng.randint(1, most)
        pairs.append(
            rng.choice(
                (
                    (f"{a} + {b} =", str(a + b)),
                    (f"{max(a, b)} - {min(a, b)} =", str(abs(a - b))),
                    (f"Which is larger, {a} or {b} ?", str(max(a, b))),
                )
            )
        )
    return "", pairs


def stories(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A tiny story on request, then questions about it."""
    hero, friend = rng.sample(ANIMALS, 2)
    color, thing, place = rng.choice(COLORS), rng.choice(THINGS), rng.choice(PLACES)
    who = rng.choice(words()["first"])
    opening = rng.choice(
        (
            f"One morning {who} the {hero} went to the {place} .",
            f"{who} the {hero} lived near the {place} .",
            f"It was raining, and {who} the {hero} sat in the {place} .",
        )
    )
    middle = rng.choice(
        (
            f"There was a {color} {thing} under a leaf .",
            f"The {friend} had lost a {color} {thing} .",
            f"{who} wanted to find a {color} {thing} .",
        )
    )
    end = rng.choice(
        (
            f"The {friend} laughed and they shared the {thing} .",
            f"In the end the {friend} helped to carry the {thing} home .",
            f"{who} gave the {thing} to the {friend} and was glad .",
        )
    )
    ask = f"Write a story about a {hero} named {who}, a {friend} and a {color} {thing} in the {place}."
    asks = [
        ("Who is the story about?", f"{who} the {hero}"),
        (f"What color is the {thing} ?", color),
        ("Where does it happen?", f"in the {place}"),
        ("Who else is there?", f"the {friend}"),
    ]
    return "", [(ask, f"{opening} {middle} {end}"), *rng.sample(asks, 3)]


def query_text(seed: int, index: int) -> str:
    """A query over a training family: only the tokenizer sees these, for the words of SQL."""
    rng = Random(stream_id("query", seed, index))
    while True:
        try:
            return draw(rng, SETTINGS, "train").query.sql()
        except Inapplicable:
            continue


TASKS = {
    "schema": schema,
    "queries": queries,
    "records": records,
    "lists": lists,
    "arithmetic": arithmetic,
    "stories": stories,
}
