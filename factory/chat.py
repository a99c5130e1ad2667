"""One way from messages to token ids, for training, evaluation and use alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory.errors import DataMistake
from factory.records import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""The label of a token that is not trained."""


@dataclass(frozen=True)
class Tokens:
    """A tokenized row: its ids and its labels, both of the row's length; only the answer and its stop are trained."""

    ids: list[int]
    labels: list[int]

    @property
    def trained(self) -> int:
        """How many tokens are trained."""
        return sum(label != IGNORED for label in self.labels)


def prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[int]:
    """The ids a model is given to answer."""
    return tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, return_dict=True)["input_ids"]


def encode(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], answer: str) -> Tokens:
    """The row as trained: the prompt's ids as in use, then the answer and its stop token.

    What a template writes behind the stop token (a newline) stays in the ids and is not trained.
    """
    prompt = prompt_ids(tokenizer, messages)
    coded = tokenizer.apply_chat_template([*messages, {"role": "assistant", "content": answer}], return_dict=True)
    ids = coded["input_ids"]
    if ids[: len(prompt)] != prompt:
        raise DataMistake(
            "tokenize",
            "the chat template writes the prompt differently when an answer follows",
            "use a base whose template keeps the prompt as it is",
        )
    stop = next((i for i in range(len(ids) - 1, len(prompt) - 1, -1) if ids[i] == tokenizer.eos_token_id), None)
    if stop is None:
        raise DataMistake(
            "tokenize",
            f"no stop token {tokenizer.eos_token!r} follows the answer: the model would never stop",
            "use a base whose template ends a turn with its eos token",
        )
    labels = [IGNORED] * len(prompt) + ids[len(prompt) : stop + 1] + [IGNORED] * (len(ids) - stop - 1)
    return Tokens(ids, labels)


def span_mistake(tokenizer: PreTrainedTokenizerBase, tokens: Tokens, answer: str) -> str:
    """What is wrong with a row's trained span, or nothing: it must be the answer and its stop token, no more, no less."""
    span = [label for label in tokens.labels if label != IGNORED]
    if not span or len(span) == len(tokens.ids):
        return f"{len(span)} of {len(tokens.ids)} tokens are trained"
    if span[-1] != tokenizer.eos_token_id or tokenizer.eos_token_id in span[:-1]:
        return "the trained span does not end with its one stop token"
    first = next(i for i, label in enumerate(tokens.labels) if label != IGNORED)
    if len(tokens.labels) != len(tokens.ids) or tokens.ids[first : first + len(span)] != span:
        return "the labels are not the row's own tokens at their own places"
    said = tokenizer.decode(span[:-1]).strip()
    return "" if said == answer.strip() else f"the trained span says {said[:60]!r}, the answer is {answer[:60]!r}"
