"""What a specialist is, and how one is found by name.

A specialist is a folder `specialists/<name>/` (the user's own first, then the factory's) whose `__init__.py` answers four
questions: where states come from (`draw`), how a state is told (`render`), whether an answer is right (`verify`, with
`corrupt` to grade it), and what it must prove (`exam.jsonl` beside it). Nothing else in the factory knows a task.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from factory.config import data_dir, groups
from factory.errors import ConfigMistake, DataMistake, closest
from factory.records import Example, Rendered, Score, stream_id

OWN = Path(__file__).parent / "specialists"
SURVEY = Callable[[Sequence[Any], Sequence[str], Sequence[str]], dict[str, float]]
READS = Callable[[dict[str, Any], str, str], list[str]]
NEEDED = ("VERSION", "Settings", "State", "draw", "render", "verify", "corrupt", "describe")


class Inapplicable(Exception):
    """A draw that does not come out; its message is the reason that is counted."""


@dataclass(frozen=True)
class Description:
    """What checks, quotas and reports read of a state, never of the text.

    `family` never straddles a split; `balance` is the key whose share is capped; `tags` cut the reports.
    """

    family: str
    balance: str
    tags: dict[str, str]


@dataclass(frozen=True)
class Specialist:
    """A task: its four answers, its version and its folder.

    `version` must change with anything that changes what `draw`, `render`, `verify` or `marks` make. `verify(state, answers)`
    gives one Score per answer; `corrupt(state)` gives wrong answers that it must score below 1. A specialist whose answers are
    also judged as a set has `survey(states, answers, training_answers)`: figures such as distinctness, by name. One whose
    prompts a teacher may say in other words has `telling(prompt)`, the part that may change, and `reads(state, prompt, answer)`,
    what a told row says otherwise than its state. One that knows a row by more than its words has `marks(state)`: what the
    row is, by name; a training row that shares a mark with an exam row is dropped. `notice` (NOTICE of the module) is said
    wherever its answers are shown; empty where there is nothing to say.
    """

    name: str
    version: int
    folder: Path
    settings: type[BaseModel]
    state: type[BaseModel]
    draw: Callable[[Random, Any, str], Any]
    render: Callable[[Any, Random, bool], Rendered]
    verify: Callable[[Any, Sequence[str]], list[Score]]
    corrupt: Callable[[Any], list[str]]
    describe: Callable[[Any], Description]
    survey: SURVEY | None
    reads: READS | None
    telling: Callable[[str], str] | None
    marks: Callable[[Any], dict[str, str]] | None
    notice: str

    @property
    def lists(self) -> Path:
        """The folder of word lists and the like that it draws from."""
        return lists_folder(self.folder)

    @property
    def exam(self) -> Path:
        """The frozen exam: one Example a line."""
        return self.folder / "exam.jsonl"

    @property
    def hand(self) -> Path:
        """What people wrote for the exam in their own words: state, prompt and answer a line; it need not exist."""
        return self.folder / "hand.jsonl"

    def by_hand(self, number: int, row: dict[str, Any]) -> Example:
        """The exam row of a line of `hand.jsonl`."""
        about = self.describe(self.state(**row["state"]))
        return Example(
            id=stream_id(self.name, self.version, "hand", number),
            messages=({"role": "user", "content": row["prompt"]},),
            answer=row["answer"],
            state=row["state"],
            family=about.family,
            tags={**about.tags, "rendering": "by hand", "origin": "hand", "balance": about.balance},
            provenance={"teacher": "hand", "renderings": []},
        )

    def typed(self, settings: dict[str, Any]) -> BaseModel:
        """`specialist.settings` as this specialist's own type; ConfigMistake names the key."""
        try:
            return self.settings(**settings)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ConfigMistake(
                f"specialist.settings.{where}", first["msg"].lower(), closest(where, list(self.settings.model_fields))
            ) from None

    def example(
        self, index: int, seed: int, settings: BaseModel, side: str, held_out: bool = False, teacher: str = "grammar"
    ) -> Example:
        """The example of one random stream; Inapplicable where the draw does not come out."""
        identity = stream_id(self.name, self.version, side, seed, index)
        rng = Random(identity)
        state = self.draw(rng, settings, side)
        told, about = self.render(state, rng, held_out), self.describe(state)
        return Example(
            id=identity,
            messages=told.messages,
            answer=told.answer,
            state=state.model_dump(mode="json"),
            family=about.family,
            tags={
                **about.tags,
                "rendering": "held out" if held_out else "seen",
                "origin": "grammar",
                "balance": about.balance,
            },
            provenance={"teacher": teacher, "renderings": list(told.renderings)},
        )

    def grade(self, example: Example, answers: Sequence[str]) -> list[Score]:
        """One Score per answer to the example."""
        return self.verify(self.state(**example.state), answers)

    def marked(self, example: Example) -> dict[str, str]:
        """The marks of the example, by name; none where it has no state or the specialist no marks."""
        return self.marks(self.state(**example.state)) if self.marks and example.state else {}


def lists_folder(folder: Path) -> Path:
    """What the specialist in that folder draws from: `data/<name>` of the factory, `data/` in the folder of a user's own."""
    return data_folder(folder.name) if folder.parent == OWN else folder / "data"


def data_folder(name: str) -> Path:
    """The folder of word lists and the like that a specialist draws from."""
    return data_dir() / name


def names() -> list[str]:
    """All specialists that can be found: the user's own, the factory's, and those that are only a conf file."""
    folders = {folder.parent.name for root in (Path("specialists"), OWN) for folder in root.glob("*/__init__.py")}
    return sorted({*folders, *groups().get("specialist", ())})


def find(name: str) -> Specialist:
    """The specialist of that name, the user's `./specialists` first; ConfigMistake where there is none."""
    for root in (Path("specialists").resolve(), OWN):
        if (root / name / "__init__.py").is_file():
            return typed(name, root / name, load(name, root))
    if name in groups().get("specialist", ()):
        return typed(name, Path("specialists") / name, importlib.import_module("factory.outside"))
    raise ConfigMistake(f"specialist={name}", "no such specialist", closest(name, names()))


def load(name: str, root: Path) -> ModuleType:
    """The module of a specialist's folder."""
    if root == OWN:
        return importlib.import_module(f"factory.specialists.{name}")
    if str(root.parent) not in sys.path:
        sys.path.insert(0, str(root.parent))
    return importlib.import_module(f"specialists.{name}")


def typed(name: str, folder: Path, module: ModuleType) -> Specialist:
    """The module as a Specialist; DataMistake names what it lacks."""
    lacking = [need for need in NEEDED if not hasattr(module, need)]
    if lacking:
        raise DataMistake(str(folder), f"the specialist lacks {', '.join(lacking)}", "see factory/specialist.py")
    return Specialist(
        name,
        module.VERSION,
        folder,
        module.Settings,
        module.State,
        module.draw,
        module.render,
        module.verify,
        module.corrupt,
        module.describe,
        getattr(module, "survey", None),
        getattr(module, "reads", None),
        getattr(module, "telling", None),
        getattr(module, "marks", None),
        getattr(module, "NOTICE", ""),
    )
