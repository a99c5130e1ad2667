"""Wrong queries that look right: every small change of a gold query that its question does not allow.

A row is kept only if the verifier tells every mutant from the gold, and the exam's gold is graded by the same mutants.
"""

from __future__ import annotations

from collections.abc import Iterator

from factory.specialists.sql.state import Column, Item, Predicate, Query, Schema, State

FLIPPED = {
    ">": "<",
    "<": ">",
    ">=": "<=",
    "<=": ">=",
    "=": "!=",
    "!=": "=",
    "IN": "NOT IN",
    "NOT IN": "IN",
    "IS NULL": "IS NOT NULL",
    "IS NOT NULL": "IS NULL",
}
EDGE = {">": ">=", ">=": ">", "<": "<=", "<=": "<"}
SWAPPED = {"avg": "sum", "sum": "avg", "min": "max", "max": "min"}
COMBINED = {"UNION": "INTERSECT", "INTERSECT": "UNION", "EXCEPT": "INTERSECT"}


def corrupt(state: State) -> list[str]:
    """The SQL of all mutants of the state's gold, without repeats and without the gold itself."""
    gold = state.query.sql()
    return [
        sql for sql in dict.fromkeys(mutant.sql() for mutant in mutants(state.query, state.database)) if sql != gold
    ]


def mutants(query: Query, schema: Schema) -> Iterator[Query]:
    """Every mutant of a query tree, one change each."""
    yield from changed_predicates(query, schema)
    yield from changed_select(query, schema)
    yield from changed_joins(query, schema)
    yield from changed_end(query)
    if query.other:
        yield edit(query, combine=COMBINED[query.combine])
        yield edit(query, combine="", other=None)
        for other in mutants(query.other, schema):
            yield edit(query, other=other)


def changed_predicates(query: Query, schema: Schema) -> Iterator[Query]:
    """A condition dropped, flipped, moved by one, put on another column; AND for OR; HAVING likewise."""
    for i, predicate in enumerate(query.where):
        yield edit(query, where=query.where[:i] + query.where[i + 1 :])
        for changed in changed_predicate(predicate, schema):
            yield edit(query, where=(*query.where[:i], changed, *query.where[i + 1 :]))
    if len(query.where) > 1:
        yield edit(query, connective="OR" if query.connective == "AND" else "AND")
    if query.having:
        yield edit(query, having=None)
        for changed in changed_predicate(query.having, schema):
            yield edit(query, having=changed)


def changed_predicate(predicate: Predicate, schema: Schema) -> Iterator[Predicate]:
    """One predicate with its operator flipped, its boundary off by one, its column or its subquery changed."""
    for table in (FLIPPED, EDGE):
        if predicate.operator in table:
            yield edit(predicate, operator=table[predicate.operator])
    if predicate.item.aggregate in SWAPPED:
        yield edit(predicate, item=edit(predicate.item, aggregate=SWAPPED[predicate.item.aggregate]))
    for column in alike(predicate.item, schema):
        yield edit(predicate, item=edit(predicate.item, column=column.name))
    if predicate.operator == "BETWEEN":
        yield edit(predicate, operator=">=", values=predicate.values[:1])
        yield edit(predicate, operator="<=", values=predicate.values[1:])
    if predicate.operator == "IN" and predicate.values:
        yield edit(predicate, values=predicate.values[:1])
    if predicate.query:
        for inner in mutants(predicate.query, schema):
            if inner.select == predicate.query.select or predicate.operator not in ("IN", "NOT IN"):
                yield edit(predicate, query=inner)


def changed_select(query: Query, schema: Schema) -> Iterator[Query]:
    """Another column of the same type, another aggregate, one column fewer."""
    for i, item in enumerate(query.select):
        for column in alike(item, schema):
            yield edit(query, select=(*query.select[:i], edit(item, column=column.name), *query.select[i + 1 :]))
        if item.aggregate in SWAPPED:
            yield edit(
                query, select=(*query.select[:i], edit(item, aggregate=SWAPPED[item.aggregate]), *query.select[i + 1 :])
            )
        if item.distinct:
            yield edit(query, select=(*query.select[:i], edit(item, distinct=False), *query.select[i + 1 :]))
    if len(query.select) > 1:
        yield edit(query, select=query.select[:1])
    if query.distinct:
        yield edit(query, distinct=False)


def changed_joins(query: Query, schema: Schema) -> Iterator[Query]:
    """A join on the child's own key instead of its reference; an outer join where the rows without a partner count."""
    for i, join in enumerate(query.joins):
        outward = schema.table(join.left_table).column(join.left).kind == "reference"
        wrong = (
            {"left": schema.table(join.left_table).key.name}
            if outward
            else {"right": schema.table(join.table).key.name}
        )
        changes = [wrong]
        if query.group and not outward and not query.having and not query.order:
            changes.append({"kind": "LEFT"})
        for change in changes:
            yield edit(query, joins=(*query.joins[:i], edit(join, **change), *query.joins[i + 1 :]))


def changed_end(query: Query) -> Iterator[Query]:
    """The order reversed or dropped, the limit off by one or dropped, the grouping dropped."""
    if query.order:
        yield edit(query, order=edit(query.order, descending=not query.order.descending))
        yield edit(query, order=None)
    if query.limit is not None:
        yield edit(query, limit=query.limit + 1)
    if query.group:
        yield edit(query, group=())


def alike(item: Item, schema: Schema) -> list[Column]:
    """The other columns of the item's table that have its type (keys only for keys)."""
    if item.column == "*":
        return []
    table = schema.table(item.table)
    own = table.column(item.column)
    return [c for c in table.columns if c.name != own.name and c.type == own.type and c.kind not in ("id", "reference")]


def edit(thing, **changes):
    """A frozen value with some fields changed."""
    return thing.model_copy(update=changes)
