"""What a judge said of all pairs, and what that is worth: the figures of a trial, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from factory.config import PairJudge
from factory.errors import DataMistake
from factory.judging.asking import Orders
from factory.judging.figures import (
    UNDECIDED,
    WORDS,
    Agreement,
    How,
    agreement,
    at_equal_length,
    decided,
    longer,
    position,
    silent,
    win_rate,
)
from factory.judging.sides import Pair
from factory.teachers import Failed

VERIFIER, PLANTED, PEOPLE = "verifier", "planted", "people"
"""Who knows which answer is better: the scores of these answers, those of right beside planted wrong ones, labels."""
Judged = tuple[Pair, Orders]


def worth(
    ours: Sequence[Judged], planted: Sequence[Judged], labels: Mapping[str, str], judge: PairJudge, seed: int
) -> dict[str, Any]:
    """All figures, over the pairs with a verdict in both orders. DataMistake where none has.

    Where the judge says nothing there is no win rate.
    """
    how = (judge.bootstrap, judge.confidence, seed)
    whole, sure = ([one for one in some if answered(one[1])] for some in (ours, planted))
    apart = [one for one in whole if one[0].a != one[0].b]
    if not apart:
        why = next(one.reason for _, orders in ours for one in orders if isinstance(one, Failed))
        raise DataMistake(
            f"judge.model={judge.model}", f"no verdict on any pair: {why}", "see judge.max_tokens, the rubric"
        )
    agreements = {
        VERIFIER: agreed(apart, how),
        PLANTED: agreed(sure, how),
        PEOPLE: agreed([one for one in apart if one[0].id in labels], how, labels),
    }
    known = {name: one for name, one in agreements.items() if one}
    reasons = silent(known, judge.least)
    failed = Counter(one.reason for _, orders in (*ours, *planted) for one in orders if isinstance(one, Failed))
    return {
        "rows": len(ours),
        "families": len({pair.family for pair, _ in ours}),
        "asked": sum(pair.a != pair.b for pair, _ in ours),
        "same_text": sum(pair.a == pair.b for pair, _ in ours),
        "no_verdict": len(ours) - len(whole),
        "planted": {"pairs": len(planted), "no_verdict": len(planted) - len(sure)},
        "failed": dict(failed.most_common()),
        "agreement": {name: asdict(one) | {"lacks": one.lacks(judge.least)} for name, one in known.items()},
        "least": judge.least,
        "says_nothing": reasons,
        **verdicts(whole, not reasons, how),
        **habits(apart, how),
    }


def verdicts(whole: Sequence[Judged], evidence: bool, how: How) -> dict[str, Any]:
    """How often which verdict came, and the win rate as it is and at equal length, where it is evidence."""
    words, families = [decided(orders) for _, orders in whole], [pair.family for pair, _ in whole]
    rates = (
        {
            "win_rate": asdict(win_rate(words, families, how)),
            "at_equal_length": asdict(at_equal_length(words, [pair.lengths for pair, _ in whole], families, how)),
        }
        if evidence
        else {"win_rate": None, "at_equal_length": None}
    )
    return {"evidence": evidence, "verdicts": {word: words.count(word) for word in (*WORDS, UNDECIDED)}, **rates}


def habits(apart: Sequence[Judged], how: How) -> dict[str, Any]:
    """What a judge leans to whatever the answers say: a place, the longer one."""
    families, said = [pair.family for pair, _ in apart], [orders for _, orders in apart]
    placed = position(said, families, how)
    sized = longer([decided(orders) for orders in said], [pair.lengths for pair, _ in apart], families, how)
    return {
        "position": asdict(placed) | {"leans": placed.leans},
        "longer": asdict(sized),
    }


def answered(orders: Orders) -> bool:
    """Whether there is a verdict in both orders."""
    return not any(isinstance(one, Failed) for one in orders)


def agreed(some: Sequence[Judged], how: How, labels: Mapping[str, str] | None = None) -> Agreement | None:
    """With what is known of the pairs, or with labels of them; None where there are no pairs."""
    known = [labels[pair.id] if labels else pair.known for pair, _ in some]
    said = [decided(orders) for _, orders in some]
    return agreement(known, said, [pair.family for pair, _ in some], how) if some else None
