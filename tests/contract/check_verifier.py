"""The SQL verifier on queries and databases that this project did not write:

python -m tests.contract.check_verifier golds             every gold of every set against itself
python -m tests.contract.check_verifier mutants 1000 50   so many wrong queries, judged on so many fresh databases
"""

from __future__ import annotations

import csv
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby, zip_longest
from pathlib import Path
from random import Random

import sqlglot
from sqlglot import exp

from factory import human
from factory.agreement import compare
from factory.records import Score
from factory.rows import read_jsonl
from factory.sandbox import Database
from factory.suites.copies import copies
from factory.suites.defog import NAMES, built, minimal
from factory.suites.mutants import corrupt
from factory.suites.spider import databases, read
from factory.suites.telling import COPIES, telling

Golds = list[tuple[Database, str]]
VARIANTS = ("spider_syn_dev", "spider_realistic", "spider_dk")
MIRRORED = {exp.GT: exp.LT, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.LTE: exp.GTE, exp.EQ: exp.EQ, exp.NEQ: exp.NEQ}


@dataclass(frozen=True)
class Judged:
    """One wrong query, and whether it gives other rows than the gold by each judge."""

    kind: str
    gold: str
    sql: str
    fresh: bool
    """On one of the fresh databases: only then it is known to be wrong."""
    alone: bool
    """On the gold's own database."""
    copies: bool
    """On that and its copies."""
    held_out: bool
    """With copies added for the mutants of the other kinds."""
    whole: bool
    """With copies added for the mutants of all kinds: the verifier."""


def spider(place: Path) -> Golds:
    """The different golds of Spider's development set, each with its database."""
    return golds(databases(place), read_jsonl(place / "sql/spider/dev.jsonl"))


def others(place: Path, work: Path) -> dict[str, Golds]:
    """By set, the different golds of Spider's variants, of its train split and of defog, each with its database."""
    dev = databases(place)
    found = {name: golds(dev, read_jsonl(place / f"sql/spider-variants/{name}.jsonl")) for name in VARIANTS}
    with tarfile.open(place / "sql/spider/databases_train.tar.xz") as tar:
        tar.extractall(work, filter="data")
    train = {file.stem: read(file) for file in work.rglob("*.sqlite")}
    found["spider train"] = golds(train, read_jsonl(place / "sql/spider/train.jsonl"))
    defog = {name: built((place / f"sql/defog/sqlite_build/{name}.sql").read_text()) for name in NAMES}
    with (place / "sql/defog/questions_gen_sqlite.csv").open() as file:
        rows = [(row["db_name"], query) for row in csv.DictReader(file) for query in minimal(row["query"])]
    return found | {"defog": golds(defog, ({"db_id": db, "query": query} for db, query in rows))}


def golds(found: dict[str, Database], rows: Iterable[dict[str, str]]) -> Golds:
    """The different golds of some rows with their databases."""
    return [(found[db], gold) for db, gold in sorted({(row["db_id"], row["query"]) for row in rows})]


def otherwise(gold: str) -> set[str]:
    """A gold said in other words, which give the same rows on any database."""
    tree = sqlglot.parse_one(gold, dialect="sqlite")

    def mirrored(node: exp.Expression) -> exp.Expression:
        return MIRRORED[type(node)](this=node.expression, expression=node.this) if type(node) in MIRRORED else node

    def exchanged(node: exp.Expression) -> exp.Expression:
        return type(node)(this=node.right, expression=node.left) if isinstance(node, exp.And | exp.Or) else node

    def doubly_denied(node: exp.Expression) -> exp.Expression:
        return exp.Where(this=exp.not_(exp.not_(node.this))) if isinstance(node, exp.Where) else node

    def counted(node: exp.Expression) -> exp.Expression:
        return exp.Literal.number(1) if isinstance(node, exp.Star) and isinstance(node.parent, exp.Count) else node

    said = [tree, *(tree.transform(change) for change in (mirrored, exchanged, doubly_denied, counted))]
    inside = [] if tree.find(exp.Order) else [f"SELECT * FROM ( {tree.sql(dialect='sqlite')} )"]
    return {one.sql(dialect="sqlite") for one in said} | set(inside)


def drawn(pairs: Golds, count: int) -> list[tuple[int, str, str]]:
    """So many mutants that run, of each kind as many as of any other or as there are: gold's number, kind, SQL."""
    by_kind: dict[str, list[tuple[int, str, str]]] = {}
    for number, (database, gold) in enumerate(pairs):
        made = list(corrupt(gold, database))
        scores = compare(gold, [database], [sql for _, sql in made])
        for (kind, sql), score in zip(made, scores, strict=True):
            if not score.reason.startswith("refused"):
                by_kind.setdefault(kind, []).append((number, kind, sql))
    for several in by_kind.values():
        Random(0).shuffle(several)
    turns = chain.from_iterable(zip_longest(*by_kind.values()))
    return sorted([one for one in turns if one][:count])


def judged(pairs: Golds, count: int, fresh: int) -> Iterator[Judged]:
    """So many mutants by so many fresh databases, and by the verifier and less than it."""
    for number, of_gold in groupby(drawn(pairs, count), lambda one: one[0]):
        database, gold = pairs[number]
        fresh_ones = list(copies(database, gold, fresh, salt="fresh"))
        with_copies = [database, *copies(database, gold, COPIES)]
        whole = telling(database, gold)
        for kind, several in groupby(of_gold, lambda one: one[1]):
            wrong = [sql for _, _, sql in several]
            judges = (fresh_ones, [database], with_copies, telling(database, gold, unless={kind}), whole)
            found = [rejected(compare(gold, judge, [gold, *wrong])) for judge in judges]
            for sql, *verdicts in zip(wrong, *found, strict=True):
                if None not in verdicts[0::3]:  # those that cannot be told from a gold that cannot be told
                    yield Judged(kind, gold, sql, *map(bool, verdicts))


def rejected(scores: list[Score]) -> list[bool | None]:
    """Whether each but the first, which is the gold, is told from it; None where the gold itself cannot be told."""
    return [score.value < 1 if scores[0].value == 1 else None for score in scores[1:]]


def show_golds(place: Path, work: Path) -> int:
    """Every gold, and what says the same in other words, against the gold; the number of those that are not accepted."""
    wrong = 0
    for name, pairs in ({"spider dev": spider(place)} | others(place, work)).items():
        fates = Counter()
        for database, gold in pairs:
            fate, *said = compare(gold, [database, *copies(database, gold, COPIES)], [gold, *otherwise(gold)])
            fates[fate.reason or "accepted"] += 1
            wrong += fate.value < 1 and not fate.reason.startswith("the gold cannot")
            if fate.value == 1:
                fates["in other words"] += len(said)
                for one in said:
                    fates[f"in other words: {one.reason}"] += one.value < 1
        print(f"{name}: {len(pairs)} golds")
        print("\n".join(f"  {n:5} {fate}" for fate, n in fates.most_common() if n))
    return wrong


def show_mutants(found: list[Judged], fresh: int) -> float:
    """The table by kind, those that are wrongly accepted, and the share that is rejected."""
    columns = ("alone", "copies", "held_out", "whole")
    print(
        f"| kind | drawn | differ on one of {fresh} | own database | and {COPIES} copies | other kinds killed | all killed |"
    )
    print("|---|---|---|---|---|---|---|")
    for kind in [*dict.fromkeys(one.kind for one in found), "all"]:
        own = [one for one in found if kind in (one.kind, "all")]
        wrong = [one for one in own if one.fresh]
        shares = [f"{sum(getattr(one, column) for one in wrong) / max(len(wrong), 1):.1%}" for column in columns]
        print("|", " | ".join([kind, str(len(own)), str(len(wrong)), *shares]), "|")
    for one in found:
        if one.fresh and not one.held_out:
            print(f"accepted{'' if one.whole else ' twice'}, {one.kind}:\n  {one.gold}\n  {one.sql}")
    return sum(one.held_out for one in found if one.fresh) / sum(one.fresh for one in found)


def main(words: list[str]) -> int:
    """Prints one of the two; 1 where a gold is not accepted, or under 99 % of the wrong queries are rejected."""
    place = human.folder()
    if place is None or not words:
        print(__doc__ if place else "no evaluation sets: set FACTORY_EVAL_DATA")
        return 2
    with tempfile.TemporaryDirectory() as work:
        if words[0] == "golds":
            return int(show_golds(place, Path(work)) > 0)
        count, fresh = map(int, words[1:])
        return int(show_mutants(list(judged(spider(place), count, fresh)), fresh) < 0.99)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
