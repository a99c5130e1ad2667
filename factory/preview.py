"""Rows as the model will see them: drawn, told, verified and tokenized exactly as the stages do, but a handful."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from factory import models, specialist
from factory.chat import IGNORED, encode, span_mistake
from factory.config import Config
from factory.specialist import Inapplicable
from factory.stages.generate import admit


@dataclass(frozen=True)
class Previewed:
    """One row: its text before, in and after the trained span, its length, and what would become of it."""

    name: str
    before: str
    span: str
    after: str
    tokens: int
    trained: int
    fate: str


def previewed(asked: Config, rows: int) -> Iterator[Previewed]:
    """The first `rows` candidates of the configuration that can be drawn."""
    models.go_offline(asked.runtime)
    task = specialist.find(asked.specialist.name)
    settings = task.typed(asked.specialist.settings)
    words = models.load_tokenizer(models.tokenizer_source(asked.base))
    shown = index = 0
    while shown < rows:
        index += 1
        try:
            example = task.example(index - 1, asked.seed, settings, "train")
        except Inapplicable:
            continue
        tokens = encode(words, example.messages, example.answer)
        start = next(i for i, label in enumerate(tokens.labels) if label != IGNORED)
        end = start + tokens.trained
        verdict = admit(task, example)
        wrong = span_mistake(words, tokens, example.answer)
        overlong = (
            f"over tokenize.max_length={asked.tokenize.max_length}"
            if len(tokens.ids) > asked.tokenize.max_length
            else ""
        )
        yield Previewed(
            f"{example.id} {example.family}",
            words.decode(tokens.ids[:start]),
            words.decode(tokens.ids[start:end]),
            words.decode(tokens.ids[end:]),
            len(tokens.ids),
            tokens.trained,
            wrong or overlong or verdict.reason or verdict.fate,
        )
        shown += 1
