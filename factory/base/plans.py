"""A query tree in words: what to give, what to take, what to keep.

The embedded base learns to read questions by planning them.
"""

from __future__ import annotations

from factory.specialists.sql.state import Item, Predicate, Query

COMPARED = {"=": "is", "!=": "is not", ">": "over", "<": "under", ">=": "at least", "<=": "at most"}
COUNTED = {"count": "number", "sum": "total", "avg": "average", "min": "lowest", "max": "highest"}
COMBINED = {"UNION": "or else", "INTERSECT": "and also", "EXCEPT": "but never"}


def plan(query: Query) -> str:
    """The steps of a query: `give loan day ; take loan ; join book by book_id , id ; keep book price over 5`."""
    wanted = f"give {'each ' if query.distinct else ''}{' , '.join(map(named, query.select))}"
    steps = [
        wanted,
        f"take {query.table}",
        *(f"join {join.table} by {join.left} , {join.right}" for join in query.joins),
    ]
    if query.where:
        steps.append("keep " + f" {query.connective.lower()} ".join(map(condition, query.where)))
    if query.group:
        steps.append("group by " + " , ".join(map(named, query.group)))
    if query.having:
        steps.append(f"keep groups {condition(query.having)}")
    if query.order:
        steps.append(f"sort {named(query.order.item)} {'down' if query.order.descending else 'up'}")
    if query.limit is not None:
        steps.append(f"first {query.limit}")
    if query.other:
        steps.append(f"{COMBINED[query.combine]} {plan(query.other)}")
    return " ; ".join(steps)


def named(item: Item) -> str:
    """A column with its table, or what is computed of it."""
    name = "rows" if item.column == "*" else f"{item.table} {item.column}"
    different = "different " if item.distinct else ""
    return f"{COUNTED[item.aggregate]} of {different}{name}" if item.aggregate else name


def condition(predicate: Predicate) -> str:
    """A condition in words."""
    left, values = named(predicate.item), [str(value) for value in predicate.values]
    match predicate.operator:
        case "IS NULL":
            return f"{left} missing"
        case "IS NOT NULL":
            return f"{left} present"
        case "YEAR":
            return f"{left} in year {values[0]}"
        case "LIKE":
            return f"{left} starts {values[0].removesuffix('%')}"
        case "BETWEEN":
            return f"{left} from {values[0]} to {values[1]}"
        case "IN" | "NOT IN" if predicate.query:
            return f"{'none' if predicate.operator == 'NOT IN' else 'some'} {inner(predicate.query)}"
        case "IN" | "NOT IN":
            return f"{left} among {' , '.join(values)}"
    right = named(predicate.query.select[0]) if predicate.query else values[0]
    return f"{left} {COMPARED[predicate.operator]} {right}"


def inner(query: Query) -> str:
    """What a subquery over linked rows looks for."""
    kept = f" with {condition(query.where[0])}" if query.where else ""
    return f"{query.table} by {query.select[0].column}{kept}"
