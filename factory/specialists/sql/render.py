"""How a SQL state is told: schema text, a question in one of many wordings, and the query.

Every act (a comparison, a frame of a question) has several phrases. A phrase that starts with `~` is held out: training
rows never use it, and the exam says which of its rows do.
"""

from __future__ import annotations

from random import Random

from factory.records import Rendered
from factory.specialists.sql.state import Cell, Column, Item, Predicate, Query, State, Table

IRREGULAR = {"person": "people", "child": "children", "man": "men", "woman": "women"}

CONDITIONS = {
    "=": ("whose {c} is {v}", "with {c} {v}", "where the {c} is {v}", "that have {v} as {c}", "~having a {c} of {v}"),
    "!=": (
        "whose {c} is not {v}",
        "with a {c} other than {v}",
        "where the {c} is anything but {v}",
        "~with a {c} different from {v}",
    ),
    ">": (
        "whose {c} is greater than {v}",
        "with {c} above {v}",
        "with a {c} of more than {v}",
        "where the {c} exceeds {v}",
        "whose {c} is higher than {v}",
        "~with {c} over {v}",
    ),
    "<": (
        "whose {c} is less than {v}",
        "with {c} below {v}",
        "with a {c} of less than {v}",
        "where the {c} is lower than {v}",
        "whose {c} is smaller than {v}",
        "~with {c} under {v}",
    ),
    ">=": (
        "with a {c} of at least {v}",
        "whose {c} is {v} or more",
        "where the {c} is no less than {v}",
        "~with {c} not below {v}",
    ),
    "<=": (
        "with a {c} of at most {v}",
        "whose {c} is {v} or less",
        "where the {c} is no more than {v}",
        "~with {c} not above {v}",
    ),
    "date >": (
        "whose {c} is after {v}",
        "with a {c} later than {v}",
        "where the {c} comes after {v}",
        "~with {c} past {v}",
    ),
    "date <": (
        "whose {c} is before {v}",
        "with a {c} earlier than {v}",
        "where the {c} comes before {v}",
        "~with {c} prior to {v}",
    ),
    "date >=": ("whose {c} is on or after {v}", "with a {c} of {v} or later", "~with {c} not before {v}"),
    "date <=": ("whose {c} is on or before {v}", "with a {c} of {v} or earlier", "~with {c} not after {v}"),
    "BETWEEN": (
        "with {c} between {v} and {w}",
        "whose {c} is between {v} and {w}",
        "where the {c} is from {v} to {w}",
        "~with {c} in the range {v} to {w}",
    ),
    "LIKE": ("whose {c} starts with {v}", "with a {c} that begins with {v}", "~with {c} starting in {v}"),
    "IN": (
        "whose {c} is {v} or {w}",
        "with {c} either {v} or {w}",
        "where the {c} is one of {v} and {w}",
        "~with {v} or {w} as {c}",
    ),
    "IS NULL": ("with no {c}", "whose {c} is missing", "where the {c} is not known", "~lacking a {c}"),
    "IS NOT NULL": ("with a known {c}", "whose {c} is given", "where the {c} is not missing", "~that do have a {c}"),
    "YEAR": ("whose {c} is in {v}", "with a {c} in the year {v}", "where the {c} falls in {v}", "~with {c} during {v}"),
}

LISTS = (
    "What is the {cols} of the {nps}?",
    "Show the {cols} of all {nps}.",
    "List the {cols} of {nps}.",
    "Give the {cols} of every one of the {nps}.",
    "Find the {cols} for {nps}.",
    "I need the {cols} of {nps}.",
    "~Tell me the {cols} of the {nps}.",
    "~Which {cols} belong to {nps}?",
)
COUNTS = (
    "How many {nps} are there?",
    "Count the {nps}.",
    "What is the number of {nps}?",
    "How many {nps} do we have?",
    "~Give a count of {nps}.",
    "~Find out how many {nps} exist.",
)
SORTED = (
    "List the {cols} of {nps} sorted by {by} {dir}.",
    "Show the {cols} of all {nps}, ordered by {by} {dir}.",
    "What is the {cols} of the {nps}, by {by} {dir}?",
    "~Give the {cols} of {nps}, ranked by {by} {dir}.",
)
MOST = (
    "What is the {cols} of the {np} with the {best} {by}?",
    "Which {cols} has the {np} with the {best} {by}?",
    "Show the {cols} of the {np} that has the {best} {by}.",
    "~Name the {cols} of the {np} whose {by} is the {best}.",
)
COMBINED = {
    "UNION": (
        "Which {col} values appear among {nps} {p} or among {nps} {q}?",
        "List every {col} found with {nps} {p} or with {nps} {q}.",
        "~Give the {col} seen for {nps} {p} or for {nps} {q}.",
    ),
    "INTERSECT": (
        "Which {col} values appear both among {nps} {p} and among {nps} {q}?",
        "List every {col} shared by {nps} {p} and {nps} {q}.",
        "~Give the {col} seen both for {nps} {p} and for {nps} {q}.",
    ),
    "EXCEPT": (
        "Which {col} values appear among {nps} {p} but not among {nps} {q}?",
        "List every {col} found with {nps} {p} but not with {nps} {q}.",
        "~Give the {col} seen for {nps} {p} and never for {nps} {q}.",
    ),
}
FRAMES = {
    "list": LISTS,
    "two_filters": LISTS,
    "join_list": LISTS,
    "two_joins": LISTS,
    "against_average": LISTS,
    "equals_extreme": LISTS,
    "without_any": LISTS,
    "with_some": LISTS,
    "join_both": LISTS,
    "count": COUNTS,
    "join_count": COUNTS,
    "sorted_list": SORTED,
    "extreme": MOST,
    "aggregate": (
        "What is the {agg} {col} of the {nps}?",
        "Find the {agg} {col} of {nps}.",
        "Show the {agg} {col} for all {nps}.",
        "Compute the {agg} {col} of {nps}.",
        "~How large is the {agg} {col} of the {nps}?",
    ),
    "distinct": (
        "What are the different {cols} values of the {nps}?",
        "List the distinct {cols} of {nps}.",
        "Show every {cols} of the {nps} only once.",
        "~Which unique {cols} values do {nps} have?",
    ),
    "count_distinct": (
        "How many different {col} values do the {nps} have?",
        "Count the distinct {col} of {nps}.",
        "~What is the number of unique {col} values of the {nps}?",
    ),
    "group_count": (
        "How many {nps} are there for each {col}?",
        "For each {col}, count the {nps}.",
        "Show the number of {nps} per {col}.",
        "~Break the count of {nps} down by {col}.",
    ),
    "group_aggregate": (
        "What is the {agg} {num} of {nps} for each {col}?",
        "For each {col}, show the {agg} {num} of the {nps}.",
        "Give the {agg} {num} of {nps} per {col}.",
        "~Break the {agg} {num} of {nps} down by {col}.",
    ),
    "top": (
        "What is the {cols} of the {k} {nps} with the {best} {by}?",
        "Show the {cols} of the {k} {nps} that have the {best} {by}.",
        "List the {cols} of the {k} {nps} of {best} {by}.",
        "~Name the {cols} of the top {k} {nps} when the {best} {by} comes first.",
    ),
    "group_having": (
        "Which {col} has {cmp} {k} {nps}?",
        "List each {col} with {cmp} {k} {nps}.",
        "Show the {col} values that {cmp} {k} {nps} have.",
        "~Find every {col} shared by {cmp} {k} {nps}.",
    ),
    "group_having_average": (
        "For which {col} is the average {num} of the {nps} {side} {k}?",
        "List each {col} whose {nps} have an average {num} {side} {k}.",
        "~Find every {col} where {nps} average a {num} {side} {k}.",
    ),
    "join_group": (
        "How many {kids} are there for the {col} of each {np}?",
        "For each {col} of the {nps}, count the {kids}.",
        "Show the {col} of the {nps} and their number of {kids}.",
        "~Give the count of {kids} next to the {col} of the {nps}.",
    ),
    "join_group_having": (
        "Which {col} of the {nps} has {cmp} {k} {kids}?",
        "List each {col} of {nps} with {cmp} {k} {kids}.",
        "~Find every {col} of {nps} that counts {cmp} {k} {kids}.",
    ),
    "join_most": (
        "What is the {col} of the {np} with the most {kids}?",
        "Which {col} has the {np} that has the most {kids}?",
        "Show the {col} of the {np} with the highest number of {kids}.",
        "~Name the {col} of the {np} with the largest count of {kids}.",
    ),
    "join_aggregate": (
        "What is the {agg} {col} of the {nps}?",
        "Find the {agg} {col} of {nps}.",
        "~Compute the {agg} {col} over {nps}.",
    ),
    "UNION": COMBINED["UNION"],
    "INTERSECT": COMBINED["INTERSECT"],
    "EXCEPT": COMBINED["EXCEPT"],
}
LINKS = {
    "child": (
        "{kids} of {parents} {p}",
        "{kids} that belong to {parents} {p}",
        "{kids} linked to {parents} {p}",
        "~{kids} tied to {parents} {p}",
    ),
    "parent": (
        "{parents} that have {kids} {p}",
        "{parents} linked to {kids} {p}",
        "{parents} with any {kids} {p}",
        "~{parents} tied to {kids} {p}",
    ),
    "none": (
        "{parents} that have no {kids} {p}",
        "{parents} without any {kids} {p}",
        "~{parents} not linked to {kids} {p}",
    ),
    "average": (
        "{nps} whose {c} is {side} the average",
        "{nps} with {c} {side} average",
        "{nps} with a {c} {side} the mean",
        "~{nps} whose {c} lies {side} the usual average",
    ),
    "extreme": (
        "{nps} that have the {best} {c}",
        "{nps} with the {best} {c} of all",
        "~{nps} whose {c} equals the {best} one",
    ),
}
AGGREGATES = {
    "avg": ("average", "mean"),
    "sum": ("total", "summed"),
    "min": ("lowest", "smallest"),
    "max": ("highest", "largest"),
}
DATES = {"min": ("earliest",), "max": ("latest",)}
MORE = {">": ("more than",), ">=": ("at least",), "<": ("fewer than",)}
WAYS = {
    False: ("from lowest to highest", "in ascending order"),
    True: ("from highest to lowest", "in descending order"),
}


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
        query = self.state.query
        counted = query.select[0].column == "*"
        act = query.combine or ("count" if counted else self.state.pattern)
        text = self.phrase(act, FRAMES[act]).format_map(Slots(self, query))
        return " ".join(text.split()).replace(" ?", "?").replace(" .", ".").replace(" ,", ","), self.used

    def phrase(self, act: str, phrases: tuple[str, ...]) -> str:
        """One phrase of an act: a held-out one if those are wanted and it has any."""
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

    def columns(self, items: tuple[Item, ...]) -> str:
        """Selected columns as a phrase; those of a second table say whose they are."""
        said = [self.word(self.column(item)) for item in items]
        if len(items) == 2 and items[0].table != items[1].table:
            said[1] += f" of the {self.word(self.state.database.table(items[1].table))}"
        return " and the ".join(said) if len({item.table for item in items}) > 1 else " and ".join(said)

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
        dated = column.kind in ("date", "year") and f"date {predicate.operator}" in CONDITIONS
        act = f"date {predicate.operator}" if dated else predicate.operator
        v, w = (*map(self.value, predicate.values), "", "")[:2]
        return self.phrase(act, CONDITIONS[act]).format(c=self.word(column), v=v, w=w)

    def conditions(self, query: Query) -> str:
        """All conditions of a query, joined by its connective."""
        return f" {query.connective.lower()} ".join(self.condition(predicate) for predicate in query.where)

    def noun(self, query: Query) -> str:
        """The plural noun phrase a query is about, with its conditions and links."""
        if query.joins:
            return self.linked(query)
        if query.where and query.where[0].query:
            return self.nested(query.where[0], query.table)
        return f"{self.many(query.table)} {self.conditions(query)}"

    def linked(self, query: Query) -> str:
        """A noun phrase over one or two joins, the condition at the far end."""
        conditions, chain = self.conditions(query), [query.table, *(join.table for join in query.joins)]
        if not query.where or query.where[0].item.table == query.table:
            return f"{self.many(query.table)} {conditions}"
        text = f"{self.many(chain[-1])} {conditions}"
        for near, join in reversed(list(zip(chain, query.joins, strict=False))):
            kind = "child" if self.state.database.table(near).column(join.left).kind == "reference" else "parent"
            role = self.role(near, join.left) if kind == "child" else self.role(join.table, join.right)
            said = (self.many(near), text) if kind == "child" else (text, self.many(near))
            text = self.phrase(f"link {kind}", LINKS[kind]).format(kids=said[0], parents=said[1], p=role)
        return text

    def role(self, table: str, column: str) -> str:
        """`as home team` where a reference plays a named role, else nothing."""
        reference = self.state.database.table(table).column(column)
        target = self.state.database.table(reference.target)
        return f"as {reference.label}" if reference.label != target.label else ""

    def nested(self, predicate: Predicate, table: str) -> str:
        """A noun phrase whose condition is a subquery."""
        inner, operator = predicate.query, predicate.operator
        if operator in ("IN", "NOT IN"):
            kind = "none" if operator == "NOT IN" else "parent"
            role = self.role(inner.table, inner.select[0].column)
            return self.phrase(f"link {kind}", LINKS[kind]).format(
                parents=self.many(table), kids=f"{self.many(inner.table)} {self.conditions(inner)}", p=role
            )
        column = self.column(predicate.item)
        if inner.select[0].aggregate == "avg":
            side = "above" if operator == ">" else "below"
            return self.phrase("link average", LINKS["average"]).format(
                nps=self.many(table), c=self.word(column), side=side
            )
        return self.phrase("link extreme", LINKS["extreme"]).format(
            nps=self.many(table), c=self.word(column), best=self.aggregate(inner.select[0])
        )

    def aggregate(self, item: Item) -> str:
        """The word for an aggregate; years are early and late, not low and high."""
        words = DATES if self.column(item).kind == "year" else AGGREGATES
        return self.phrase(item.aggregate, words[item.aggregate])

    def best(self, query: Query) -> str:
        """The superlative of an ORDER BY with LIMIT."""
        when = self.column(query.order.item).kind in ("year", "date")
        name = "max" if query.order.descending else "min"
        return self.phrase(name, DATES[name] if when else AGGREGATES[name])


class Slots(dict):
    """The slots of a frame, said when the frame asks for them."""

    def __init__(self, telling: Telling, query: Query) -> None:
        super().__init__()
        self.telling, self.query = telling, query

    def __missing__(self, slot: str) -> str:
        t, q = self.telling, self.query
        table = t.state.database.table(q.table)
        kids = q.joins[0].table if q.joins else ""
        said = {
            "nps": lambda: t.many(q.table) if q.combine or (kids and q.group) else t.noun(q),
            "np": lambda: t.word(table),
            "cols": lambda: t.columns(q.select),
            "col": lambda: t.word(t.column(q.select[0])),
            "num": lambda: t.word(t.column(q.having.item if q.having else q.select[1])),
            "agg": lambda: t.aggregate(next(i for i in q.select if i.aggregate)),
            "by": lambda: t.word(t.column(q.order.item)),
            "best": lambda: t.best(q),
            "dir": lambda: t.phrase("way", WAYS[q.order.descending]),
            "kids": lambda: t.many(kids),
            "k": lambda: str(q.having.values[0] if q.having else q.limit),
            "cmp": lambda: t.phrase("cmp", MORE[q.having.operator]),
            "side": lambda: "above" if q.having.operator == ">" else "below",
            "p": lambda: t.conditions(q),
            "q": lambda: t.conditions(q.other),
        }
        return said[slot]()


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
