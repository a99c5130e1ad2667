"""How a SQL state is told: schema text, a question in one of many wordings, and the query.

Every act (a comparison, a frame of a question) has a dozen phrases or more: see `phrases.py`.
"""

from __future__ import annotations

import re
from random import Random

from factory.records import Rendered
from factory.specialists.sql.phrases import ACTS, PLAIN
from factory.specialists.sql.state import Cell, Column, Item, Join, Order, Predicate, Query, State, Table

IRREGULAR = {"person": "people", "child": "children", "man": "men", "woman": "women"}


def render(state: State, rng: Random, held_out: bool) -> Rendered:
    """Prompt, answer and the names of the renderings used; held-out phrases only where `held_out`."""
    question, used = Telling(state, rng, held_out).question()
    prompt = f"Tables:\n{state.database.text()}\nQuestion: {question}"
    return Rendered(messages=({"role": "user", "content": prompt},), answer=state.query.sql(), renderings=tuple(used))


class Telling:
    """One question being told: it remembers which phrases it used."""

    def __init__(self, state: State, rng: Random, held_out: bool) -> None:
        self.state, self.rng, self.held_out, self.used = state, rng, held_out, []

    def question(self) -> tuple[str, list[str]]:
        """The question and the names of its renderings."""
        text = self.phrase(self.frame(self.state.query)).format_map(Slots(self, self.state.query))
        return re.sub(r" +([?.,:;])", r"\1", " ".join(text.split())), self.used

    def frame(self, query: Query) -> str:
        """The act of the whole question: what its rows are, one by one, each once, or counted."""
        if query.combine or query.distinct:
            return query.combine or "distinct"
        if query.select[0].column == "*":
            return "count"
        return "list" if self.state.pattern in PLAIN else self.state.pattern

    def phrase(self, act: str) -> str:
        """One phrase of an act: a held-out one if those are wanted and it has any."""
        phrases = ACTS[act]
        held = [i for i, phrase in enumerate(phrases) if phrase.startswith("~")]
        fitting = held if self.held_out and held else [i for i in range(len(phrases)) if i not in held]
        index = self.rng.choice(fitting)
        self.used.append(f"{act}.{index}")
        return phrases[index].removeprefix("~")

    def word(self, thing: Column | Table) -> str:
        """What a column or table is called: its label, in the synonym slice mostly its synonym."""
        return thing.synonym if self.state.wording == "synonym" and self.rng.random() < 0.7 else thing.label

    def column(self, item: Item) -> Column:
        """The column of an item."""
        return self.state.database.table(item.table).column(item.column)

    def columns(self, query: Query) -> str:
        """Selected columns as a phrase; those of a second table say whose they are."""
        said = [self.word(self.column(item)) for item in query.select]
        if len({item.table for item in query.select}) == 1:
            return " and ".join(said)
        join = query.joins[0]
        return f"{said[0]} and the {said[1]} of the {self.parent(join.left_table, join.left, join.table)}"

    def many(self, name: str) -> str:
        """A table's noun in the plural."""
        return plural(self.word(self.state.database.table(name)))

    def value(self, value: Cell) -> str:
        """A value as the question says it: text in quotes, in the synonym slice often bare."""
        if not isinstance(value, str) or value[:4].isdigit():
            return str(value)
        value = value.removesuffix("%")
        return value if self.state.wording == "synonym" and self.rng.random() < 0.5 else f"'{value}'"

    def condition(self, predicate: Predicate) -> str:
        """A predicate as a phrase behind a noun."""
        column = self.column(predicate.item)
        dated = column.kind in ("date", "year") and f"date {predicate.operator}" in ACTS
        act = f"date {predicate.operator}" if dated else predicate.operator
        v, w = (*map(self.value, predicate.values), "", "")[:2]
        return self.phrase(act).format(c=self.word(column), v=v, w=w)

    def conditions(self, query: Query) -> str:
        """All conditions of a query, joined by its connective."""
        return f" {query.connective.lower()} ".join(self.condition(predicate) for predicate in query.where)

    def noun(self, query: Query) -> str:
        """The plural noun phrase a query is about, with its conditions and links."""
        if query.joins and query.where and query.where[0].item.table != query.table:
            return self.linked(query)
        if query.where and query.where[0].query:
            return self.nested(query.where[0], query.table)
        return f"{self.many(query.table)} {self.conditions(query)}"

    def linked(self, query: Query) -> str:
        """A noun phrase over one or two joins, the condition at the far end."""
        outward = [self.outward(join) for join in query.joins]
        roles = [
            self.role(join.left_table, join.left) if out else self.role(join.table, join.right)
            for out, join in zip(outward, query.joins, strict=True)
        ]
        heads = [self.many(query.table)]
        for join, out, role in zip(query.joins, outward, roles, strict=True):
            heads.append(plural(role) if out and role else self.many(join.table))
        text = f"{heads[-1]} {self.conditions(query)}"
        for head, out, role in reversed(list(zip(heads, outward, roles, strict=False))):
            text = self.phrase("link child").format(kids=head, parents=text) if out else self.having(head, text, role)
        return text

    def outward(self, join: Join) -> bool:
        """Whether a join goes from the table that refers to the one referred to."""
        return self.state.database.table(join.left_table).column(join.left).kind == "reference"

    def having(self, parents: str, kids: str, role: str, none: bool = False) -> str:
        """`parents` that have `kids`, or none of them; the role that the reference plays is said where it has a name."""
        act = f"link {'none' if none else 'parent'}{' role' if role else ''}"
        return self.phrase(act).format(parents=parents, kids=kids, r=role)

    def role(self, table: str, column: str) -> str:
        """The part that a reference plays (home team), where it is not just the name of the table it points to."""
        reference = self.state.database.table(table).column(column)
        target = self.state.database.table(reference.target)
        return reference.label if reference.label != target.label else ""

    def parent(self, table: str, column: str, target: str) -> str:
        """What a row calls the one it refers to: its role or the noun of the table."""
        return self.role(table, column) or self.word(self.state.database.table(target))

    def nested(self, predicate: Predicate, table: str) -> str:
        """A noun phrase whose condition is a subquery."""
        inner, many = predicate.query, self.many(table)
        if predicate.operator in ("IN", "NOT IN"):
            kids = f"{self.many(inner.table)} {self.conditions(inner)}"
            role = self.role(inner.table, inner.select[0].column)
            return self.having(many, kids, role, none=predicate.operator == "NOT IN")
        said = self.word(self.column(predicate.item))
        if inner.select[0].aggregate == "avg":
            return self.phrase("link average").format(nps=many, c=said, side=self.phrase(f"side {predicate.operator}"))
        return self.phrase("link extreme").format(nps=many, c=said, best=self.aggregate(inner.select[0]))

    def aggregate(self, item: Item) -> str:
        """The word for an aggregate; years and days are early and late, not low and high."""
        return self.best(item, item.aggregate)

    def best(self, item: Item, name: str) -> str:
        """The word for the `name` (min, max, ...) of a column."""
        dated = self.column(item).kind in ("year", "date")
        return self.phrase(f"date {name}" if dated else name)

    def way(self, order: Order) -> str:
        """The direction of an ORDER BY."""
        dated = self.column(order.item).kind in ("year", "date")
        return self.phrase(f"way {'date ' if dated else ''}{'desc' if order.descending else 'asc'}")


class Slots(dict):
    """The slots of a frame, said when the frame first asks for them and the same ever after."""

    def __init__(self, telling: Telling, query: Query) -> None:
        super().__init__()
        self.telling, self.query = telling, query

    def __missing__(self, slot: str) -> str:
        t, q = self.telling, self.query
        said = {
            "nps": lambda: t.many(q.table) if q.combine else t.noun(q),
            "np": lambda: t.word(t.state.database.table(q.table)),
            "cols": lambda: t.columns(q),
            "col": lambda: t.word(t.column(q.select[0])),
            "num": lambda: t.word(t.column(q.having.item if q.having else q.select[1])),
            "agg": lambda: t.aggregate(next(i for i in q.select if i.aggregate)),
            "by": lambda: t.word(t.column(q.order.item)),
            "best": lambda: t.best(q.order.item, "max" if q.order.descending else "min"),
            "dir": lambda: t.way(q.order),
            "kids": lambda: t.many(q.joins[0].table),
            "parent": lambda: t.parent(q.joins[0].table, q.joins[0].right, q.table),
            "k": lambda: str(q.having.values[0] if q.having else q.limit),
            "cmp": lambda: t.phrase(f"count {q.having.operator}"),
            "side": lambda: t.phrase(f"side {q.having.operator}"),
            "p": lambda: t.conditions(q),
            "q": lambda: t.conditions(q.other),
        }
        self[slot] = said[slot]()
        return self[slot]


def plural(noun: str) -> str:
    """The plural of a noun phrase: city -> cities, match -> matches, guest room -> guest rooms."""
    head, _, last = noun.rpartition(" ")
    if last in IRREGULAR:
        last = IRREGULAR[last]
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    elif last.endswith(("s", "x", "ch", "sh", "z")):
        last += "es"
    else:
        last += "s"
    return f"{head} {last}".strip()
