"""The shapes that rows from outside come in, and what each says: prompt messages, answer, rejected answer.

Shapes are those that TRL and its users write: `messages` (role and content), `prompt` and `completion`, Alpaca's
`instruction`, `input`, `output`, ShareGPT's `conversations` (from and value), and preferences (`chosen`, `rejected`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from factory.config import Source
from factory.errors import ConfigMistake, closest
from factory.outside.files import Malformed
from factory.records import Message

ROLES = {"system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant"}
COLUMNS = {
    "messages": {"messages"},
    "sharegpt": {"conversations"},
    "alpaca": {"instruction", "output"},
    "preference": {"chosen", "rejected"},
    "prompt and completion": {"prompt", "completion"},
}
"""Shape to the columns that tell it."""


@dataclass(frozen=True)
class Told:
    """What a row says."""

    messages: tuple[Message, ...]
    answer: str
    rejected: str | None = None


def shape_of(row: Mapping[str, Any], source: Source) -> str | Malformed:
    """The shape of a row: `columns` where the configuration maps them, else the one its columns tell."""
    if source.prompt and source.answer:
        return "columns"
    found = next((name for name, columns in COLUMNS.items() if columns <= set(row)), None)
    return found or Malformed(f"no known shape in the columns {', '.join(row)}")


def told(row: Mapping[str, Any], shape: str, source: Source) -> Told | Malformed:
    """What a row of a shape says."""
    try:
        found = SHAPES[shape](row, source)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        return Malformed(f"not as {shape} is written: {str(error) or type(error).__name__}")
    if not found.answer.strip() or not any(message["content"].strip() for message in found.messages):
        return Malformed("an empty answer" if found.messages else "an empty prompt")
    return found


def of_columns(row: Mapping[str, Any], source: Source) -> Told:
    """Prompt and answer as the configuration writes them."""
    prompt, answer = filled(str(source.prompt), row, "prompt"), filled(str(source.answer), row, "answer")
    return Told(({"role": "user", "content": prompt},), answer)


def filled(template: str, row: Mapping[str, Any], key: str) -> str:
    """A template with the row's columns in its braces. A column is text and nothing else: no attribute, no format, no code."""
    said = []
    for text, name, form, conversion in Formatter().parse(template):
        said.append(text)
        if name is None:
            continue
        if form or conversion or not name.replace("_", "").replace(" ", "").isalnum():
            raise ConfigMistake(
                f"source.{key}", f"{{{name}}} is no column", "write a column's name in braces, nothing else"
            )
        if name not in row:
            raise ConfigMistake(f"source.{key}", f"no column {name}", closest(name, map(str, row)))
        if row[name] is None or isinstance(row[name], dict | list):
            raise ValueError(f"{name} is no text")
        said.append(str(row[name]))
    return "".join(said)


def of_messages(row: Mapping[str, Any], source: Source) -> Told:
    """All but the last message is the prompt."""
    return turns(row["messages"], "role", "content")


def of_sharegpt(row: Mapping[str, Any], source: Source) -> Told:
    """The same under other names."""
    return turns(row["conversations"], "from", "value")


def turns(found: Any, role: str, content: str) -> Told:
    """Messages, the last of which is the answer."""
    said = [{"role": ROLES[one[role]], "content": text(one[content])} for one in found]
    if len(said) < 2 or said[-1]["role"] != "assistant":
        raise ValueError("the last message is not the assistant's")
    return Told(tuple(said[:-1]), said[-1]["content"])


def of_alpaca(row: Mapping[str, Any], source: Source) -> Told:
    """The instruction with its input below it."""
    parts = [text(row["instruction"]), text(row.get("input") or "")]
    return Told(({"role": "user", "content": "\n".join(part for part in parts if part)},), text(row["output"]))


def of_prompt(row: Mapping[str, Any], source: Source) -> Told:
    """Two texts, or two lists of messages."""
    return Told(asked(row["prompt"]), last_said(row["completion"]))


def of_preference(row: Mapping[str, Any], source: Source) -> Told:
    """The chosen answer, the rejected one kept beside it; the prompt may stand in both."""
    messages = asked(row["prompt"]) if row.get("prompt") else turns(row["chosen"], "role", "content").messages
    return Told(messages, last_said(row["chosen"]), last_said(row["rejected"]))


def asked(prompt: Any) -> tuple[Message, ...]:
    """A prompt as messages."""
    if isinstance(prompt, str):
        return ({"role": "user", "content": prompt},)
    return tuple({"role": ROLES[one["role"]], "content": text(one["content"])} for one in prompt)


def last_said(answer: Any) -> str:
    """An answer, or the last of its messages."""
    return answer if isinstance(answer, str) else text(answer[-1]["content"])


def text(value: Any) -> str:
    """The value if it is a text."""
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} where a text should be")
    return value


SHAPES = {
    "columns": of_columns,
    "messages": of_messages,
    "sharegpt": of_sharegpt,
    "alpaca": of_alpaca,
    "preference": of_preference,
    "prompt and completion": of_prompt,
}
