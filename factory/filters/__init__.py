"""The shared checks, found by name: what only the whole corpus can tell, and what a model thinks of a row.

Each module has `check(examples, settings, exam, say) -> {id: Verdict}`: the rows it drops, each with a reason and its
number. What a person should know of the check itself it says with `say(text)`. A row whose verdict is `kept` is changed
by the module's `changed(example, settings) -> Example`, which keeps its id, family and tags; one whose verdict is `failed`
could not be judged and stays as it is. A module that needs more than its settings (a base, a rubric) has
`sources(config) -> {name: what it needs}`, and its check is given all of it as `Equipped` settings.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from factory.config import Config, Runtime
from factory.records import Example, Verdict
from factory.store import asked_for

Say = Callable[..., None]
Check = Callable[[Sequence[Example], Any, Sequence[Example], Say], dict[str, Verdict]]


@dataclass(frozen=True)
class Equipped:
    """A filter's settings with what it needs beside them: the sources are part of a key, the runtime is not.

    `record` is what the check leaves for the manifest: figures, and what it cost.
    """

    settings: Any
    sources: dict[str, Any]
    runtime: Runtime
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def budget(self) -> float:
        """The share of the rows that it may drop."""
        return self.settings.budget

    @property
    def identity(self) -> dict[str, Any]:
        """What of it is part of a key: the settings, and the sources by content."""
        return {**asked_for(self.settings), **asked_for(self.sources)}


def equipped(config: Config) -> dict[str, Any]:
    """The filters of the configuration in their order, with their settings; those that need more, `Equipped`."""

    def one(name: str, settings: Any) -> Any:
        sources = None if name == "split" else getattr(module(name), "sources", None)
        return Equipped(settings, sources(config), config.runtime) if sources else settings

    return {name: one(name, settings) for name, settings in config.filter.items()}


def module(name: str) -> Any:
    """The module of that name; the configuration has refused names that do not exist."""
    return importlib.import_module(f"factory.filters.{name}")


def find(name: str) -> Check:
    """The check of that name."""
    return module(name).check


def edit(name: str, settings: Any, ids: Collection[str]) -> Callable[[Example], Example]:
    """The change that the check of that name makes to the rows with these ids; others stay as they are."""
    changed = module(name).changed
    return lambda example: changed(example, settings) if example.id in ids else example
