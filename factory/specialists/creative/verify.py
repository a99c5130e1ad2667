"""Whether a text keeps its plan: every constraint checked exactly, each one a figure of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

from factory.records import Score
from factory.specialists.creative import lexicon
from factory.specialists.creative.lexicon import WORD
from factory.specialists.creative.prose import (
    Prose,
    function_words,
    group,
    past_forms,
    present_forms,
)
from factory.specialists.creative.rhyme import rhymes, syllables
from factory.specialists.creative.state import State

LONGEST_LINE = 16
"""Words in a line of a poem."""


def verify(state: State, answers: Sequence[str]) -> list[Score]:
    """One Score per answer: 1 when every constraint of the plan is met, else 0; `parts` has each constraint and the share."""
    return [score(state, answer) for answer in answers]


def score(state: State, answer: str) -> Score:
    """The score of one answer; its reason names the first constraint that is not met."""
    told = Prose(answer.strip(), state.form, names(state))
    met = {name: bool(check(state, told)) for name, check in checks(state)}
    share = sum(met.values()) / len(met)
    missed = next((name for name, kept in met.items() if not kept), "")
    return Score(float(not missed), missed, {name: float(kept) for name, kept in met.items()} | {"share": share})


def checks(state: State) -> Iterator[tuple[str, Callable[[State, Prose], bool]]]:
    """The constraints that a plan has, by name."""
    yield "form", FORMS[state.form]
    if state.count:
        yield "lines" if state.form == "poem" else "sentences", lambda state, told: len(told.parts) == state.count
    yield "prose", lambda state, told: not told.fault
    yield "character", characters
    if state.place:
        yield "place", lambda state, told: told.has_phrase(bare(state.spot))
    if state.wish:
        yield "wish", wished
    for name in ("obstacle", "turn"):
        if getattr(state, name):
            yield name, lambda state, told, name=name: told.has_phrase(bare(getattr(state, name)))
    if state.mood:
        yield "mood", lambda state, told: not lexicon.mood_words(state.mood).isdisjoint(told.said)
    if state.person:
        yield "person", voiced
    if state.tense:
        yield "tense", timed
    if state.required:
        yield "required", lambda state, told: all(map(told.has_phrase, state.required))
    if state.forbidden:
        yield "forbidden", lambda state, told: not any(map(told.has_phrase, state.forbidden))
    if state.words:
        yield "words", lambda state, told: state.words.low <= told.length <= state.words.high
    if state.rhyme:
        yield "rhyme", rhymed
    if state.syllables:
        yield "syllables", lambda state, told: all(syllables_of(line) <= state.syllables for line in told.lines)


def names(state: State) -> tuple[str, ...]:
    """The phrases of the plan, in which no verb is looked for."""
    phrases = (state.place, state.obstacle, state.turn, state.wish)
    return tuple(phrase for phrase in phrases if phrase)


def bare(phrase: str) -> str:
    """A noun phrase without its article."""
    first, _, rest = phrase.partition(" ")
    return rest if first in ("a", "an", "the") and rest else phrase


def is_story(state: State, told: Prose) -> bool:
    """One paragraph of at least two sentences, the last one with its end."""
    return len(told.lines) == 1 and len(told.parts) > 1 and told.lines[0].rstrip("\"'")[-1:] in (".", "!", "?")


def is_poem(state: State, told: Prose) -> bool:
    """More than one line, none too long for a verse."""
    return len(told.lines) > 1 and all(len(line.split()) <= LONGEST_LINE for line in told.lines)


def is_letter(state: State, told: Prose) -> bool:
    """A greeting line with the reader's name and a comma, a body, a last line with the writer's name."""
    lines = told.lines
    if len(lines) < 3:
        return False
    greeted = lines[0].endswith(",") and state.friend.name in WORD.findall(lines[0]) and len(lines[0].split()) <= 4
    return greeted and state.hero.name in WORD.findall(lines[-1]) and len(lines[-1].split()) <= 8


FORMS = {"story": is_story, "poem": is_poem, "letter": is_letter}


def characters(state: State, told: Prose) -> bool:
    """Every character by name and kind."""
    people = [state.hero, *([state.friend] if state.friend else [])]
    return all(one.name in told.said and (not one.kind or one.kind in told.said) for one in people)


def wished(state: State, told: Prose) -> bool:
    """The words of the wish in one sentence, its verb in any form."""
    forms, needed = wish_words(state.wish)
    return any(needed.issubset(words) and not forms.isdisjoint(words) for words in told.part_words)


@cache
def wish_words(wish: str) -> tuple[frozenset[str], frozenset[str]]:
    """The forms of the verb of a wish, and the other words it is known by."""
    verb, *rest = WORD.findall(wish.lower())
    forms = {
        verb,
        lexicon.past(verb),
        lexicon.third(verb),
        lexicon.participle(verb),
        *lexicon.irregular().get(verb, ()),
    }
    return frozenset(forms), frozenset(rest) - function_words()


def voiced(state: State, told: Prose) -> bool:
    """First person: I or my, and the hero's name as no verb's subject. Third person: no I, my, we."""
    mine = not group("first").isdisjoint(told.pieces)
    return mine and not named_as_subject(state, told) if state.person == "first" else not mine


def named_as_subject(state: State, told: Prose) -> bool:
    """Whether a finite verb follows the hero's name, or the name and the kind."""
    name, kind, pieces = state.hero.name.lower(), state.hero.kind.lower(), [*told.pieces, ".", ".", "."]
    for number, piece in enumerate(pieces[:-3]):
        if piece == name:
            after = number + 3 if pieces[number + 1 : number + 3] == ["the", kind] else number + 1
            if (
                pieces[after] in past_forms()
                or pieces[after] in present_forms()
                or pieces[after] in ("is", "was", "has")
            ):
                return True
    return False


def timed(state: State, told: Prose) -> bool:
    """A finite verb of the tense and none of the other."""
    past, present = told.tenses
    return past > 0 == present if state.tense == "past" else present > 0 == past


def rhymed(state: State, told: Prose) -> bool:
    """The last words of the lines that the scheme pairs rhyme: couplets two by two, alternating lines in fours."""
    ends = [WORD.findall(line)[-1] if WORD.findall(line) else "" for line in told.lines]
    step = 1 if state.rhyme == "couplets" else 2
    if len(ends) != (state.count or len(ends)) or len(ends) % (2 * step):
        return False
    starts = [block + first for block in range(0, len(ends), 2 * step) for first in range(step)]
    return all(rhymes(ends[start], ends[start + step]) for start in starts)


def syllables_of(line: str) -> int:
    """The syllables of a line."""
    return sum(map(syllables, WORD.findall(line)))
