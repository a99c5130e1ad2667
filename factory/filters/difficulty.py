"""Drops rows whose prompt does not help the base to their answer: instruction-following difficulty (IFD, Li et al. 2023).

IFD = ppl(answer | prompt) / ppl(answer), a ratio of perplexities; where it is above 1, so is the paper's ratio of losses. Both
are read under the base as it is configured, over the tokens that training would train: answer and stop. Without the prompt
the same turns are there with nothing said in them.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cached_property
from itertools import chain
from typing import Any

from factory import config, models
from factory.chat import Tokens, encode
from factory.filters import Equipped, Say
from factory.records import Example, Verdict
from factory.store import asked_for, digest
from factory.teachers.replies import Replies, of

WINDOW = 4096
"""Rows whose tokens are held at once, and sorted by length into batches."""
MEASURE = "mean loss of the trained tokens"
"""What is kept of a batch, under that name: another measure needs another."""


def sources(asked: config.Config) -> dict[str, Any]:
    """What scores: weights, tokenizer, and how the weights are held."""
    return {
        "weights": models.weights_source(asked.base),
        "tokenizer": models.tokenizer_source(asked.base),
        "base": asked.base.weights,
    }


def check(examples: Sequence[Example], settings: Equipped, exam: Sequence[Example], say: Say) -> dict[str, Verdict]:
    """Rows with an IFD of `above` or more, or below `below`, with it. Rows over `max_length` are not judged: their tokens."""
    verdicts, found = {}, []
    with closing(of(settings.runtime)) as kept:
        scorer = Scorer(settings, kept)
        windows = (examples[start : start + WINDOW] for start in range(0, len(examples), WINDOW))
        for done, (row, value) in enumerate(chain.from_iterable(map(scorer.scored, windows)), 1):
            if isinstance(value, Verdict):
                verdicts[row] = value
            else:
                found.append(value)
                if verdict := judged(value, settings.settings):
                    verdicts[row] = verdict
            say("difficulty: rows scored", done=done, total=len(examples))
    settings.record.update(figures(found))
    return verdicts


def judged(ifd: float, settings: config.Difficulty) -> Verdict | None:
    """The drop that an IFD is worth, if any."""
    if ifd >= settings.above:
        return Verdict.drop("the prompt does not help", short(ifd))
    if settings.below is not None and ifd < settings.below:
        return Verdict.drop("trivial to the base", short(ifd))
    return None


def figures(found: Sequence[float]) -> dict[str, float]:
    """How many rows were scored, and where their IFD lies: what thresholds are chosen by."""
    ranked = sorted(found)
    shares = {f"{share:.0%}": ranked[int(share * (len(ranked) - 1))] for share in (0.05, 0.5, 0.95) if ranked}
    return {"scored": len(ranked)} | {name: short(value) for name, value in shares.items()}


def short(ifd: float) -> float:
    """Four digits of it, because it lies anywhere between none and many."""
    return float(f"{ifd:.4g}")


class Scorer:
    """The base; loaded when the first batch is not found among the kept ones, so that a killed run goes on where it was."""

    def __init__(self, settings: Equipped, kept: Replies) -> None:
        self.settings, self.kept = settings, kept
        self.name = digest(asked_for(settings.sources))
        self.words = models.load_tokenizer(settings.sources["tokenizer"])

    @cached_property
    def model(self) -> Any:
        """The base as it is used."""
        return models.load_base(self.settings.sources["weights"], self.settings.sources["base"], self.settings.runtime)

    def scored(self, rows: Sequence[Example]) -> Iterator[tuple[str, float | Verdict]]:
        """Id and IFD of every row, or why there is none. A batch holds rows of like length, whatever is kept of them."""
        asked, fitting = self.settings.settings, []
        for row in rows:
            tokens = encode(self.words, row.messages, row.answer)
            if len(tokens.ids) > asked.max_length:
                yield row.id, Verdict("failed", f"over {asked.max_length} tokens", len(tokens.ids))
                continue
            alone = encode(self.words, [{**turn, "content": ""} for turn in row.messages], row.answer)
            fitting.append((row.id, tokens, alone))
        fitting.sort(key=lambda one: len(one[1].ids))
        for start in range(0, len(fitting), asked.batch_size):
            ids, told, alone = zip(*fitting[start : start + asked.batch_size], strict=True)
            for row, given, bare in zip(ids, self.losses(told), self.losses(alone), strict=True):
                apart = math.isfinite(given - bare)
                yield row, math.exp(given - bare) if apart else Verdict("failed", "no finite loss")

    def losses(self, batch: Sequence[Tokens]) -> list[float]:
        """The mean loss of every row of a batch, kept or made now."""
        rows = digest([[row.ids, row.labels] for row in batch])
        request = {"model": self.name, "measure": MEASURE, "rows": rows}
        body = self.kept.find(request)
        if body is None:
            start = time.monotonic()
            body = json.dumps(models.losses(self.model, self.words, batch))
            self.kept.keep(request, body, time.monotonic() - start)
        return json.loads(body)
