"""Who writes examples beside the specialist's own grammar: an OpenAI-compatible endpoint, or a model loaded here.

A teacher is asked for a text, or for JSON of a schema, and answers with it or with why not (`Failed`). What it says is believed
by nobody: a recipe, one of the modules of this folder, holds it against the specialist's own reading or verifier.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import jsonschema

from factory import config
from factory.records import Example, Message, Verdict
from factory.specialist import Specialist
from factory.teachers.replies import Replies

Answer = TypeVar("Answer")
MEND = "That does not fit the schema: {why}. Answer again, with the JSON alone."
Told = tuple[Verdict, Example | None]
"""What became of a row that a teacher was asked about."""
Wrong = Callable[[dict[str, Any]], str]


@dataclass(frozen=True)
class Failed:
    """A question that came to nothing: why, in a word or two that can be counted."""

    reason: str


def nothing(found: dict[str, Any]) -> str:
    """What is wrong with an answer of which the schema says all."""
    return ""


class Teacher(ABC):
    """What every teacher is; used inside `async with`, which may be entered again."""

    def __init__(self, settings: config.Teacher | config.Server, replies: Replies) -> None:
        self.settings, self.replies = settings, replies
        self.counts: Counter[str] = Counter()

    async def __aenter__(self) -> Teacher:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    @abstractmethod
    async def say(self, messages: Sequence[Message], schema: dict[str, Any] | None, seed: int) -> str | Failed:
        """The text of one answer, from the store or anew."""

    async def ask(
        self, messages: Sequence[Message], schema: dict[str, Any], seed: int, wrong: Wrong = nothing
    ) -> dict[str, Any] | Failed:
        """JSON that fits the schema, mended once where it did not; or why there is none.

        `wrong` says what a schema cannot: why JSON that fits it is no answer all the same, or nothing.
        """
        said = await self.say(messages, schema, seed)
        if isinstance(said, Failed):
            return said
        found = fitting(said, schema, wrong)
        if not isinstance(found, Failed):
            return found
        self.counts["mended"] += 1
        turns = [{"role": "assistant", "content": said}, {"role": "user", "content": MEND.format(why=found.reason)}]
        again = await self.say([*messages, *turns], schema, seed)
        if isinstance(again, Failed):
            return again
        found = fitting(again, schema, wrong)
        return Failed("the answer does not fit the schema") if isinstance(found, Failed) else found

    def costs(self) -> dict[str, Any]:
        """What was asked so far, as the manifest has it."""
        names = ("calls", "found", "mended", "tokens in", "tokens out")
        return {name: self.counts[name] for name in dict.fromkeys([*names, *self.counts])}


class Recipe(Protocol):
    """What a teacher is asked for."""

    SEVERAL: bool
    """Whether one row takes `teacher.samples` questions."""

    def template(self, task: Specialist) -> str:
        """The prompt for the teacher; Mistake where the specialist lacks what the recipe needs."""

    def asked(self, task: Specialist, row: Example, prompt: str) -> str:
        """What the teacher is asked about one row."""

    def told(self, teacher: Teacher, task: Specialist, row: Example, prompt: str) -> Awaitable[Told]:
        """What one row becomes."""


def recipe(name: str) -> Recipe:
    """The recipe of that name; the configuration has refused names that do not exist."""
    return cast(Recipe, importlib.import_module(f"factory.teachers.{name}"))


async def retell(
    teacher: Teacher, asked: Recipe, task: Specialist, rows: Sequence[Example], done: Callable[[], None]
) -> list[Told]:
    """What the rows become, in their order, each with its verdict."""
    prompt = asked.template(task)

    async def one(row: Example) -> Told:
        found = await asked.told(teacher, task, row, prompt)
        done()
        return found

    return await answered(teacher, map(one, rows))


async def answered(teacher: Teacher, asks: Iterable[Awaitable[Answer]]) -> list[Answer]:
    """What comes of questions to a teacher, in their order.

    What goes wrong with the teacher itself is raised when all calls that are out have come back: what was paid for is kept.
    """
    async with teacher:
        found = await asyncio.gather(*asks, return_exceptions=True)
    for wrong in (one for one in found if isinstance(one, BaseException)):
        raise wrong
    return [one for one in found if not isinstance(one, BaseException)]


def fitting(text: str, schema: dict[str, Any], wrong: Wrong = nothing) -> dict[str, Any] | Failed:
    """The JSON of a text if it fits the schema and nothing else is wrong with it; else why not."""
    try:
        found = json.loads(text)
        jsonschema.validate(found, schema)
    except ValueError as error:
        return Failed(f"no JSON ({error})")
    except jsonschema.ValidationError as error:
        return Failed(error.message[:200])
    why = wrong(found)
    return Failed(why[:200]) if why else found
