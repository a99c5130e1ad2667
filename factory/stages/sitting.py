"""A model sits the exam: its answers to the rows, graded; what is read off them by evaluate and compare alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from factory import config
from factory.answering import answered
from factory.records import Example, Score
from factory.specialist import Specialist
from factory.store import Events, digest

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Answered:
    """One model's answer to one row of the exam: its text, tokens, whether it ended by itself, and its score.

    `logprob` is the mean log-probability in nats of its tokens; none where no model said it.
    """

    text: str
    tokens: int
    stopped: bool
    score: Score
    logprob: float | None = None


def chosen(rows: list[Example], most: int | None, seed: int) -> list[Example]:
    """All rows, or `most` of them by the digest of their ids: the same ones whatever the order of the file."""
    if most is None or most >= len(rows):
        return rows
    return sorted(rows, key=lambda row: digest([seed, row.id]))[:most]


def sit(
    model: Any,
    words: Any,
    task: Specialist,
    rows: Sequence[Example],
    prompts: Sequence[list[int]],
    settings: config.Evaluate,
    progress: Progress,
) -> list[Answered]:
    """Greedy, graded answers to prompts of ids, one per row; batched by length of the prompt."""
    order = sorted(range(len(rows)), key=lambda i: len(prompts[i]))
    found: dict[int, Answered] = {}
    for start in range(0, len(order), settings.batch_size):
        batch = order[start : start + settings.batch_size]
        said = answered(model, words, [prompts[i] for i in batch], settings.max_new_tokens)
        for i, one in zip(batch, said, strict=True):
            text, count = words.decode(one.ids).strip(), len(one.ids)
            score, logprob = task.grade(rows[i], [text])[0], None if one.logprob is None else round(one.logprob, 4)
            found[i] = Answered(text, count, count < settings.max_new_tokens, score, logprob)
        progress(len(found))
    return [found[i] for i in range(len(rows))]


def kind(reason: str) -> str:
    """The kind of reason for a score below 1: what it says before its particulars."""
    return reason.split(":")[0].split(" on copy")[0]


def counted(events: Events, name: str, total: int, done: int) -> None:
    """Progress of the one who sits, by name."""
    events(name, done=done, total=total)


def parts(**sides: Sequence[Answered]) -> dict[str, dict[str, dict[str, float | None]]]:
    """Part of the score -> side -> its mean over the rows that have it (none: null) and their number."""
    names = dict.fromkeys(name for answered in sides.values() for one in answered for name in one.score.parts)
    return {name: {side: part(answered, name) for side, answered in sides.items()} for name in names}


def part(answered: Sequence[Answered], name: str) -> dict[str, float | None]:
    """One part's mean, and the number of rows it is over."""
    found = [one.score.parts[name] for one in answered if name in one.score.parts]
    return {"value": sum(found) / len(found) if found else None, "rows": len(found)}


def survey(
    task: Specialist, rows: Sequence[Example], training: Sequence[Example], **sides: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Figure -> side -> what the specialist says of all answers as a set; empty where it judges no sets."""
    if task.survey is None:
        return {}
    states, seen = [task.state(**row.state) for row in rows], [row.answer for row in training]
    found = {side: task.survey(states, texts, seen) for side, texts in sides.items()}
    names = dict.fromkeys(name for figures in found.values() for name in figures)
    return {name: {side: figures[name] for side, figures in found.items() if name in figures} for name in names}
