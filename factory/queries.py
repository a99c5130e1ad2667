"""The tree of an SQL query without what does not change its answer, so that one query written two ways is one text."""

from __future__ import annotations

from typing import Any


def normal(text: str) -> str | None:
    """The query without case, spacing, quotes, aliases, qualifiers and the order of ANDed parts; None where it is none.

    Identifiers and values stay. Whose a column is does not count: without the schema nobody knows it of one that is not
    qualified.
    """
    if not text.lstrip("( \n").casefold().startswith(("select", "with")):
        return None
    import sqlglot

    try:
        tree = sqlglot.parse_one(text, read="sqlite")
        aliases = {one.alias.casefold(): one.this for one in tree.find_all(sqlglot.exp.Alias)}
        return told(tree, aliases) if tree.find(sqlglot.exp.From) else None
    except (sqlglot.errors.SqlglotError, RecursionError):
        return None


def told(part: Any, aliases: dict[str, Any]) -> str:
    """A part of the tree as text; `aliases` are the expressions that the query names."""
    from sqlglot import exp

    match part:
        case exp.Alias():
            return told(part.this, {})
        case exp.Paren():
            return told(part.this, aliases)
        case exp.Column() if part.name.casefold() in aliases:
            return told(aliases[part.name.casefold()], {})
        case exp.Column() | exp.Table() | exp.Identifier() | exp.Literal():
            return part.name.casefold()
        case exp.And() | exp.Or() | exp.Add() | exp.Mul():
            return f"{part.key}({', '.join(sorted(told(one, aliases) for one in part.flatten()))})"
        case exp.EQ() | exp.NEQ():
            return f"{part.key}({', '.join(sorted((told(part.this, aliases), told(part.expression, aliases))))})"
        case exp.Expression():
            inner = [(name, one) for name, one in part.args.items() if one and name != "alias" and one != "INNER"]
            return f"{part.key}({', '.join(f'{name} {told(one, aliases)}' for name, one in inner)})"
        case list():
            return f"[{', '.join(told(one, aliases) for one in part)}]"
    return str(part).casefold()
