"""The verifier's databases for a gold that we did not draw: its own, perturbed copies, and more where a mutant survives."""

from __future__ import annotations

from collections.abc import Container

from factory.agreement import agreement, stable
from factory.sandbox import Database, shared
from factory.suites.copies import copies
from factory.suites.mutants import corrupt

COPIES, MORE = 10, 60
"""Copies made for every gold, and those tried where mutants survive them."""


def telling(database: Database, gold: str, unless: Container[str] = ()) -> list[Database]:
    """The database, its copies, and of more copies each that tells from the gold a mutant which survives all before it.

    Mutants of a kind in `unless` are not made: who judges by mutants of a kind holds it out.
    """
    ordered = "order by" in gold.lower()
    kept = [database, *copies(database, gold, COPIES)]
    mutants = [sql for kind, sql in corrupt(gold, database) if kind not in unless]
    scores = agreement(shared().run(kept, [gold, *mutants]), ordered)
    alive = [mutant for mutant, score in zip(mutants, scores, strict=True) if score.value == 1]
    more = list(copies(database, gold, MORE, salt="more")) if alive else []
    left = set(alive)
    for copy, found in zip(more, shared().run(more, [gold, *alive]), strict=True):
        scores = agreement([found], ordered)
        told = {mutant for mutant, score in zip(alive, scores, strict=True) if score.value < 1}
        if stable(found, ordered) and told & left:
            kept.append(copy)
            left -= told
    return kept
