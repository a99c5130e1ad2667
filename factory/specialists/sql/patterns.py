"""The query grammar: each pattern draws one kind of query tree over a filled schema.

A pattern is what a question is about (count, extreme, group with a condition, set difference, ...). Patterns with side
`exam` are held out: training rows never use them, and the exam reports them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from factory.specialist import Inapplicable
from factory.specialists.sql.state import Cell, Column, Item, Join, Order, Predicate, Query, Rows, Schema, Table

TEXT = ("person", "title", "place")
ALL = Item(table="", column="*")


@dataclass(frozen=True)
class Pattern:
    """How a query is drawn, how hard it is, how many linked tables it needs, and whether only the exam uses it."""

    make: Callable[[Draft], Query]
    difficulty: str
    tables: int = 1
    held_out: bool = False


class Draft:
    """A query in the making: the schema, its rows and the random stream."""

    def __init__(self, rng: Random, schema: Schema, rows: dict[str, Rows]) -> None:
        self.rng, self.schema, self.rows = rng, schema, rows

    def table(self) -> Table:
        """Any table."""
        return self.rng.choice(self.schema.tables)

    def edge(self) -> tuple[Table, Column, Table]:
        """A reference: child table, its column, parent table."""
        edges = [
            (table, column, self.schema.table(column.target))
            for table in self.schema.tables
            for column in table.of("reference")
        ]
        return self.pick(edges, "no reference")

    def pick(self, things: list, reason: str):
        """One of `things`; Inapplicable with the reason where there are none."""
        if not things:
            raise Inapplicable(reason)
        return self.rng.choice(things)

    def column(self, table: Table, *kinds: str, unlike: tuple[str, ...] = (), solid: bool = False) -> Column:
        """A column of one of the kinds (any but keys if none is named), not in `unlike`; never null if `solid`."""
        kinds = kinds or ("person", "title", "place", "category", "integer", "real", "year", "date")
        fitting = [c for c in table.of(*kinds) if c.name not in unlike and not (solid and c.nullable)]
        return self.pick(fitting, f"no {'/'.join(kinds[:3])} column")

    def item(self, table: Table, *kinds: str, aggregate: str = "", **more) -> Item:
        """A column as a selected item."""
        return Item(table=table.name, column=self.column(table, *kinds, **more).name, aggregate=aggregate)

    def aggregate(self, table: Table, **more) -> Item:
        """sum, avg, min or max of a number of the table; a year is never summed."""
        column = self.column(table, "integer", "real", "year", **more)
        names = ("min", "max") if column.kind == "year" else ("sum", "avg", "min", "max")
        return Item(table=table.name, column=column.name, aggregate=self.rng.choice(names))

    def cells(self, table: Table, column: Column) -> list[Cell]:
        """The values present in a column, sorted, nulls left out."""
        position = [c.name for c in table.columns].index(column.name)
        return sorted(row[position] for row in self.rows[table.name] if row[position] is not None)

    def predicate(self, table: Table, unlike: tuple[str, ...] = ()) -> Predicate:
        """A condition on a column of the table, with values that are in the database."""
        column = self.column(table, unlike=unlike)
        item = Item(table=table.name, column=column.name)
        cells = self.cells(table, column)
        if len(cells) < 3:
            raise Inapplicable("too few values")
        if column.nullable and self.rng.random() < 0.25:
            return Predicate(item=item, operator=self.rng.choice(("IS NULL", "IS NOT NULL")))
        operator, values = self.comparison(column, cells)
        return Predicate(item=item, operator=operator, values=values)

    def comparison(self, column: Column, cells: list[Cell]) -> tuple[str, tuple[Cell, ...]]:
        """An operator and its values that suit the kind of column."""
        rng, chance = self.rng, self.rng.random()
        one = rng.choice(cells)
        if column.kind == "category":
            if chance < 0.15 and len(set(cells)) > 3:
                return "IN", tuple(rng.sample(sorted(set(cells)), 2))
            return ("=" if chance < 0.8 else "!="), (one,)
        if column.kind in TEXT:
            return ("=", (one,)) if chance < 0.7 else ("LIKE", (f"{one[0]}%",))
        if chance < 0.15:
            low, high = sorted(rng.sample(cells, 2))
            return "BETWEEN", (low, high)
        if column.kind == "date" and chance < 0.45:
            return "YEAR", (int(one[:4]),)
        if column.kind == "integer" and chance < 0.25:
            return "=", (one,)
        return rng.choice((">", "<", ">=", "<=")), (rng.choice(cells[1:-1]),)

    def some(self, table: Table, chance: float, unlike: tuple[str, ...] = ()) -> tuple[Predicate, ...]:
        """One condition or, by chance, none."""
        return (self.predicate(table, unlike),) if self.rng.random() < chance else ()

    def join(self, child: Table, column: Column, parent: Table, start: Table) -> Join:
        """The join of both ends of a reference, seen from the `start` table."""
        other, left, right = (parent, column, parent.key) if start is child else (child, parent.key, column)
        return Join(table=other.name, right=right.name, left_table=start.name, left=left.name)


def list_(d: Draft) -> Query:
    table = d.table()
    first = d.item(table)
    more = (d.item(table, unlike=(first.column,)),) if d.rng.random() < 0.3 else ()
    select = (first, *more)
    return Query(select=select, table=table.name, where=(d.predicate(table, tuple(i.column for i in select)),))


def count(d: Draft) -> Query:
    table = d.table()
    return Query(
        select=(Item(table=table.name, column="*", aggregate="count"),), table=table.name, where=(d.predicate(table),)
    )


def aggregate(d: Draft) -> Query:
    table = d.table()
    item = d.aggregate(table)
    return Query(select=(item,), table=table.name, where=d.some(table, 0.6, (item.column,)))


def distinct(d: Draft) -> Query:
    table = d.table()
    item = d.item(table, "category", "place")
    return Query(select=(item,), table=table.name, distinct=True, where=d.some(table, 0.4, (item.column,)))


def count_distinct(d: Draft) -> Query:
    table = d.table()
    item = d.item(table, "category", "place", "year").model_copy(update={"aggregate": "count", "distinct": True})
    return Query(select=(item,), table=table.name, where=d.some(table, 0.3, (item.column,)))


def extreme(d: Draft) -> Query:
    table = d.table()
    by = d.item(table, "integer", "real", "year", "date", solid=True)
    select = d.item(table, *TEXT, "category", unlike=(by.column,))
    return Query(select=(select,), table=table.name, limit=1, order=Order(item=by, descending=d.rng.random() < 0.6))


def two_filters(d: Draft) -> Query:
    table = d.table()
    first = d.predicate(table)
    second = d.predicate(table, (first.item.column,))
    used = (first.item.column, second.item.column)
    counted = d.rng.random() < 0.4
    select = Item(table=table.name, column="*", aggregate="count") if counted else d.item(table, unlike=used)
    return Query(
        select=(select,), table=table.name, where=(first, second), connective=d.rng.choice(("AND", "AND", "OR"))
    )


def group_count(d: Draft) -> Query:
    table = d.table()
    by = d.item(table, "category")
    return Query(
        select=(by, Item(table=table.name, column="*", aggregate="count")),
        table=table.name,
        group=(by,),
        where=d.some(table, 0.3, (by.column,)),
    )


def group_aggregate(d: Draft) -> Query:
    table = d.table()
    by = d.item(table, "category")
    return Query(select=(by, d.aggregate(table)), table=table.name, group=(by,))


def sorted_list(d: Draft) -> Query:
    table = d.table()
    by = d.item(table, "integer", "real", "date", "year", solid=True)
    return Query(
        select=(d.item(table, unlike=(by.column,)),),
        table=table.name,
        where=d.some(table, 0.4, (by.column,)),
        order=Order(item=by, descending=d.rng.random() < 0.5),
    )


def top(d: Draft) -> Query:
    table = d.table()
    by = d.item(table, "integer", "real", "year", "date", solid=True)
    return Query(
        select=(d.item(table, *TEXT, "category", unlike=(by.column,)),),
        table=table.name,
        limit=d.rng.randint(2, 4),
        order=Order(item=by, descending=d.rng.random() < 0.7),
    )


def join_list(d: Draft) -> Query:
    child, column, parent = d.edge()
    start, other = (child, parent) if d.rng.random() < 0.6 else (parent, child)
    select = d.item(start)
    return Query(
        select=(select,),
        table=start.name,
        joins=(d.join(child, column, parent, start),),
        where=(d.predicate(other),),
        distinct=start is parent,
    )


def join_count(d: Draft) -> Query:
    child, column, parent = d.edge()
    return Query(
        select=(Item(table=child.name, column="*", aggregate="count"),),
        table=child.name,
        joins=(d.join(child, column, parent, child),),
        where=(d.predicate(parent),),
    )


def join_both(d: Draft) -> Query:
    child, column, parent = d.edge()
    return Query(
        select=(d.item(child), d.item(parent)),
        table=child.name,
        joins=(d.join(child, column, parent, child),),
        where=d.some(child, 0.5),
    )


def join_aggregate(d: Draft) -> Query:
    child, column, parent = d.edge()
    return Query(
        select=(d.aggregate(child),),
        table=child.name,
        joins=(d.join(child, column, parent, child),),
        where=(d.predicate(parent),),
    )


def group_having(d: Draft) -> Query:
    table = d.table()
    by = d.item(table, "category", "place")
    having = Predicate(
        item=Item(table=table.name, column="*", aggregate="count"),
        operator=d.rng.choice((">", ">=", "<")),
        values=(d.rng.randint(2, 4),),
    )
    return Query(select=(by,), table=table.name, group=(by,), having=having)


def group_having_average(d: Draft) -> Query:
    table = d.table()
    by = d.item(table, "category")
    column = d.column(table, "integer", "real")
    cells = d.cells(table, column)
    middle = d.pick(cells[len(cells) // 3 : 2 * len(cells) // 3 + 1], "too few values")
    having = Predicate(
        item=Item(table=table.name, column=column.name, aggregate="avg"),
        operator=d.rng.choice((">", "<")),
        values=(middle,),
    )
    return Query(select=(by,), table=table.name, group=(by,), having=having)


def against_average(d: Draft) -> Query:
    table = d.table()
    column = d.column(table, "integer", "real")
    inner = Query(select=(Item(table=table.name, column=column.name, aggregate="avg"),), table=table.name)
    where = Predicate(item=Item(table=table.name, column=column.name), operator=d.rng.choice((">", "<")), query=inner)
    return Query(select=(d.item(table, unlike=(column.name,)),), table=table.name, where=(where,))


def equals_extreme(d: Draft) -> Query:
    table = d.table()
    column = d.column(table, "integer", "year")
    inner = Query(
        select=(Item(table=table.name, column=column.name, aggregate=d.rng.choice(("max", "min"))),), table=table.name
    )
    where = Predicate(item=Item(table=table.name, column=column.name), operator="=", query=inner)
    return Query(select=(d.item(table, unlike=(column.name,)),), table=table.name, where=(where,))


def without_any(d: Draft) -> Query:
    child, column, parent = d.edge()
    inner = Query(select=(Item(table=child.name, column=column.name),), table=child.name, where=d.some(child, 0.3))
    where = Predicate(item=Item(table=parent.name, column=parent.key.name), operator="NOT IN", query=inner)
    return Query(select=(d.item(parent),), table=parent.name, where=(where,))


def with_some(d: Draft) -> Query:
    child, column, parent = d.edge()
    inner = Query(select=(Item(table=child.name, column=column.name),), table=child.name, where=(d.predicate(child),))
    where = Predicate(item=Item(table=parent.name, column=parent.key.name), operator="IN", query=inner)
    return Query(select=(d.item(parent),), table=parent.name, where=(where,))


def join_group(d: Draft) -> Query:
    child, column, parent = d.edge()
    by = d.item(parent, *TEXT, "category")
    return Query(
        select=(by, Item(table=child.name, column="*", aggregate="count")),
        table=parent.name,
        group=(by,),
        joins=(d.join(child, column, parent, parent),),
    )


def join_group_having(d: Draft) -> Query:
    child, column, parent = d.edge()
    by = d.item(parent, *TEXT, "category")
    having = Predicate(
        item=Item(table=child.name, column="*", aggregate="count"),
        operator=d.rng.choice((">", ">=")),
        values=(d.rng.randint(1, 3),),
    )
    return Query(
        select=(by,), table=parent.name, group=(by,), joins=(d.join(child, column, parent, parent),), having=having
    )


def join_most(d: Draft) -> Query:
    child, column, parent = d.edge()
    by = d.item(parent, *TEXT, solid=True)
    most = Order(item=Item(table=child.name, column="*", aggregate="count"), descending=True)
    return Query(
        select=(by,),
        table=parent.name,
        group=(by,),
        joins=(d.join(child, column, parent, parent),),
        order=most,
        limit=1,
    )


def combined(word: str) -> Callable[[Draft], Query]:
    """A pattern of two queries over one column, united, intersected or subtracted."""

    def make(d: Draft) -> Query:
        table = d.table()
        item = d.item(table, "category", "place", "person")
        first = d.predicate(table, (item.column,))
        other = Query(select=(item,), table=table.name, where=(d.predicate(table, (item.column, first.item.column)),))
        return Query(select=(item,), table=table.name, where=(first,), combine=word, other=other)

    return make


def two_joins(d: Draft) -> Query:
    chains = [
        (child, first, middle, second, d.schema.table(second.target))
        for child in d.schema.tables
        for first in child.of("reference")
        for middle in [d.schema.table(first.target)]
        for second in middle.of("reference")
        if second.target != child.name
    ]
    child, first, middle, second, far = d.pick(chains, "no path of three tables")
    joins = (d.join(child, first, middle, child), d.join(middle, second, far, middle))
    return Query(select=(d.item(child),), table=child.name, joins=joins, where=(d.predicate(far),))


PATTERNS = {
    "list": Pattern(list_, "easy"),
    "count": Pattern(count, "easy"),
    "aggregate": Pattern(aggregate, "easy"),
    "distinct": Pattern(distinct, "easy"),
    "count_distinct": Pattern(count_distinct, "easy", held_out=True),
    "extreme": Pattern(extreme, "easy"),
    "two_filters": Pattern(two_filters, "medium"),
    "group_count": Pattern(group_count, "medium"),
    "group_aggregate": Pattern(group_aggregate, "medium"),
    "sorted_list": Pattern(sorted_list, "medium"),
    "top": Pattern(top, "medium"),
    "join_list": Pattern(join_list, "medium", 2),
    "join_count": Pattern(join_count, "medium", 2),
    "join_both": Pattern(join_both, "medium", 2),
    "join_aggregate": Pattern(join_aggregate, "medium", 2, held_out=True),
    "group_having": Pattern(group_having, "hard"),
    "group_having_average": Pattern(group_having_average, "hard", held_out=True),
    "against_average": Pattern(against_average, "hard"),
    "equals_extreme": Pattern(equals_extreme, "hard"),
    "without_any": Pattern(without_any, "hard", 2),
    "with_some": Pattern(with_some, "hard", 2, held_out=True),
    "join_group": Pattern(join_group, "hard", 2),
    "join_group_having": Pattern(join_group_having, "hard", 2),
    "join_most": Pattern(join_most, "hard", 2),
    "union": Pattern(combined("UNION"), "hard"),
    "intersect": Pattern(combined("INTERSECT"), "hard"),
    "except": Pattern(combined("EXCEPT"), "hard", held_out=True),
    "two_joins": Pattern(two_joins, "hard", 3),
}


def names(difficulty: str, side: str) -> list[str]:
    """The patterns of a difficulty that a side may draw."""
    return [
        name
        for name, pattern in PATTERNS.items()
        if pattern.difficulty == difficulty and (side == "exam" or not pattern.held_out)
    ]
