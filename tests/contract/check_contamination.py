"""How many exam rows the contamination filter finds in disguise, and how many honest rows it drops (docs/decisions/filters.md):

python tests/contract/check_contamination.py 3000
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from factory.config import Contamination, load
from factory.filters import contamination
from factory.records import Example
from factory.rows import read_exam
from factory.specialist import Inapplicable, Specialist, find
from factory.specialists.sql.families import words
from factory.text import random_word

TEXTS = (
    "verbatim",
    "another case",
    "other punctuation",
    "1 word in 20",
    "1 word in 10",
    "inside four times as many words",
)
STATES = ("told again", "told again, held-out phrases", "all names changed", "names, order and values changed")
HARD = ("told again, no state", "told again, one fact less")
"""Disguises that something of is expected to get through."""
TERMS = {
    "sql": {"name", "label", "synonym"},
    "medical": {"name", "illness", "assessment", "plan", "allergies"},
}
"""The keys of a state under which its names stand."""


def planted(task: Specialist, kind: str) -> Iterator[Example]:
    """The exam's rows in a disguise, under another family's name; those that can be told so.

    Disguises of the text have no state, like rows from outside; the others have the state that they are told from.
    """
    rng = Random(kind)
    for row in read_exam(task.exam):
        if kind.startswith(("told", "all", "names")):
            with suppress(Inapplicable):
                state = changed(task, kind, row.state, rng)
                told = task.render(state, rng, kind.endswith("phrases"))
                plain = None if kind.endswith("no state") else state.model_dump(mode="json")
                yield Example(row.id, told.messages, told.answer, plain, "elsewhere")
        else:
            prompt = {"role": "user", "content": edited(kind, row.prompt, rng)}
            yield Example(row.id, (prompt,), row.answer, None, "elsewhere")


def edited(kind: str, text: str, rng: Random) -> str:
    """A text in another case, with other punctuation, with one word in twenty or ten changed, or with others around it."""
    if kind == "another case":
        return "".join(rng.choice((one.upper(), one.lower())) for one in text)
    if kind == "other punctuation":
        return re.sub(r"[?.,;:!]", lambda _: rng.choice(["", "!", ";", " .", "..."]), text).replace(" ", "  ")
    parts = text.split(" ")
    if kind.startswith("inside"):
        return " ".join([*(random_word(rng) for _ in range(3 * len(text.split()))), text])
    changes = 0 if kind == "verbatim" else max(1, len(parts) // int(kind.split()[-1]))
    for _ in range(changes):
        parts[rng.randrange(len(parts))] = random_word(rng)
    return " ".join(parts)


def changed(task: Specialist, kind: str, plain: dict[str, Any], rng: Random) -> Any:
    """The state as it is, with one fact less, or under other names; Inapplicable where it has no such thing."""
    if kind.endswith("less"):
        return task.state(**less(plain, rng))
    if kind.startswith("told"):
        return task.state(**plain)
    if task.name == "creative":
        if "order" in kind:
            raise Inapplicable("a plan has no order")
        return task.state(**other_plan(plain, rng))
    new = renamed(plain, TERMS[task.name], rng)
    if task.name == "medical":  # What hangs on a term that is known.
        new |= {"lay": [], "traps": [trap for trap in new["traps"] if trap != "misheard"]}
    if "order" in kind:
        new = shuffled(new, rng) if task.name == "medical" else revalued(new, rng)
    return task.state(**new)


def less(plain: dict[str, Any], rng: Random) -> dict[str, Any]:
    """The state without a column that the query does not name, without a fact of the visit, or without a part of the plan."""
    if "database" in plain:
        asked, tables = str(plain["query"]), plain["database"]["tables"]
        spare = [
            (table, column)
            for table in tables
            for column in table["columns"][1:]
            if column["kind"] != "reference" and f"'{column['name']}'" not in asked
        ]
        where, what = chosen(spare, rng)
        left = [
            table | {"columns": [one for one in table["columns"] if one is not what]} if table is where else table
            for table in tables
        ]
        return plain | {"database": plain["database"] | {"tables": left}}
    if "encounter" in plain:
        facts = plain["encounter"]
        part = chosen([name for name, one in facts.items() if one and isinstance(one, list)], rng)
        gone = rng.randrange(len(facts[part]))
        left = facts[part][:gone] + facts[part][gone + 1 :]
        return plain | {"encounter": facts | {part: left}, "slip": None, "traps": []}
    return plain | {chosen([part for part in ("turn", "obstacle", "mood") if plain[part]], rng): ""}


def chosen(things: Sequence[Any], rng: Random) -> Any:
    """One of them; Inapplicable where there is none."""
    if not things:
        raise Inapplicable("nothing can go")
    return rng.choice(things)


def other_plan(plain: dict[str, Any], rng: Random) -> dict[str, Any]:
    """The plan with other people, places and things; the first word of a phrase stays."""

    def person(one: dict[str, str] | None) -> dict[str, str] | None:
        return one and one | {"name": random_word(rng).capitalize(), "kind": one["kind"] and random_word(rng)}

    def thing(phrase: str) -> str:
        return phrase and f"{phrase.split()[0]} {'the ' * (phrase.count(' ') > 1)}{random_word(rng)}"

    things = {name: thing(plain[name]) for name in ("place", "wish", "obstacle", "turn")}
    people = {name: person(plain[name]) for name in ("hero", "friend")}
    return plain | things | people | {"required": [random_word(rng) for _ in plain["required"]]}


def renamed(plain: dict[str, Any], keys: set[str], rng: Random) -> dict[str, Any]:
    """The state with a word or two that mean nothing for every string under the keys, wherever it stands by itself."""
    kept = {"rows", "values", "kind", "vitals"}
    found = sorted({one for one in under(plain, keys, kept) if one not in ("", "none")})
    new = {old: "_".join(random_word(rng) for _ in range(rng.randint(1, 2))) for old in found}
    if len(set(new.values())) < len(new) or set(new.values()) & set(words()["reserved"]):
        raise Inapplicable("two words agree")

    def again(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: one if name in kept else again(one) for name, one in part.items()}
        return [again(one) for one in part] if isinstance(part, list) else new.get(part, part)

    return again(plain)


def under(part: Any, keys: set[str], kept: set[str], key: str = "") -> Iterator[str]:
    """The strings under the keys."""
    if isinstance(part, dict):
        for name, one in part.items():
            if name not in kept:
                yield from under(one, keys, kept, name)
    elif isinstance(part, list):
        for one in part:
            yield from under(one, keys, kept, key)
    elif key in keys and isinstance(part, str):
        yield part


def shuffled(plain: dict[str, Any], rng: Random) -> dict[str, Any]:
    """The visit with the facts of each part in another order."""
    facts = {
        name: rng.sample(one, len(one)) if isinstance(one, list) else one for name, one in plain["encounter"].items()
    }
    return plain | {"encounter": facts}


def revalued(plain: dict[str, Any], rng: Random) -> dict[str, Any]:
    """The row with tables and columns in another order, and other values in the query."""

    def other(part: Any) -> Any:
        if isinstance(part, list):
            return [other(one) for one in part]
        if not isinstance(part, dict):
            return part
        return {name: [moved(v, rng) for v in one] if name == "values" else other(one) for name, one in part.items()}

    tables = [
        table | {"columns": [table["columns"][0], *rng.sample(table["columns"][1:], len(table["columns"]) - 1)]}
        for table in rng.sample(plain["database"]["tables"], len(plain["database"]["tables"]))
    ]
    return plain | {"database": plain["database"] | {"tables": tables}, "query": other(plain["query"])}


def moved(value: Any, rng: Random) -> Any:
    """Another value of the kind."""
    return random_word(rng) if isinstance(value, str) and not value[:1].isdigit() else value


def drawn(task: Specialist, count: int) -> Iterator[Example]:
    """So many training rows as the grammar draws them."""
    settings, index = task.typed(load([f"specialist={task.name}"]).specialist.settings), 0
    while count:
        with suppress(Inapplicable):
            yield task.example(index, 0, settings, "train")
            count -= 1
        index += 1


def dropped(task: Specialist, rows: Sequence[Example], settings: Contamination) -> Counter[str]:
    """How many rows are dropped, by reason."""
    found = contamination.check(rows, settings, read_exam(task.exam), print, task.marked)
    return Counter(verdict.reason for verdict in found.values())


def both(task: Specialist, rows: Sequence[Example]) -> tuple[float, float]:
    """The share of rows that is dropped by words and families alone, and with marks."""
    on = load([]).filter["contamination"]
    by_words, by_all = (dropped(task, rows, on.model_copy(update={"marks": marks})) for marks in (False, True))
    return by_words.total() / len(rows), by_all.total() / len(rows)


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the CPU seconds it took."""
    start = time.process_time()
    return action(), time.process_time() - start


def main(count: int) -> int:
    """Prints the table, by words alone and with marks, and what honest rows lose and cost."""
    tasks = [find(name) for name in ("sql", "medical", "creative")]
    for kind in (*TEXTS, *STATES, *HARD):
        cells = []
        for task in tasks:
            rows = list(planted(task, kind))
            cells.append("{:.1%} -> {:.1%} of {}".format(*both(task, rows), len(rows)) if rows else "-")
        print(f"| {kind} | {' | '.join(cells)} |")
    on = load([]).filter["contamination"]
    for task in tasks:
        rows = list(drawn(task, count))
        for marks in (False, True):
            gone, cost = timed(lambda t=task, r=rows, m=marks: dropped(t, r, on.model_copy(update={"marks": m})))
            print(f"{task.name}, marks {marks}: {dict(gone)} of {count}, {cost / count * 1000:.2f} CPU-s per 1,000")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
