"""The rows of a training in the order they are trained on, all of it before the first step.

It hangs on the seed and the rows alone. transformers' samplers draw from torch's global stream, which a resumed training
meets in another state (measured: other bytes from every checkpoint past the first epoch); and one order for all steps
makes 1 x 8, 2 x 4 and 8 x 1 rows the same training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

from factory.config import Curriculum, Train
from factory.errors import DataMistake


@dataclass(frozen=True)
class Row:
    """What the order looks at: how long a row is, whether it is there against forgetting, its level where that counts."""

    tokens: int
    replay: bool = False
    level: str = ""


def order(rows: Sequence[Row], train: Train, seed: int, steps: int) -> list[int]:
    """The places of the rows, `train.rows_per_step` for each of `steps` steps; DataMistake where a level is unknown."""
    own = [place for place, row in enumerate(rows) if not row.replay]
    replayed = [place for place, row in enumerate(rows) if row.replay]
    wanted = steps * train.rows_per_step
    share = train.replay.share if train.replay and replayed else 0.0
    others = [int((place + 1) * share) > int(place * share) for place in range(wanted)]
    phases = phased(rows, own, train.curriculum, wanted - sum(others), seed)
    parts = ((drawn(rows, pool, train, seed, number), most) for number, (pool, most) in enumerate(phases))
    first = (place for places, most in parts for place in islice(places, most))
    second = drawn(rows, replayed, train, seed, len(phases)) if replayed else iter(())
    return [next(second if other else first) for other in others]


def drawn(rows: Sequence[Row], pool: Sequence[int], train: Train, seed: int, stream: int) -> Iterator[int]:
    """The places of a pool, shuffled anew in every epoch; rows of like length together where that is asked for."""
    import torch
    from transformers.trainer_pt_utils import get_length_grouped_indices

    lengths, epoch = [rows[place].tokens for place in pool], 0
    while True:
        shuffled = torch.Generator().manual_seed(seed * 1_000_003 + epoch + stream * 7_368_787)
        if train.group_by_length:
            places = get_length_grouped_indices(lengths, train.rows_per_step, generator=shuffled)
        else:
            places = torch.randperm(len(pool), generator=shuffled).tolist()
        yield from (pool[place] for place in places)
        epoch += 1


def phased(
    rows: Sequence[Row], own: list[int], curriculum: Curriculum | None, wanted: int, seed: int
) -> list[tuple[list[int], int]]:
    """The pools of rows and how many are taken of each, one after another."""
    if curriculum is None:
        return [(own, wanted)]
    known = {level: number for number, level in enumerate(curriculum.levels)}
    if strange := sorted({rows[place].level for place in own} - set(known)):
        raise DataMistake(
            f"train.curriculum.levels={list(known)}",
            f"rows have the level {strange[0]!r}" if strange[0] else f"rows have no tag {curriculum.tag!r}",
            "name every level there is",
        )
    early = Random(f"curriculum {seed}")
    joins = {place: 0 if early.random() < curriculum.mixed else known[rows[place].level] for place in own}
    pools = [[place for place in own if joins[place] <= phase] for phase in range(len(known))]
    edges = [round(wanted * phase / len(known)) for phase in range(len(known) + 1)]
    parts = [(pool, edges[phase + 1] - edges[phase]) for phase, pool in enumerate(pools) if pool]
    missing = wanted - sum(most for _, most in parts)  # no row is of the first levels
    return [(parts[0][0], parts[0][1] + missing), *parts[1:]]
