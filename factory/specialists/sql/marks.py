"""What a SQL row is beyond its words: its schema, and the shape of schema and query without any name or value."""

from __future__ import annotations

from typing import Any

from factory.specialists.sql.state import Query, Schema, State
from factory.text import unordered

OWNER = {"column": "table", "right": "table", "left": "left_table"}
"""Where a column stands in a query tree, and where the table that it is of."""


def marks(state: State) -> dict[str, str]:
    """`schema`: the names of tables and columns; `shape`: kinds of columns and the query tree, whatever the names are."""
    tables = state.database.tables
    schema = {plain(table.name): [plain(column.name) for column in table.columns] for table in tables}
    kinds = [[f"{column.kind} {column.nullable}" for column in table.columns] for table in tables]
    return {"schema": unordered(schema), "shape": f"{unordered(kinds)} {nameless(state.query, state.database)}"}


def plain(name: str) -> str:
    """An identifier without underscores, lower case."""
    return name.replace("_", "").casefold()


def nameless(query: Query, schema: Schema) -> str:
    """The query tree with tables and columns numbered as they first appear, values counted, and the columns' kinds."""
    numbers: dict[tuple[str, ...], int] = {}

    def number(*name: str) -> int:
        return numbers.setdefault(name, len(numbers))

    def bare(part: Any) -> Any:
        if isinstance(part, tuple):
            return [bare(one) for one in part]
        return {key: told(key, one, part) for key, one in part.items()} if isinstance(part, dict) else part

    def told(key: str, one: Any, part: dict[str, Any]) -> Any:
        if key == "values":
            return len(one)
        if key == "limit":
            return one is not None
        if key in OWNER:
            return one if one == "*" else number(part[OWNER[key]], one)
        return number(one) if key in ("table", "left_table") else bare(one)

    tree = bare(query.model_dump())
    kinds = [schema.table(name[0]).column(name[1]).kind for name in numbers if len(name) > 1]
    return f"{tree} {kinds}"
