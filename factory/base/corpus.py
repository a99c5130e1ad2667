"""The corpus of the embedded base: conversations of many small worlds, drawn fresh from grammars, never repeated.

A conversation puts several short questions behind one context (a schema, a visit, a story, records), so that most of what
is trained is looking something up, copying it or putting it in other words. `level` (0 to 1) grows the contexts: a small
model learns to copy from small ones first. Everything is drawn from the specialists' training families and their seen
phrases; no lesson is a specialist's own task, and nothing of an exam is in any (the base's card has the overlap).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from factory.base import clinic, general, schemas, tales
from factory.records import Message
from factory.specialist import Inapplicable, stream_id

LESSONS = {**general.LESSONS, **schemas.LESSONS, **clinic.LESSONS, **tales.LESSONS}
"""Name to lesson: (random stream, level) to a context and its questions with their answers."""
FEWEST = 2
"""Questions behind a context: where a lesson finds fewer, another is drawn."""


def conversation(seed: int, index: int, mix: Mapping[str, float], level: float) -> list[Message]:
    """The conversation of one random stream: user and assistant turns, the first user turn with the context."""
    rng = Random(stream_id("corpus", seed, index))
    while True:
        try:
            context, pairs = LESSONS[rng.choices(list(mix), list(mix.values()))[0]](rng, level)
        except Inapplicable:
            continue
        if len(pairs) >= FEWEST:
            return list(turns(context, pairs))


def turns(context: str, pairs: Iterable[tuple[str, str]]) -> Iterable[Message]:
    """Chat messages: the context stands before the first question only."""
    for number, (question, answer) in enumerate(pairs):
        yield {"role": "user", "content": f"{context}\nQuestion: {question}" if number == 0 and context else question}
        yield {"role": "assistant", "content": answer}
