"""Texts that nearly keep a plan: one constraint broken in each, everything else as the grammar writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from factory.records import stream_id
from factory.specialists.creative import lexicon
from factory.specialists.creative.prose import Prose
from factory.specialists.creative.state import State
from factory.specialists.creative.verify import bare
from factory.specialists.creative.write import write

MOST = 8
"""Wrong answers to one plan: over some plans every kind comes up."""


def corrupt(state: State) -> list[str]:
    """Up to eight wrong answers to a plan, chosen by chance; each breaks one constraint of a text that the grammar writes."""
    rng = Random(stream_id("corrupt", state.model_dump_json()))
    text = write(state, rng)
    found = [wrong for wrong in dict.fromkeys(mutants(state, text, rng)) if wrong != text]
    return rng.sample(found, min(MOST, len(found)))


def mutants(state: State, text: str, rng: Random) -> Iterator[str]:
    """Every mutant of a text to the plan."""
    yield from without(state, text)
    if state.forbidden:
        yield f"{text.rstrip('.')} {state.forbidden[-1]}."
    if state.tense:
        yield write(state.model_copy(update={"tense": "present" if state.tense == "past" else "past"}), rng)
    if state.person and state.form != "letter":
        other = state.model_copy(update={"person": "third" if state.person == "first" else "first"})
        yield write(other, rng)
    yield from reshaped(state, text)
    if state.rhyme:
        lines = text.splitlines()
        yield "\n".join([re.sub(r"\w+([.,;])$", r"table\1", lines[0]), *lines[1:]])
    if state.words:
        yield " ".join([text, *(["and so it went on"] * (state.words.high // 5 + 1))])
    yield " ".join([state.hero.name, state.hero.kind, state.place, state.wish, *state.required])


def without(state: State, text: str) -> Iterator[str]:
    """The text without one of the things that the plan names."""
    named = [state.hero.name, state.hero.kind, *state.required]
    named += [bare(state.wish.split(" ", 1)[1])] if state.wish else []
    named += [bare(phrase) for phrase in (state.place and state.spot, state.obstacle, state.turn) if phrase]
    named += [part for one in [state.friend] if one for part in (one.name, one.kind) if part]
    for phrase in named:
        yield re.sub(rf"\b{re.escape(phrase)}\b", "thing", text)
    if state.mood:
        yield re.sub(rf"\b({'|'.join(lexicon.mood_words(state.mood))})\b", "plain", text, flags=re.IGNORECASE)


def reshaped(state: State, text: str) -> Iterator[str]:
    """The text with a sentence or line too many or too few, one said twice, or in another form."""
    parts = Prose(text, state.form).parts
    lines = text.splitlines()
    if state.form == "poem":
        if state.count:
            yield "\n".join(lines[:-1])
            yield "\n".join([*lines, "And so it went with the tide."])
        yield "\n".join([*lines[:-1], lines[0]])
        yield " ".join(lines)
        return
    before, after = (lines[:1], lines[-1:]) if state.form == "letter" else ([], [])
    counted = (parts[:-1], [*parts, "It ended there."]) if state.count else ()
    for changed in (*counted, [*parts[:-1], parts[0]]):
        yield "\n".join([*before, " ".join(changed), *after])
    yield " ".join(parts) if state.form == "letter" else f"Dear friend,\n{text}\nYours, {state.hero.name}"
