"""One way from messages to token ids, for training, evaluation and use alike."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from factory.errors import DataMistake, Mistake
from factory.records import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""The label of a token that is not trained."""
DAY_CODES = ["-d", "-m", *"aAbBdejmyY"]
"""What of a day a template can ask for, as codes of strftime."""


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
            "set base.tokenizer.stop to the token that the template writes after an answer",
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


def configure(tokenizer: PreTrainedTokenizerBase, asked: Mapping[str, Any]) -> None:
    """Makes the tokenizer's chats as asked: what its template is told, and which token ends an answer.

    `asked` holds those keys of `base.tokenizer` that are set. Mistake where the template or the vocabulary knows nothing
    of one of them, or where the template writes the date of today and no day is given.
    """
    template, variables = tokenizer.get_chat_template(), dict(asked.get("variables", {}))
    for name in variables:
        if not re.search(rf"\b{name}\b", template):
            raise Mistake(
                f"base.tokenizer.variables.{name}",
                "the chat template reads no such variable",
                "leave it out, or write it as the template does",
            )
    day = asked.get("date")
    if day and "strftime_now" not in template:
        raise Mistake(f"base.tokenizer.date={day}", "the chat template writes no date", "base.tokenizer.date=null")
    if not day and "strftime_now" in template:
        raise Mistake(
            "base.tokenizer.date=null",
            "the chat template writes the date of today, and tomorrow the same row would have other tokens",
            "give the day it shall write, such as base.tokenizer.date=2025-07-01",
        )
    if stop := asked.get("stop"):
        if stop not in tokenizer.get_vocab():
            raise Mistake(
                f"base.tokenizer.stop={stop}",
                "the tokenizer has no such token",
                "give the one that its chat template writes after an answer",
            )
        variables["eos_token"] = tokenizer.eos_token  # the template goes on writing the one it was made for
        tokenizer.eos_token = stop
    tokenizer.chat_template = told(template, variables, day)


def told(template: str, variables: Mapping[str, Any], day: str | None) -> str:
    """The template with variables and the day it takes for today at its head: whoever renders it renders the same.

    transformers drops the newline after a block, so the template's own text begins as before.
    """
    head = [f"{{% set {name} = {json.dumps(value, ensure_ascii=False)} %}}\n" for name, value in variables.items()]
    if day:
        values = {f"%{code}": date.fromisoformat(day).strftime(f"%{code}") for code in DAY_CODES}
        filled = "".join(f" | replace('{code}', '{value}')" for code, value in values.items())
        head.append(f"{{% macro strftime_now(format) %}}{{{{ format{filled} }}}}{{% endmacro %}}\n")
    return "".join(head) + template


def refuse_a_wrong_start(tokenizer: PreTrainedTokenizerBase, without_bos: bool) -> None:
    """DataMistake where a chat begins with two BOS tokens, or without the one that plain text begins with.

    The second is taken for granted where the configuration says that the base was trained so.
    """
    bos, chat = tokenizer.bos_token_id, prompt_ids(tokenizer, [{"role": "user", "content": "a"}])
    if bos is not None and chat[:2] == [bos, bos]:
        raise DataMistake(
            "base.tokenizer",
            f"a chat begins with {tokenizer.bos_token!r} twice",
            "take it out of the chat template, or out of what the tokenizer adds by itself",
        )
    if bos is not None and not without_bos and tokenizer("a")["input_ids"][:1] == [bos] != chat[:1]:
        raise DataMistake(
            "base.tokenizer.without_bos=false",
            f"plain text begins with {tokenizer.bos_token!r}, and the chat template leaves it out",
            "add it to the template; or set this to true if the base was trained without it",
        )
