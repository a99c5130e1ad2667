"""The question to a judge, and what is taken for an answer.

The two answers are told apart by ids that say nothing of whose they are; in the other order they have other ids. Texts go
as JSON data. Who asks what does not count: the same two answers in the same order are one question, paid once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from factory.config import PairJudge, Runtime
from factory.judging.figures import TIE, A, B
from factory.judging.sides import Pair
from factory.records import Message, stream_id
from factory.store import Events
from factory.teachers import Failed, Teacher, answered
from factory.teachers.endpoint import Endpoint
from factory.teachers.replies import of
from factory.teachers.rubric import as_data

WAVE = 64
"""Questions that are out before it is looked whether to go on, at most."""
PLACE = "{pair}"
Orders = tuple[str | Failed, str | Failed]
"""What is said of a pair with A told first and with B told first: A, B, tie, or why nothing."""


@dataclass(frozen=True)
class Question:
    """Two answers to a row in the order in which they are told."""

    row: str
    prompt: str
    first: str
    second: str

    @property
    def ids(self) -> tuple[str, str]:
        """Of the first and the second answer."""
        one, other = (stream_id("answer", self.row, self.first, self.second, place)[:8] for place in (1, 2))
        return one, other

    @property
    def seed(self) -> int:
        """For the server's sampling."""
        return int(stream_id("seed", self.row, self.first, self.second)[:8], 16)

    def messages(self, rubric: str) -> list[Message]:
        """As the judge reads it."""
        told = [{"id": name, "answer": text} for name, text in zip(self.ids, (self.first, self.second), strict=True)]
        return [{"role": "user", "content": rubric.replace(PLACE, as_data({"prompt": self.prompt, "answers": told}))}]

    def schema(self) -> dict[str, Any]:
        """Of what may be answered: one of the ids, or tie."""
        return {
            "type": "object",
            "properties": {"better": {"type": "string", "enum": [*self.ids, TIE]}},
            "required": ["better"],
            "additionalProperties": False,
        }


def both(pair: Pair) -> tuple[Question, Question]:
    """The questions about a pair: A told first, and B told first."""
    about = partial(Question, pair.id, pair.prompt)
    return about(pair.a, pair.b), about(pair.b, pair.a)


def questions(pairs: Iterable[Pair]) -> list[Question]:
    """What is asked of these pairs, each once; nothing of two answers that are the same text."""
    return list(dict.fromkeys(one for pair in pairs if pair.a != pair.b for one in both(pair)))


def judged(
    pairs: Sequence[Pair], judge: PairJudge, rubric: str, runtime: Runtime, events: Events
) -> tuple[list[Orders], dict[str, Any]]:
    """What is said of every pair in both orders (of one text twice: a tie), and the ledger of calls."""
    every, said = questions(pairs), {}
    with closing(of(runtime)) as kept:
        teacher = Endpoint(judge, runtime.calls, kept, where="judge")
        for start in range(0, len(every), WAVE):
            wave = every[start : start + WAVE]
            found = asyncio.run(answered(teacher, [better(teacher, one, rubric) for one in wave]))
            said |= dict(zip(wave, found, strict=True))
            events("judged", done=len(said), total=len(every))
        costs = teacher.costs()
    return [told(pair, said) for pair in pairs], costs


async def better(teacher: Teacher, one: Question, rubric: str) -> str | Failed:
    """Which answer of a question is better: its id, or tie; or why there is no verdict."""
    said = await teacher.ask(one.messages(rubric), one.schema(), one.seed)
    return said if isinstance(said, Failed) else str(said["better"])


def told(pair: Pair, said: dict[Question, str | Failed]) -> Orders:
    """The verdicts on a pair, by side."""
    if pair.a == pair.b:
        return TIE, TIE
    a_first, b_first = both(pair)
    return named(said[a_first], a_first.ids, (A, B)), named(said[b_first], b_first.ids, (B, A))


def named(said: str | Failed, ids: tuple[str, str], sides: tuple[str, str]) -> str | Failed:
    """A verdict by id as one by side."""
    return said if isinstance(said, Failed) else dict(zip((*ids, TIE), (*sides, TIE), strict=True))[said]


def size(every: Sequence[Question], rubric: str) -> int:
    """Characters of all that is asked."""
    return sum(len(one.messages(rubric)[0]["content"]) for one in every)
