"""What a text says: its words, the part that is told, the values it was drawn with, and the text with those masked; an age
in words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

from factory.records import Example

WORD = re.compile(r"\w+")
QUOTED = re.compile(r"(?<!\w)'[^'\n]+'(?!\w)|\"[^\"\n]+\"")
NUMBER = re.compile(r"\d[\d.,:/-]*")
NAME = re.compile(r"(?<=[\w,;] )[A-Z][a-z]\w*")
"""A capitalised word inside a sentence."""
SYLLABLES = [c + v + e for c in "bdfgklmnprstvz" for v in "aeiou" for e in ("", "n", "r", "l", "s")]
MEANING = frozenset(
    word
    for line in (
        "be before do does done dozen five for like line lines me mine more",
        "never nine no none nor per same seven side so ten tense to zero",
    )
    for word in line.split()
)
"""Words that a grammar's sentence may mean something by: no made-up word is one of them."""
VALUE_WORDS = 6
"""A string of the state with more words than these is a sentence, no value."""


def words(text: str) -> list[str]:
    """The words of a text: NFKC, lower case, no punctuation."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def runs(tokens: list[str], size: int) -> set[int]:
    """The hashes of the runs of `size` words; none where there are fewer words. Of use inside one process only."""
    return {hash(tuple(tokens[i : i + size])) for i in range(len(tokens) - size + 1)}


def told(prompt: str) -> str:
    """The prompt without its tables: no line of a list (`- ...`), no heading (`...:`), no label before the question."""
    lines = [line for line in prompt.splitlines() if not line.startswith("- ") and not line.rstrip().endswith(":")]
    return "\n".join(line.removeprefix("Question:").strip() for line in lines)


def strings(state: Any) -> Iterator[str]:
    """The strings at the leaves of plain data."""
    if isinstance(state, str):
        yield state
    elif isinstance(state, dict):
        for value in state.values():
            yield from strings(value)
    elif isinstance(state, list | tuple):
        for value in state:
            yield from strings(value)


def unordered(data: Any) -> str:
    """Plain data as one text, lower case, in which the order of keys and lists does not count."""
    if isinstance(data, dict):
        return f"{{{', '.join(sorted(f'{name}: {unordered(one)}' for name, one in data.items()))}}}"
    if isinstance(data, list | tuple):
        return f"[{', '.join(sorted(map(unordered, data)))}]"
    return str(data).casefold()


def values(example: Example) -> set[str]:
    """The strings of the state that prompt or answer say, lower case: identifiers, labels and values."""
    said = f" {' '.join(words(f'{told(example.prompt)} {example.answer}'))} "
    found = {" ".join(words(text)) for text in set(strings(example.state))}
    return {text for text in found if len(text) > 2 and text.count(" ") < VALUE_WORDS and f" {text} " in said}


def masked(text: str, known: Iterable[str] = ()) -> str:
    """The text with quotations, numbers, names inside a sentence and the `known` values (or their plurals) as one letter."""
    text = NUMBER.sub("v", QUOTED.sub("v", text))
    phrases = sorted(map(re.escape, known), key=lambda phrase: (-len(phrase), phrase))
    if phrases:
        text = re.sub(rf"\b(?:{'|'.join(phrases)})(?:s|es)?\b", "v", text, flags=re.IGNORECASE)
    return NAME.sub("n", text)


def random_word(rng: Random) -> str:
    """A word of one to three random syllables, which means nothing."""
    while (word := "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 3)))) in MEANING:
        pass
    return word


def age(created: str) -> str:
    """How long ago a time was, in its largest unit."""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()
    unit, name = next(
        ((unit, name) for unit, name in ((86400, "d"), (3600, "h"), (60, "min")) if seconds >= unit), (1, "s")
    )
    return f"{seconds / unit:.0f} {name}"
