"""The typed latent state of a SQL row: schema, filled database, query tree.

Schema text, question and query are all rendered from one `State`; split, difficulty, quotas and checks read it and
never the text. `Query.sql()` writes the dialect of sqlite with a space between all tokens, so that an identifier has
the same token ids in schema, question and query.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Cell = int | float | str | None
Kind = Literal["id", "reference", "person", "title", "place", "category", "integer", "real", "year", "date"]
Type = Literal["integer", "real", "text", "date"]
TYPES: dict[str, Type] = {
    "id": "integer",
    "reference": "integer",
    "integer": "integer",
    "year": "integer",
    "real": "real",
    "date": "date",
}


class Frozen(BaseModel):
    """A value object: frozen, nothing extra."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Frozen):
    """One column: its identifier, what people call it, and where its values come from."""

    name: str
    label: str
    synonym: str
    kind: Kind
    values: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    nullable: bool = False
    target: str = ""
    """For a reference: the table it points to (always to that table's key)."""

    @property
    def type(self) -> Type:
        """The SQL type: integer, real, text or date (text as YYYY-MM-DD)."""
        return TYPES.get(self.kind, "text")

    @property
    def numeric(self) -> bool:
        """Whether comparing and averaging it makes sense (keys are numbers but not quantities)."""
        return self.kind in ("integer", "real", "year")


class Table(Frozen):
    """One table; its first column is the key."""

    name: str
    label: str
    synonym: str
    columns: tuple[Column, ...]

    @property
    def key(self) -> Column:
        """The primary key."""
        return self.columns[0]

    def column(self, name: str) -> Column:
        """The column of that identifier; KeyError where there is none."""
        return {column.name: column for column in self.columns}[name]

    def of(self, *kinds: str) -> list[Column]:
        """The columns whose kind is one of `kinds`."""
        return [column for column in self.columns if column.kind in kinds]


class Schema(Frozen):
    """The tables of one database, of one family, in one naming style."""

    family: str
    style: Literal["snake", "joined", "abbreviated"]
    tables: tuple[Table, ...]

    def table(self, name: str) -> Table:
        """The table of that identifier; KeyError where there is none."""
        return {table.name: table for table in self.tables}[name]

    def text(self) -> str:
        """The schema as the model reads it: one table a line."""
        # The dash keeps a space before the table's name: its tokens are then the same here and in a query.
        return "\n".join(f"- {table.name} ( {' , '.join(map(self._column, table.columns))} )" for table in self.tables)

    def _column(self, column: Column) -> str:
        if column.kind == "id":
            return f"{column.name} key"
        if column.kind == "reference":
            return f"{column.name} -> {column.target} . {self.table(column.target).key.name}"
        return f"{column.name} {column.type}"


class Item(Frozen):
    """A column, `*`, or an aggregate of one."""

    table: str
    column: str
    aggregate: Literal["", "count", "sum", "avg", "min", "max"] = ""
    distinct: bool = False

    def sql(self, qualified: bool) -> str:
        name = f"{self.table} . {self.column}" if qualified and self.column != "*" else self.column
        inside = f"DISTINCT {name}" if self.distinct else name
        return f"{self.aggregate} ( {inside} )" if self.aggregate else inside


Operator = Literal["=", "!=", ">", "<", ">=", "<=", "BETWEEN", "LIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL", "YEAR"]


class Predicate(Frozen):
    """`item operator values`, or `item operator ( subquery )`; YEAR compares the year of a date."""

    item: Item
    operator: Operator
    values: tuple[Cell, ...] = ()
    query: Query | None = None

    def sql(self, qualified: bool) -> str:
        left = self.item.sql(qualified)
        if self.operator in ("IS NULL", "IS NOT NULL"):
            return f"{left} {self.operator}"
        if self.query:
            return f"{left} {self.operator} ( {self.query.sql()} )"
        if self.operator == "YEAR":
            return f"strftime ( '%Y' , {left} ) = '{self.values[0]}'"
        values = [literal(value) for value in self.values]
        if self.operator == "BETWEEN":
            return f"{left} BETWEEN {values[0]} AND {values[1]}"
        if self.operator in ("IN", "NOT IN"):
            return f"{left} {self.operator} ( {' , '.join(values)} )"
        return f"{left} {self.operator} {values[0]}"


class Join(Frozen):
    """`kind JOIN table ON left_table.left = table.right`."""

    table: str
    right: str
    left_table: str
    left: str
    kind: Literal["", "LEFT"] = ""

    def sql(self) -> str:
        word = "LEFT JOIN" if self.kind else "JOIN"
        return f"{word} {self.table} ON {self.left_table} . {self.left} = {self.table} . {self.right}"


class Order(Frozen):
    """`ORDER BY item`, ascending or descending."""

    item: Item
    descending: bool = False


class Query(Frozen):
    """A query tree: what the question asks and what the answer says."""

    select: tuple[Item, ...]
    table: str
    distinct: bool = False
    joins: tuple[Join, ...] = ()
    where: tuple[Predicate, ...] = ()
    connective: Literal["AND", "OR"] = "AND"
    group: tuple[Item, ...] = ()
    having: Predicate | None = None
    order: Order | None = None
    limit: int | None = None
    combine: Literal["", "UNION", "INTERSECT", "EXCEPT"] = ""
    other: Query | None = None

    def sql(self) -> str:
        """The query as sqlite runs it, tokens apart."""
        q = bool(self.joins)
        parts = [
            "SELECT DISTINCT" if self.distinct else "SELECT",
            " , ".join(item.sql(q) for item in self.select),
            "FROM",
            self.table,
            *(join.sql() for join in self.joins),
        ]
        if self.where:
            parts += ["WHERE", f" {self.connective} ".join(predicate.sql(q) for predicate in self.where)]
        if self.group:
            parts += ["GROUP BY", " , ".join(item.sql(q) for item in self.group)]
        if self.having:
            parts += ["HAVING", self.having.sql(q)]
        if self.order:
            parts += ["ORDER BY", self.order.item.sql(q), "DESC" if self.order.descending else "ASC"]
        if self.limit is not None:
            parts += ["LIMIT", str(self.limit)]
        if self.other:
            parts += [self.combine, self.other.sql()]
        return " ".join(parts)

    def skeleton(self) -> str:
        """The shape of the query: names and values masked, aggregates and operators kept."""
        return mask(self)


Rows = tuple[tuple[Cell, ...], ...]


class State(Frozen):
    """Everything a SQL row is rendered from."""

    database: Schema
    rows: dict[str, Rows]
    """The filled database: the rows of each table, in the order of its columns."""
    pattern: str
    difficulty: Literal["easy", "medium", "hard"]
    wording: Literal["verbatim", "joined", "abbreviated", "synonym"]
    """The exam's slice: how far the question's words are from the identifiers."""
    query: Query


def literal(value: Cell) -> str:
    """A value as SQL writes it."""
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def mask(query: Query) -> str:
    """The query tree with tables, columns and values replaced by letters and marks."""

    def item(it: Item) -> str:
        return it.model_copy(update={"table": "t", "column": "*" if it.column == "*" else "c"}).sql(False)

    def predicate(p: Predicate) -> str:
        right = f"( {mask(p.query)} )" if p.query else "v" * min(len(p.values), 1)
        return f"{item(p.item)} {p.operator} {right}".strip()

    parts = [
        "SELECT",
        "DISTINCT" if query.distinct else "",
        " , ".join(map(item, query.select)),
        "FROM t",
        *(f"{join.kind} JOIN t" for join in query.joins),
    ]
    if query.where:
        parts += ["WHERE", f" {query.connective} ".join(map(predicate, query.where))]
    if query.group:
        parts += ["GROUP BY", " , ".join(map(item, query.group))]
    if query.having:
        parts += ["HAVING", predicate(query.having)]
    if query.order:
        parts += ["ORDER BY", item(query.order.item), "DESC" if query.order.descending else "ASC"]
    if query.limit is not None:
        parts += ["LIMIT v"]
    if query.other:
        parts += [query.combine, mask(query.other)]
    return " ".join(" ".join(parts).split())
