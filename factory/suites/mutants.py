"""Wrong queries by kind: every small change of a gold that we did not draw, made on its syntax tree.

The specialist's own mutants change its query trees; these change any SQL that sqlglot reads, and share no code with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import sqlglot
from sqlglot import exp

from factory.sandbox import Database
from factory.suites.copies import name

Change = Callable[[exp.Expression], exp.Expression | None]
Make = Callable[[exp.Expression, Database], Iterator[Change]]
"""From a node of the tree, the changes of it; each is called with that node in a fresh tree and returns what stands there
instead, None for nothing."""

TURNED = {exp.GT: exp.LT, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.LTE: exp.GTE, exp.EQ: exp.NEQ, exp.NEQ: exp.EQ}
EDGE = {exp.GT: exp.GTE, exp.GTE: exp.GT, exp.LT: exp.LTE, exp.LTE: exp.LT}
SWAPPED = {exp.Avg: exp.Sum, exp.Sum: exp.Avg, exp.Min: exp.Max, exp.Max: exp.Min}
COMBINED = (exp.Union, exp.Intersect, exp.Except)


def corrupt(gold: str, database: Database) -> Iterator[tuple[str, str]]:
    """Kind and SQL of every mutant of a gold, without repeats and without the gold itself."""
    tree = sqlglot.parse_one(gold, dialect="sqlite")
    seen = {tree.sql(dialect="sqlite")}
    for kind, make in KINDS.items():
        for place, node in enumerate(tree.walk()):
            for change in make(node, database):
                if (sql := applied(tree, place, change)) not in seen:
                    seen.add(sql)
                    yield kind, sql


def applied(tree: exp.Expression, place: int, change: Change) -> str:
    """The SQL of a tree whose node at that place of the walk is changed."""
    fresh = tree.copy()
    node = next(node for at, node in enumerate(fresh.walk()) if at == place)
    instead = change(node)
    if node is fresh:
        return instead.sql(dialect="sqlite")
    node.pop() if instead is None else node.replace(instead)
    return fresh.sql(dialect="sqlite")


def other_class(table: dict, node: exp.Expression, _: Database) -> Iterator[Change]:
    """The same with another operator or aggregate."""
    if type(node) in table:
        yield lambda here: table[type(here)](**here.args)


def constant(node: exp.Expression, database: Database) -> Iterator[Change]:
    """A number one higher or lower; for a text, another value of the column it is compared with."""
    if not inside(node, exp.Where, exp.Having) or not isinstance(node, exp.Literal | exp.Column):
        return
    if isinstance(node, exp.Literal) and not node.is_string:
        for step in (1, -1):
            yield lambda here, step=step: exp.Literal.number(f"{float(here.this) + step:g}")
    elif text(node, database) and "%" not in node.name:
        for column in node.parent.find_all(exp.Column):
            values = {str(value) for value in pool(column.name, database)} - {node.name}
            for value in sorted(values)[:2]:
                yield lambda _, value=value: exp.Literal.string(value)


def pattern(node: exp.Expression, _: Database) -> Iterator[Change]:
    """A pattern without its first or its last %."""
    if isinstance(node, exp.Like) and "%" in node.expression.name:
        for cut in (str.removeprefix, str.removesuffix):
            yield lambda here, cut=cut: exp.Like(
                this=here.this, expression=exp.Literal.string(cut(here.expression.name, "%"))
            )


def dropped(node: exp.Expression, _: Database) -> Iterator[Change]:
    """A WHERE dropped, or one side of AND or OR."""
    if isinstance(node, exp.Where):
        yield lambda _: None
    if isinstance(node, exp.And | exp.Or) and inside(node, exp.Where):
        yield lambda here: here.left
        yield lambda here: here.right


def negated(node: exp.Expression, _: Database) -> Iterator[Change]:
    """A NOT taken away, or put before IN, LIKE, BETWEEN or EXISTS."""
    if isinstance(node, exp.Not):
        yield lambda here: here.this
    if isinstance(node, exp.In | exp.Like | exp.Between | exp.Exists) and not isinstance(node.parent, exp.Not):
        yield lambda here: exp.Not(this=here.copy())


def range_opened(node: exp.Expression, _: Database) -> Iterator[Change]:
    """One bound of BETWEEN dropped."""
    if isinstance(node, exp.Between):
        yield lambda here: exp.GTE(this=here.this, expression=here.args["low"])
        yield lambda here: exp.LTE(this=here.this, expression=here.args["high"])


def column(where: type[exp.Expression] | None, node: exp.Expression, database: Database) -> Iterator[Change]:
    """Another column of the same table, in the named clause, or among what is selected."""
    if not isinstance(node, exp.Column) or not isinstance(clause(node), where) or text(node, database):
        return
    for columns, _ in database.tables.values():
        names = [name(column) for column in columns]
        if node.name.lower() in names and belongs(node, names, database):
            at = names.index(node.name.lower())
            for other in (names * 2)[at + 1 : at + min(3, len(names))]:
                yield lambda here, other=other: exp.column(other, table=here.table or None)


def belongs(node: exp.Column, names: list[str], database: Database) -> bool:
    """Whether the column is of the table with these columns, as far as its alias says."""
    select = node.find_ancestor(exp.Select)
    tables = list(select.find_all(exp.Table)) if select else []
    own = [one.name for one in tables if not node.table or one.alias_or_name.lower() == node.table.lower()]
    return any(
        [name(column) for column in columns] == names
        for table, (columns, _) in database.tables.items()
        if table.lower() in {one.lower() for one in own}
    )


def selected(node: exp.Expression, _: Database) -> Iterator[Change]:
    """One of several selected items dropped; two in the other order."""
    if isinstance(node, exp.Select) and len(node.expressions) > 1:
        yield lambda here: edited(here, expressions=here.expressions[1:])
        yield lambda here: edited(here, expressions=here.expressions[::-1])


def distinct(node: exp.Expression, _: Database) -> Iterator[Change]:
    """DISTINCT dropped or added, of the rows or inside COUNT."""
    if isinstance(node, exp.Select) and not isinstance(node.parent, exp.SetOperation | exp.In | exp.Exists):
        yield lambda here: edited(here, distinct=None if here.args.get("distinct") else exp.Distinct())
    if isinstance(node, exp.Count):
        if isinstance(node.this, exp.Distinct):
            yield lambda here: exp.Count(this=here.this.expressions[0])
        elif isinstance(node.this, exp.Column):
            yield lambda here: exp.Count(this=exp.Distinct(expressions=[here.this]))


def direction(node: exp.Expression, _: Database) -> Iterator[Change]:
    """An ORDER BY turned."""
    if isinstance(node, exp.Ordered):
        yield lambda here: exp.Ordered(
            this=here.this, desc=not here.args.get("desc"), nulls_first=bool(here.args.get("desc"))
        )


def order(node: exp.Expression, _: Database) -> Iterator[Change]:
    """An ORDER BY, or one of its keys, dropped."""
    if isinstance(node, exp.Order):
        yield lambda _: None
        if len(node.expressions) > 1:
            yield lambda here: exp.Order(expressions=here.expressions[:1])


def limit(node: exp.Expression, _: Database) -> Iterator[Change]:
    """A LIMIT dropped, or one higher."""
    if isinstance(node, exp.Limit):
        yield lambda _: None
        yield lambda here: exp.Limit(expression=exp.Literal.number(int(here.expression.name) + 1))


def joined(node: exp.Expression, _: Database) -> Iterator[Change]:
    """An outer join for an inner one; a join without its condition."""
    if isinstance(node, exp.Join) and node.args.get("on"):
        yield lambda here: edited(here, side="LEFT")
        yield lambda here: edited(here, on=None)


def combined(node: exp.Expression, _: Database) -> Iterator[Change]:
    """Another set operator, its sides changed over, or one of them alone."""
    if isinstance(node, exp.SetOperation):
        for kind in COMBINED:
            yield lambda here, kind=kind: kind(this=here.this, expression=here.expression, distinct=True)
        yield lambda here: edited(here, distinct=False) if isinstance(here, exp.Union) else here
        yield lambda here: edited(here, this=here.expression, expression=here.this)
        yield lambda here: here.this
        yield lambda here: here.expression


def having(node: exp.Expression, _: Database) -> Iterator[Change]:
    """A HAVING dropped."""
    if isinstance(node, exp.Having):
        yield lambda _: None


def group(node: exp.Expression, _: Database) -> Iterator[Change]:
    """A GROUP BY dropped, or one of its keys."""
    if isinstance(node, exp.Group):
        yield lambda _: None
        if len(node.expressions) > 1:
            yield lambda here: exp.Group(expressions=here.expressions[1:])


def counted(node: exp.Expression, _: Database) -> Iterator[Change]:
    """COUNT for another aggregate, and MAX for COUNT."""
    if isinstance(node, exp.AggFunc) and not isinstance(node, exp.Count):
        yield lambda here: exp.Count(this=here.this)
    elif isinstance(node, exp.Count) and isinstance(node.this, exp.Column):
        yield lambda here: exp.Max(this=here.this)


def edited(node: exp.Expression, **parts: object) -> exp.Expression:
    """A copy of a node with some parts changed."""
    fresh = node.copy()
    for part, value in parts.items():
        fresh.set(part, value.copy() if isinstance(value, exp.Expression) else value)
    return fresh


def inside(node: exp.Expression, *kinds: type[exp.Expression]) -> bool:
    """Whether the node stands in such a clause of its own query."""
    return isinstance(clause(node), kinds)


def clause(node: exp.Expression) -> exp.Expression | None:
    """The clause of its own query that a node stands in; the query itself for what is selected."""
    return node.find_ancestor(exp.Where, exp.Having, exp.Group, exp.Order, exp.Join, exp.Select)


def text(node: exp.Expression, database: Database) -> bool:
    """Whether a node is a text: "France" is one too where no column is called so."""
    if isinstance(node, exp.Column):
        return not any(node.name.lower() == name(one) for columns, _ in database.tables.values() for one in columns)
    return isinstance(node, exp.Literal) and node.is_string


def pool(wanted: str, database: Database) -> Iterator[object]:
    """The values of all columns of that name."""
    for columns, rows in database.tables.values():
        for place, declared in enumerate(columns):
            if name(declared) == wanted.lower():
                yield from (row[place] for row in rows if row[place] is not None)


KINDS: dict[str, Make] = {
    "comparison turned": partial(other_class, TURNED),
    "boundary off by one": partial(other_class, EDGE),
    "constant changed": constant,
    "pattern narrowed": pattern,
    "condition dropped": dropped,
    "AND and OR": partial(other_class, {exp.And: exp.Or, exp.Or: exp.And}),
    "negation": negated,
    "BETWEEN opened": range_opened,
    "column selected": partial(column, exp.Select),
    "column compared": partial(column, exp.Where),
    "column joined on": partial(column, exp.Join),
    "column grouped by": partial(column, exp.Group),
    "column ordered by": partial(column, exp.Order),
    "columns dropped, swapped": selected,
    "aggregate swapped": partial(other_class, SWAPPED),
    "aggregate for a count": counted,
    "DISTINCT": distinct,
    "direction": direction,
    "ORDER BY dropped": order,
    "LIMIT": limit,
    "join": joined,
    "set operator": combined,
    "HAVING dropped": having,
    "GROUP BY dropped": group,
}
