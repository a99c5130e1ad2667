"""Whether queries are right: their rows agree with the gold's on every database that can tell.

Where the gold itself depends on the physical order of rows (a tie at its LIMIT) a database says nothing and is left out.
Order counts where the gold orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from factory.records import Score
from factory.sandbox import Answers, Database, Refused, Result, Row, shared


def compare(gold: str, databases: Sequence[Database], answers: Sequence[str], tied: bool = True) -> list[Score]:
    """Scores of answers against a gold query over any databases; `tied` off where the gold cannot depend on row order.

    Of the drawn golds only those with an order or a limit can, and turning the others took a fifth of the time.
    """
    return agreement(shared().run(databases, [gold, *answers], turned=tied), "order by" in gold.lower())


def agreement(found: Sequence[Answers], ordered: bool) -> list[Score]:
    """Scores of all queries but the first, which is the gold, from what they returned on each database."""
    telling = [(number, one) for number, one in enumerate(found) if stable(one, ordered)]
    answers = len(found[0].forward) - 1
    if not telling:
        return [Score(0.0, f"the gold cannot be told: {reason(found[0].forward[0])}")] * answers
    return [
        score([(number, one.forward[0], one.forward[i + 1]) for number, one in telling], ordered)
        for i in range(answers)
    ]


def stable(one: Answers, ordered: bool) -> bool:
    """Whether the gold ran and gives the same rows when the physical order of the tables is reversed."""
    gold = one.forward[0]
    return not isinstance(gold, Refused) and agree(gold, one.reverse, ordered)


def score(pairs: list[tuple[int, list[Row], Result]], ordered: bool) -> Score:
    """1 where gold and answer agree everywhere, else 0 and where they first do not."""
    for number, gold, answer in pairs:
        if isinstance(answer, Refused):
            return Score(0.0, f"refused: {answer.reason}")
        if not agree(gold, answer, ordered):
            return Score(0.0, f"wrong rows on copy {number}" if number else "wrong rows")
    return Score(1.0)


def reason(result: Result) -> str:
    """Why a gold cannot be told."""
    return result.reason if isinstance(result, Refused) else "its rows depend on the order of the table"


def agree(gold: Result, answer: Result, ordered: bool) -> bool:
    """Whether two results hold the same rows, in the same order if that counts; broken numbers to six digits."""
    if isinstance(answer, Refused) or isinstance(gold, Refused) or len(gold) != len(answer):
        return False
    left, right = ([tuple(map(plain, row)) for row in rows] for rows in (gold, answer))
    return left == right if ordered else sorted(left, key=repr) == sorted(right, key=repr)


def plain(cell: Any) -> Any:
    """A cell as it is compared: a broken number by six significant digits, a whole one exactly, 3.0 as 3."""
    if not isinstance(cell, float):
        return cell
    rounded = float(f"{cell:.6g}")
    return int(rounded) if rounded.is_integer() else rounded
