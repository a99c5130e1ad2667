"""The noise floor: the same adapter answers the same rows again, in other batches and on other threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from factory import config, models, pipeline
from factory.rows import read_exam
from factory.specialist import find
from factory.stages.sitting import Answered, Hall, chosen
from factory.store import Events


@dataclass(frozen=True)
class Line:
    """One way to ask: how many answers have another text or another score than as configured, and what the mean moved by."""

    how: str
    rows: int
    texts: int
    scores: int
    moved: float


def noise(asked: config.Config, events: Events) -> Iterator[Line]:
    """The adapter of this configuration, as configured, once more the same, and in every other way of `noise`, one at a time.

    Mistake where the adapter is not made yet.
    """
    models.go_offline(asked.runtime)
    adapter = pipeline.products(asked, "adapter")["adapter"]
    tokenizer, weights = models.tokenizer_source(asked.base), models.weights_source(asked.base)
    contract, words = models.base_contract(weights, tokenizer, asked.adapted), models.load_tokenizer(tokenizer)
    task = find(asked.specialist.name)
    rows = chosen(read_exam(task.exam), asked.noise.rows, asked.seed)
    with models.base_on_loan(weights, asked.adapted, asked.runtime) as bare:
        model = models.attach(bare, adapter.folder / "adapter", contract)

        def answers(how: str, batch: int, threads: int) -> list[Answered]:
            settings = asked.evaluate.model_copy(update={"batch_size": batch})
            with on_threads(threads):
                return Hall(task, rows, words, settings, events).sit(model, how)

        yield from compared(ways(asked), answers)


def ways(asked: config.Config) -> list[tuple[str, int, int]]:
    """What each way is called, the prompts at once and the threads; the first is as configured, the second the same again."""
    batch, threads = asked.evaluate.batch_size, asked.runtime.threads
    usual = f"batches of {batch}, {threads} threads"
    return [
        (usual, batch, threads),
        ("the same again", batch, threads),
        *((f"batches of {other}", other, threads) for other in asked.noise.batches if other != batch),
        *((f"{other} threads", batch, other) for other in asked.noise.threads if other != threads),
    ]


def compared(
    ways: Sequence[tuple[str, int, int]], answers: Callable[[str, int, int], list[Answered]]
) -> Iterator[Line]:
    """The answers of every way beside those of the first."""
    (first, *settings), *others = ways
    usual = answers(first, *settings)
    for how, batch, threads in others:
        other = answers(how, batch, threads)
        pairs = list(zip(usual, other, strict=True))
        gains = [b.score.value - a.score.value for a, b in pairs]
        texts, scores = sum(a.text != b.text for a, b in pairs), sum(gain != 0 for gain in gains)
        yield Line(how, len(pairs), texts, scores, sum(gains) / len(gains))


@contextmanager
def on_threads(threads: int) -> Iterator[None]:
    """So many threads of torch for a while."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
