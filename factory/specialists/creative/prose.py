"""What a text says by its form alone: its sentences, its lines, the tense of its verbs, whose voice it is, and if it is prose.

Verbs are read from a closed table (`data/creative/verbs.yaml` with regular endings), so every judgement can be checked:

- A past form counts unless it stands as a participle: right after an article, a possessive, a preposition or a form of
  be, have, get, feel or seem (adverbs between are skipped).
- A form in -s counts unless it may be a plural: right after an article, a possessive, a number, a preposition or an
  adjective of the word lists, or at the start of a sentence.
- A base form counts as present only right after I, we or they.

What stands in double quotation marks is not read for tense and person.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

from factory.specialists.creative import lexicon
from factory.specialists.creative.lexicon import WORD

QUOTED = re.compile(r'"[^"]*"')
SENTENCE_END = re.compile(r'(?<=[.!?])(?:"?)\s+(?="?[A-Z])')
PIECE = re.compile(r"[A-Za-z]+(?:'[a-z]+)?|[.,;:!?]")
HANGING = re.compile(r"\b(?:a|an|the) *(?:[.,;:!?]|$|\b(?:a|an|the|of|and|is|was|to)\b)", re.IGNORECASE)
MOST_REPEATS = 6
"""How often a word that is no function word may come."""


@cache
def group(name: str) -> frozenset[str]:
    """A closed class of words: determiners, prepositions, pronouns."""
    return frozenset(lexicon.read("function_words")[name].split())


@cache
def function_words() -> frozenset[str]:
    """All closed classes together."""
    return frozenset().union(*map(group, lexicon.read("function_words")))


@cache
def past_forms() -> frozenset[str]:
    """Past forms that are not also base forms."""
    forms = {lexicon.past(base) for base in lexicon.verbs()} - set(lexicon.verbs())
    return frozenset(forms - group("past"))


@cache
def present_forms() -> frozenset[str]:
    """Forms in -s."""
    return frozenset({lexicon.third(base) for base in lexicon.verbs()} - set(lexicon.verbs()) - group("present"))


@cache
def base_forms() -> frozenset[str]:
    """Base forms that are not also past forms."""
    return frozenset(base for base in lexicon.verbs() if lexicon.past(base) != base)


@cache
def verb_forms() -> frozenset[str]:
    """Every form of every verb the lexicon knows."""
    forms = {"be", "am", "are", "been", "were"} | group("present") | group("past") | past_forms() | present_forms()
    for base in lexicon.verbs():
        forms |= {base, lexicon.participle(base)}
    return frozenset(forms | {part for _, part in lexicon.irregular().values()})


@cache
def role(piece: str) -> str:
    """What a word is to the reading of tense: a past or present word, a form that may be one, or what stands before nouns."""
    if piece in group("adverbs") or piece.endswith("ly"):
        return "adverb"
    for name, forms in (("past", group("past")), ("present", group("present"))):
        if piece in forms:
            return name
    for name, forms in (("past form", past_forms()), ("s form", present_forms()), ("base", base_forms())):
        if piece in forms:
            return name
    return "other"


@cache
def heads_a_participle(piece: str) -> bool:
    """Whether a past form after this word is a participle."""
    return piece in group("determiners") or piece in group("prepositions") or piece in group("auxiliaries")


@cache
def heads_a_plural(piece: str) -> bool:
    """Whether a form in -s after this word may be a plural."""
    words = lexicon.read("words")
    moods = {word for lists in words["moods"].values() for word in lists["adjectives"]}
    before = (group("determiners"), group("prepositions"), moods, words["adjectives"], ".!?")
    return any(piece in some for some in before)


@dataclass(frozen=True)
class Prose:
    """A text of a form (story, poem, letter) as the checks read it; `names` are phrases of the plan, not read for verbs."""

    text: str
    form: str = "story"
    names: tuple[str, ...] = ()

    @cached_property
    def lines(self) -> list[str]:
        """The lines that are not empty."""
        return [line.strip() for line in self.text.splitlines() if line.strip()]

    @cached_property
    def narrative(self) -> str:
        """What is told: of a letter the lines between greeting and signature."""
        return " ".join(self.lines[1:-1]) if self.form == "letter" else self.text

    @cached_property
    def parts(self) -> list[str]:
        """The lines of a poem, the sentences of what is told otherwise."""
        return self.lines if self.form == "poem" else sentences(self.narrative)

    @cached_property
    def part_words(self) -> list[list[str]]:
        """The words of every part, in lower case."""
        return [WORD.findall(part.lower()) for part in self.parts]

    @cached_property
    def spaced(self) -> str:
        """All words in lower case with a space around each, to look for phrases in."""
        return f" {' '.join(WORD.findall(self.text.lower()))} "

    @cached_property
    def said(self) -> frozenset[str]:
        """The different words, as they are written."""
        return frozenset(WORD.findall(self.text))

    @cached_property
    def length(self) -> int:
        """Words as a person counts them: what stands between spaces and has a letter."""
        return sum(not word.isdigit() and any(map(str.isalpha, word)) for word in self.text.split())

    @cached_property
    def pieces(self) -> list[str]:
        """Words in lower case and marks, of what is not quoted; phrases of the plan as one mark each."""
        text = QUOTED.sub(" , ", self.narrative)
        for name in self.names:
            text = text.replace(name, ";")
        return PIECE.findall(text.lower())

    @cached_property
    def tenses(self) -> tuple[int, int]:
        """How many finite verbs stand in the past and in the present."""
        past = present = 0
        before, after = ".", "."
        for piece in self.pieces:
            kind = role(piece)
            if kind == "adverb":
                continue
            before, after = after, piece
            past += kind == "past" or (kind == "past form" and not heads_a_participle(before))
            present += kind == "present" or (kind == "s form" and not heads_a_plural(before))
            present += kind == "base" and before in group("speakers")
        return past, present

    @cached_property
    def fault(self) -> str:
        """Why the text is not prose of the language, or nothing; of the lines of a poem, every second needs no verb."""
        words = self.part_words
        flat = [word for part in words for word in part]
        if not flat or min(map(len, words)) < 2:
            return "a sentence of one word"
        if len(set(map(tuple, words))) < len(words):
            return "a sentence said twice"
        if sum(verb_forms().isdisjoint(part) for part in words) > (len(words) // 2 if self.form == "poem" else 0):
            return "a sentence without a verb"
        if any(one == other and one not in ("had", "that") for part in words for one, other in pairwise(part)):
            return "a word said twice in a row"
        counts = Counter(flat)
        if counts.most_common(1)[0][1] > MOST_REPEATS and any(
            count > MOST_REPEATS and word not in function_words() for word, count in counts.items()
        ):
            return "a word too often"
        share = sum(count for word, count in counts.items() if word in function_words()) / len(flat)
        if not 0.2 <= share <= 0.75:
            return "no balance of words"
        return "an article without a noun" if HANGING.search(self.text) else ""

    def has_phrase(self, phrase: str) -> bool:
        """Whether the words of the phrase stand in the text, one after another; case and marks do not matter."""
        return spaced(phrase) in self.spaced


@cache
def spaced(phrase: str) -> str:
    """The words of a phrase as `Prose.spaced` has them."""
    return f" {' '.join(WORD.findall(phrase.lower()))} "


def sentences(text: str) -> list[str]:
    """The sentences of a text: a full stop, question or exclamation mark ends one where a capital follows."""
    return [part for part in SENTENCE_END.split(text.strip()) if part]
