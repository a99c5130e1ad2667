"""Whether an answer is right: the facts it states are those that were said, with polarity, number and unit.

Precision and recall of facts; a fact whose value is nowhere in the encounter, of neither polarity, is a hallucination and
is counted by itself. A line that is in no form of the note counts as a fact that nobody said. A short answer is right or
wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from factory.records import Score
from factory.rouge import rouge_l_sum
from factory.specialists.medical.note import Fact, note, read_note, read_summary, summary
from factory.specialists.medical.state import State

Read = Callable[[str], tuple[list[Fact], list[str]]]


def verify(state: State, answers: Sequence[str]) -> list[Score]:
    """One Score per answer: F1 of stated facts for a note or a summary, 1 or 0 for an answer to a question."""
    if state.question:
        return [short(state.question.answer, answer) for answer in answers]
    gold, read = (
        (note(state.encounter), read_note) if state.task == "note" else (summary(state.encounter), read_summary)
    )
    told = values(state)
    return [stated(gold, answer, read, told) for answer in answers]


def short(gold: str, answer: str) -> Score:
    """1 where the short answers agree apart from case, spacing and a final stop, else 0."""
    if plain(gold) == plain(answer):
        return Score(1.0)
    return Score(0.0, f"wrong answer: {plain(answer)[:60]}" if plain(answer) else "no answer")


def plain(text: str) -> str:
    """A short answer as it is compared."""
    return " ".join(text.casefold().split()).rstrip(" .")


def stated(gold: str, answer: str, read: Read, told: set[str]) -> Score:
    """The score of a note or a summary against the gold's facts; `told` are the values the encounter speaks of."""
    wanted, (given, broken) = Counter(read(gold)[0]), read(answer)
    found = Counter(given)
    right = (wanted & found).total()
    extra = [fact for fact in given if fact not in wanted]
    count = len(given) + len(broken)
    precision, recall = right / count if count else 0.0, right / wanted.total()
    value = 2 * right / (count + wanted.total())
    parts = {
        "precision": precision,
        "recall": recall,
        "hallucinated": float(len(broken) + sum(not known(fact, told) for fact in extra)),
        "format": float(bool(given) and not broken),
        "exact": float(value == 1.0),
        "rouge_l": rouge_l_sum(gold, answer),
    }
    return Score(value, why(wanted, found, broken), parts)


def known(fact: Fact, told: set[str]) -> bool:
    """Whether the encounter speaks of what a fact is about and of its value, whatever it says of them."""
    return fact.about in told and fact.value in told


def values(state: State) -> set[str]:
    """All that the encounter speaks of: subjects and values of its facts, and the value that was taken back."""
    facts = read_note(note(state.encounter))[0]
    spoken = {
        "",
        "present",
        "absent",
        "taken",
        "stopped",
        *(fact.about for fact in facts),
        *(fact.value for fact in facts),
    }
    return spoken | ({state.slip.wrong, f"for {state.slip.wrong}"} if state.slip else set())


def why(wanted: Counter[Fact], found: Counter[Fact], broken: Sequence[str]) -> str:
    """The first thing that keeps an answer from being right: a broken line, a missing fact, or one too many."""
    if broken:
        return f"not in the form: {broken[0][:60]}" if broken[0].strip() else "no answer"
    if missing := wanted - found:
        return f"missing: {said(next(iter(missing)))}"
    if extra := found - wanted:
        return f"not stated: {said(next(iter(extra)))}"
    return ""


def said(fact: Fact) -> str:
    """A fact in words."""
    return " ".join(part for part in (fact.section, fact.about, fact.kind, fact.value) if part)
