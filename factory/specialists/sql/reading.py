"""A told SQL row read back from its text: does the question say what the query says?

It shares no code with what draws, tells and verifies rows, so that it can judge them, and judges what a teacher says in other
words too. The gold is parsed by sqlglot, held against the schema as the prompt writes it, run by plain sqlite, and compared
with the words of the question by the small tables below. Words that the tables do not know decide nothing: a question that
is put too freely is refused rather than believed.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import sqlglot
from sqlglot import exp

AGGREGATES = {
    exp.Count: r"how many|count|number of",
    exp.Avg: r"average|mean|avg",
    exp.Sum: r"total|summed|sum of|combined|added up",
    exp.Min: r"lowest|smallest|minimum(?! of V)|minimal|oldest|(?<!\bat )(?<!\bat the )(least|earliest)",
    exp.Max: r"highest|largest|maximum|greatest|biggest|newest|(?<!\bat )(?<!\bat the )(most|latest)",
}
ALIEN = {exp.Count: r"how many|count", exp.Avg: r"average|mean|avg", exp.Sum: r"summed|sum of|combined|added up"}
"""Words that stand in no question whose query has no such aggregate."""
UP = (
    r"ascending|increasing|(lowest|earliest|oldest)( one)? first|from (lowest|low|"
    r"earliest|oldest|small|the (first|lowest|earliest))\b"
    r"|starting with the (lowest|earliest)|going up"
)
DOWN = (
    r"descending|decreasing|(highest|latest|newest)( one)? first|from (highest|high|"
    r"latest|newest|large|the (last|highest|latest))\b"
    r"|starting with the (highest|latest)|going down"
)
COMPARED = (
    (
        exp.Between,
        r"(at least|no less than|no lower than) V and (at most|no more than|no higher than) V|C of V to V|from V to V",
    ),
    (exp.GTE, r"at least|at the least|or more|no less|greater than or equal|or higher"),
    (
        exp.GTE,
        r"no lower|or above|not below|no fewer|not fewer|or later|on or after|"
        r"(not|no) earlier|from V on(?:ward)?|not before",
    ),
    (exp.GTE, r"at the earliest|minimum of|not less|not under|starting (at|from)|or after|any later one"),
    (
        exp.LTE,
        r"at most|at the most|or less|no more|less than or equal|or lower|no higher|or below|not above|not exceed",
    ),
    (exp.LTE, r"not more than|not over|up to|or before|any earlier one"),
    (exp.LTE, r"or earlier|on or before|(not|no) later|at the latest|not after|not come after|V is the last"),
    (exp.Between, r"between|from V to|range"),
    (
        exp.GT,
        r"greater|above|more than|exceeds|higher|larger|over|beyond|tops|after|later|past|"
        r"following|in excess|bigger|surpasses|more recent|follows",
    ),
    (
        exp.LT,
        r"less|below|lower|smaller|under|short of|before|earlier|prior|ahead of|"
        r"preceding|fewer|not reach|beneath|older|precedes",
    ),
    (exp.NEQ, r"not|any but|other than|anything but|differs|except|different from|unlike|besides"),
    (exp.Like, r"(starts|begins|starting|beginning|opens) (with|in) V|at the start|first letter|leading V|V begins"),
    (exp.EQ, ""),
)
"""Which comparison a clause speaks of: the first line that is found in it; V stands for a value, C for a column."""
MISSING = (
    r"no C|not given|left out|(?<!not )null|(?<!not )missing|not known|unknown|"
    r"without a C|(?<!not )empty|lacking a C|(?<!not )(?<!not left )blank|never given|not filled|not on record|not set"
)
PRESENT = (
    r"not null|know the C|is set|not missing|not empty|known C|is known|given|have a C|filled|on record|"
    r"not (left )?blank"
)
NONE = r"no|none|not|without|lack|never|free of"
EXCEPT = (
    r"but not|(and|but|though|or) never|without those|leave out those|among no|not the C|except those"
    r"|not found|remove those|strike those|that no T|T do not\b"
)
SHARED = (
    r"both (among|with|for|groups)|shared by|in common|common to|as well as|also (among|the|found|with)"
    r"|too|and again|agree|the same(?! as)|share|that both"
)
ONCE = r"different(?! from)|distinct|once|unique|repeats|twice|duplicates|repeated"
STARTS = (
    r"whose|where|(?<!starts )(?<!begins )(?<!opens )(?<!starting )(?<!beginning )with|without|"
    r"(?<!not )having|not having|lacking|for which|in which"
    r"|that (?:have|show|carry|do|list|come)|marked|filed|dated|of which"
)
"""What begins a condition."""
SIGNS = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}
HOMONYMS = frozenset(("name", "year", "going"))
"""Column names that are also words of a question's frame."""


class TableText(NamedTuple):
    """A table as the prompt writes it: column to type, its key, and its references as column to (table, key)."""

    columns: dict[str, str]
    key: str
    references: dict[str, tuple[str, str]]


def tables_of(prompt: str) -> dict[str, TableText]:
    """The schema text of a prompt."""
    found = {}
    for name, inside in re.findall(r"^- (\w+) \( (.*) \)$", prompt.partition("\nQuestion: ")[0], re.M):
        parts = [part.split() for part in inside.split(" , ")]
        references = {part[0]: (part[2], part[4]) for part in parts if part[1] == "->"}
        found[name] = TableText(
            {part[0]: "integer" if part[1] in ("key", "->") else part[1] for part in parts},
            next(part[0] for part in parts if part[1] == "key"),
            references,
        )
    return found


def faults(prompt: str, answer: str, state: dict[str, Any], wording: bool = True) -> list[str]:
    """What is wrong with a row; nothing if it is right. `wording` off leaves out what only the grammar's words can tell."""
    tree = sqlglot.parse_one(answer, read="sqlite")
    tables, question = tables_of(prompt), prompt.partition("\nQuestion: ")[2]
    if found := list(structure(tree, tables)):
        return found
    found = [*runs(answer, tables, state["rows"]), *values(tree, question)]
    return found + list(Words(tree, question, state["database"]["tables"]).faults()) if wording else found


def scope(select: exp.Select) -> list[str]:
    """The tables that a SELECT reads itself."""
    return [table.name for table in select.find_all(exp.Table) if table.parent_select is select]


def structure(tree: exp.Expression, tables: dict[str, TableText]) -> Iterator[str]:
    """Tables and columns that the schema lacks; joins and subqueries along anything but a declared reference."""
    for select in tree.find_all(exp.Select):
        own = scope(select)
        if lacking := set(own) - set(tables):
            yield f"no table {sorted(lacking)}"
            return
        for column in (one for one in select.find_all(exp.Column) if one.parent_select is select):
            if column.table not in (*own, "") or (not column.table and len(own) > 1):
                yield f"{column.sql()} is of no table that is read"
            elif column.name not in tables[column.table or own[0]].columns:
                yield f"no column {column.sql()}"
        for join in select.args.get("joins") or ():
            ends = [(side.table, side.name) for side in (join.args["on"].this, join.args["on"].expression)]
            if not any(tables[t].references.get(c) == other for (t, c), other in (ends, ends[::-1])):
                yield f"{join.sql()} joins along no reference"
    for inside in (one for one in tree.find_all(exp.In) if one.args.get("query")):
        inner = inside.args["query"].this
        target = tables[scope(inner)[0]].references.get(inner.expressions[0].name)
        if target != (scope(inside.parent_select)[0], inside.this.name):
            yield f"{inside.sql()} looks along no reference"


def runs(answer: str, tables: dict[str, TableText], rows: dict[str, Any]) -> Iterator[str]:
    """An error of plain sqlite on the row's own database."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for name, table in tables.items():
            connection.execute(f'CREATE TABLE "{name}" ({", ".join(f"{c} {t}" for c, t in table.columns.items())})')
            marks = ", ".join("?" * len(table.columns))
            connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows[name])
        try:
            connection.execute(answer).fetchall()
        except sqlite3.Error as error:
            yield f"sqlite: {error}"


def literals(tree: exp.Expression) -> list[str]:
    """The values of a query as a person says them."""
    found = [one.this for one in tree.find_all(exp.Literal) if one.this != "%Y"]
    if isinstance(tree.args.get("limit"), exp.Limit) and tree.args["limit"].expression.this == "1":
        found.remove("1")
    return [value.removesuffix("%") for value in found]


def values(tree: exp.Expression, question: str) -> Iterator[str]:
    """Values of the query that the question does not say, and numbers, days and quoted texts of it that the query lacks."""
    wanted = literals(tree)
    said = re.findall(r"'([^']+)'|(?<![\w.-])(\d{4}-\d\d-\d\d|\d+(?:\.\d+)?)(?![\w-])", question.replace("'s ", " "))
    for value in wanted:
        if not re.search(rf"(?<![\w.-]){re.escape(value)}(?![\w-]|\.\d)", question):
            yield f"the question does not say {value}"
    yield from (f"the query lacks {text or number}" for text, number in said if (text or number) not in wanted)


def plural(noun: str) -> str:
    """The plural of a noun, as far as the families need it."""
    head, space, last = noun.rpartition(" ")
    irregular = {"person": "people", "child": "children", "man": "men", "woman": "women"}
    if last in irregular:
        return head + space + irregular[last]
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(s|x|z|ch|sh)$", noun) else "s")


def compared(clause: str) -> type[exp.Expression] | None:
    """The comparison that a clause speaks of; none where it is denied besides: `not at least` is no comparison we know."""
    for kind, words in COMPARED:
        if found := re.search(rf"\b({words})\b" if words else "", clause):
            rest = clause[: found.start()] + clause[found.end() :]
            return None if re.search(r"\b(not|never|unlike|besides|other than)\b", rest) else kind
    return None


def has(words: str, text: str) -> bool:
    """Whether the text holds one of the words."""
    return bool(re.search(rf"\b({words})\b", text))


class Words:
    """The words of a question against its query: names and values become marks, then small tables of words decide.

    In `text` a mark is V, C or T (value, column, table or role) and its number, as in `C12#`; `marks` holds what it was.
    """

    def __init__(self, tree: exp.Expression, question: str, tables: list[dict[str, Any]]) -> None:
        self.tree, self.marks = tree, []
        for sign, said in SIGNS.items():
            question = question.replace(f" {sign} ", f" {said} ")
        self.nouns = {table["name"]: {table["label"], table["synonym"]} for table in tables}
        self.columns = {(t["name"], c["name"]): c for t in tables for c in t["columns"]}
        kinds: dict[str, tuple[str, str]] = {}
        for column in self.columns.values():
            if column["kind"] == "reference":
                kinds |= dict.fromkeys((column["label"], plural(column["label"])), ("T", column["label"]))
        for word in (word for words in self.nouns.values() for word in words):
            kinds |= dict.fromkeys((word, plural(word)), ("T", word))
        for column in self.columns.values():
            if column["kind"] not in ("id", "reference"):
                kinds |= {word: ("C", word) for word in {column["label"], column["synonym"]}}
        for value in literals(tree):
            kinds |= dict.fromkeys((value, f"'{value}'"), ("V", value))
        forms = "|".join(re.escape(form) for form in sorted(kinds, key=len, reverse=True))
        self.text = re.sub(
            rf"(?<![\w.-])(?:{forms})(?![\w-]|\.\d)", lambda match: self.mark(*kinds[match[0]]), question
        )

    def mark(self, kind: str, word: str) -> str:
        """A new mark."""
        self.marks.append(word)
        return f"{kind}{len(self.marks) - 1}#"

    def found(self, kind: str, words: set[str]) -> list[re.Match[str]]:
        """The marks of a kind that stand for one of the words."""
        return [match for match in re.finditer(rf"\b{kind}(\d+)#", self.text) if self.marks[int(match[1])] in words]

    def clause(self, mark: re.Match[str]) -> str:
        """The words around a mark, from what begins its condition to what begins the next; marks without numbers."""
        before = [match.start() for match in re.finditer(rf"\b({STARTS})\b", self.text[: mark.start()])]
        after = re.search(rf"\b({STARTS}|{EXCEPT}|that are not the)\b|[.?,;:]", self.text[mark.end() :])
        return self.text[before[-1] if before else 0 : mark.end() + after.start() if after else len(self.text)]

    def called(self, column: exp.Column) -> set[str]:
        """What people call a column of the query."""
        table = column.table or scope(column.parent_select)[0]
        drawn = self.columns[table, column.name]
        return {drawn["label"], drawn["synonym"]}

    def faults(self) -> Iterator[str]:
        """What the question says otherwise than the query."""
        yield from self.things()
        yield from self.comparisons()
        yield from self.counted()
        yield from self.ordered()
        yield from self.nested()
        yield from self.combined()
        yield from self.denials()

    def things(self) -> Iterator[str]:
        """Columns, tables and roles: the query's are in the question and no others are."""
        drawn = {
            one: self.columns[one.table or scope(one.parent_select)[0], one.name]
            for one in self.tree.find_all(exp.Column)
        }
        plain = [{c["label"], c["synonym"]} for c in drawn.values() if c["kind"] not in ("id", "reference")]
        yield from (f"column {sorted(words)} is not said" for words in plain if not self.found("C", words))
        own = {table.name for table in self.tree.find_all(exp.Table)}
        roles = {c["label"]: c["target"] for c in drawn.values() if c["kind"] == "reference"}
        for role, target in roles.items():
            if role not in self.nouns[target] and not self.found("T", {role}):
                yield f"the role {role} is not said"
        for name in own:
            if not self.found("T", self.nouns[name] | {role for role, target in roles.items() if target == name}):
                yield f"table {name} is not said"
        known = set().union(HOMONYMS, roles, *plain, *(self.nouns[name] for name in own), literals(self.tree))
        yield from (f"{word} is said without need" for word in self.marks if word not in known)

    def comparisons(self) -> Iterator[str]:
        """Each condition's column, value and comparison stand in one clause; AND and OR are said."""
        for node in self.tree.find_all(
            exp.GT, exp.LT, exp.GTE, exp.LTE, exp.EQ, exp.NEQ, exp.Like, exp.Between, exp.In
        ):
            value, column = node.find(exp.Literal), node.this.find(exp.Column)
            if isinstance(node.this, exp.Count | exp.Avg):
                yield from self.having(node)
            elif value and column and not node.find(exp.Select):
                value = next(one for one in node.find_all(exp.Literal) if one.this != "%Y")
                kind = exp.EQ if isinstance(node, exp.In) else type(node)
                clauses = [self.clause(mark) for mark in self.found("V", {value.this.removesuffix("%")})]
                if not any(compared(bare(one)) is kind and self.speaks_of(one, column) for one in clauses):
                    yield f"{node.sql()} is not what the question says: {clauses}"
        for node in self.tree.find_all(exp.Is):
            known = isinstance(node.parent, exp.Not)
            clauses = [bare(self.clause(mark)) for mark in self.found("C", self.called(node.this))]
            if not any(has(PRESENT if known else MISSING, one) and has(MISSING, one) != known for one in clauses):
                yield f"{node.parent.sql()} is not what the question says: {clauses}"
        for where in self.tree.find_all(exp.Where):
            said = set(re.findall(rf" (and|or) (?={STARTS})", self.text))
            if isinstance(where.this, exp.And | exp.Or) and said != {where.this.key}:
                yield f"the conditions are joined by {where.this.key}, the question says {said}"

    def speaks_of(self, clause: str, column: exp.Column) -> bool:
        """Whether a clause names the column."""
        return any(self.marks[int(number)] in self.called(column) for number in re.findall(r"\bC(\d+)#", clause))

    def having(self, node: exp.Expression) -> Iterator[str]:
        """The comparison of a group's count or average stands right before its number."""
        marks = self.found("V", {node.expression.this})
        if not any(compared(bare(self.text[max(0, mark.start() - 22) : mark.end()])) is type(node) for mark in marks):
            yield f"{node.sql()} is not what the question says"

    def counted(self) -> Iterator[str]:
        """Aggregates and DISTINCT are said, and not said where there are none."""
        chosen = {
            type(one)
            for item in self.tree.find_all(exp.Select)
            for e in item.expressions
            for one in e.find_all(exp.AggFunc)
        }
        used = {type(one) for one in self.tree.find_all(exp.AggFunc)}
        yield from (f"{kind.key} is not said" for kind in chosen if not has(AGGREGATES[kind], self.text.lower()))
        yield from (
            f"{kind.key} is said without need"
            for kind, words in ALIEN.items()
            if kind not in used and has(words, self.text.lower())
        )
        once = bool(self.tree.find(exp.Distinct, exp.Union, exp.Intersect, exp.Except, exp.Group))
        if has(ONCE, self.text.lower()) and not once:
            yield "the question wants no repeats"
        if self.tree.find(exp.Distinct) and not has(ONCE, self.text.lower()):
            yield "the question does not say that repeats go"

    def ordered(self) -> Iterator[str]:
        """The direction of an order, of a limit, of a smallest or largest is said, and not the other one."""
        order, limit = self.tree.args.get("order"), self.tree.args.get("limit")
        small, big = has(AGGREGATES[exp.Min], self.text), has(AGGREGATES[exp.Max], self.text)
        if order and not limit:
            down = bool(order.expressions[0].args.get("desc"))
            if (has(UP, self.text), has(DOWN, self.text)) != (not down, down):
                yield f"the order is {'down' if down else 'up'}, the question says otherwise"
        elif order or self.tree.find(exp.Min, exp.Max):
            most = bool(order.expressions[0].args.get("desc")) if order else bool(self.tree.find(exp.Max))
            if (small, big) != (not most, most):
                yield f"the query wants the {'largest' if most else 'smallest'}, the question says otherwise"
        elif small or big:
            yield "the question wants a smallest or largest"

    def nested(self) -> Iterator[str]:
        """A subquery over references: whether there are some or none; over an average: above or below it."""
        for node in self.tree.find_all(exp.In):
            if node.args.get("query"):
                inner = scope(node.args["query"].this)[0]
                if not (said := self.found("T", self.nouns[inner])):
                    yield f"{inner} is not named"
                    continue
                kids = said[0]
                before = [
                    m.end() for m in self.found("T", self.nouns[scope(node.parent_select)[0]]) if m.end() < kids.start()
                ]
                between = self.text[before[-1] if before else 0 : kids.start()]
                if has(NONE, between) != isinstance(node.parent, exp.Not):
                    yield f"some or none: the question says {between}"
        for node in self.tree.find_all(exp.GT, exp.LT):
            said = re.search(r"(.{0,25})\b(average|mean)\b", self.text)
            if node.find(exp.Select) and not (said and compared(bare(said[1])) is type(node)):
                yield f"{node.sql()} is not what the question says"

    def denials(self) -> Iterator[str]:
        """No is said no more often outside the conditions than the query has reasons for it."""
        rest = self.text
        empty = [mark for node in self.tree.find_all(exp.Is) for mark in self.found("C", self.called(node.this))]
        for mark in [*re.finditer(r"\bV(\d+)#", self.text), *empty]:
            clause = self.clause(mark)
            rest = rest.replace(clause, " ") if re.match(STARTS, clause) else rest
        reasons = sum(isinstance(one.parent, exp.Not) for one in self.tree.find_all(exp.In))
        reasons += (
            bool(self.tree.find(exp.Having))
            + 2 * bool(self.tree.find(exp.Except))
            + bool(self.tree.find(exp.Distinct, exp.Union, exp.Intersect))
        )
        if len(re.findall(r"\b(?:not|no|never|none|nor|without|lack)\b|n't\b", rest)) > reasons:
            yield "the question denies without need"

    def combined(self) -> Iterator[str]:
        """Which of union, intersection and difference the question asks for."""
        if isinstance(self.tree, exp.SetOperation):
            text = bare(self.text)
            said = exp.Except if has(EXCEPT, text) else exp.Intersect if has(SHARED, text) else exp.Union
            if not isinstance(self.tree, said):
                yield f"a {self.tree.key}, the question asks for a {said.key}"


def bare(text: str) -> str:
    """A text with its marks down to their letters."""
    return re.sub(r"\b([CTV])\d+#", r"\1", text)
