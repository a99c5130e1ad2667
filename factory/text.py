"""What a text says: its words, the part that is told, the values it was drawn with, and the text with those masked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from factory.records import Example

WORD = re.compile(r"\w+")
QUOTED = re.compile(r"(?<!\w)'[^'\n]+'(?!\w)|\"[^\"\n]+\"")
NUMBER = re.compile(r"\d[\d.,:/-]*")
NAME = re.compile(r"(?<=[\w,;] )[A-Z][a-z]\w*")
"""A capitalised word inside a sentence."""
ONSETS, NUCLEI, CODAS, ENDINGS = map(
    str.split,
    (
        "b bl br c ch cl cr d dr f fl fr g gl gr h j k l m n p pl pr qu r s sc sh sk sl sm sp st str sw t th tr tw v w wh",
        "a e i o u a e i o u ai ea ee oa oo ou",
        "ck d ft g l ld ll lt m mp n nd ng nk nt p r rd rk rm rn rt s sh sk ss st t th x",
        "er ing ion al y le age ment ure ic or et",
    ),
)
"""English spelling: how a syllable begins, its vowels, how it is closed, how a word ends."""
MEANING = frozenset(
    re.findall(
        r"\w+",
        "both count does doing down each eleven ever four from have here into left less list more most much name never nine "
        "none once only over right same seven show side some sort such take tell that them then there they this three time "
        "under until very what when where which with year your zero",
    )
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
    """A word of one to three random syllables in English spelling, some with an ending; it means nothing but by chance."""
    word = spelt(rng)
    while len(word) < 4 or word in MEANING:
        word = spelt(rng)
    return word


def spelt(rng: Random) -> str:
    """Letters in the order of English spelling."""
    count = rng.choice((1, 1, 2, 2, 2, 3))
    parts = [rng.choice(ONSETS) + rng.choice(NUCLEI) for _ in range(count)]
    closed = "".join(part + (rng.choice(CODAS) if rng.random() < 0.3 else "") for part in parts[:-1]) + parts[-1]
    return closed + rng.choice(CODAS) + (rng.choice(ENDINGS) if rng.random() < 0.3 else "")
