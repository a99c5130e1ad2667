"""A model sits the exam: its answers to the rows, graded; what is read off them by evaluate and compare alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from factory import config, models
from factory.answering import answered
from factory.chat import prompt_ids
from factory.records import Example, Score
from factory.rows import read_exam
from factory.specialist import Specialist
from factory.store import Events, Source, digest


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


class Grades(Protocol):
    """Says what answers to a row are worth; a specialist does."""

    def grade(self, row: Example, answers: Sequence[str]) -> list[Score]:
        """One Score per answer."""


@dataclass(frozen=True)
class Hall:
    """Where rows are answered: who grades, the rows, the tokenizer, how answers are given, and who hears how far it is."""

    task: Grades
    rows: Sequence[Example]
    words: Any
    settings: config.Evaluate | config.Choose
    events: Events

    @cached_property
    def prompts(self) -> list[list[int]]:
        """The rows as they are, as ids."""
        return [prompt_ids(self.words, row.messages) for row in self.rows]

    def sit(self, model: Any, name: str, prompts: Sequence[list[int]] | None = None) -> list[Answered]:
        """Greedy, graded answers of a model to the rows, or to other prompts of ids, one per row; batched by their length."""
        prompts, total = prompts or self.prompts, len(self.rows)
        order = sorted(range(total), key=lambda i: len(prompts[i]))
        found: dict[int, Answered] = {}
        for start in range(0, total, self.settings.batch_size):
            batch = order[start : start + self.settings.batch_size]
            said = answered(model, self.words, [prompts[i] for i in batch], self.settings.max_new_tokens)
            for i, one in zip(batch, said, strict=True):
                text, count = self.words.decode(one.ids).strip(), len(one.ids)
                score, logprob = self.task.grade(self.rows[i], [text])[0], rounded(one.logprob)
                found[i] = Answered(text, count, count < self.settings.max_new_tokens, score, logprob)
            self.events(name, done=len(found), total=total)
        return [found[i] for i in range(total)]


def exam_hall(
    task: Grades, exam: Source, tokenizer: Source, evaluate: config.Evaluate, seed: int, events: Events
) -> Hall:
    """The hall of an exam, with as many of its rows as are asked for."""
    rows = chosen(read_exam(Path(exam.path)), evaluate.rows, seed)
    return Hall(task, rows, models.load_tokenizer(tokenizer), evaluate, events)


def rounded(logprob: float | None) -> float | None:
    """A log-probability as it is kept."""
    return None if logprob is None else round(logprob, 4)


def kind(reason: str) -> str:
    """The kind of reason for a score below 1: what it says before its particulars."""
    return reason.split(":")[0].split(" on copy")[0]


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
