"""The shared checks, found by name: what only the whole corpus can tell.

Each module has `check(examples, settings, exam, say) -> {id: Verdict}`: the rows it drops, each with a reason and its
number. What a person should know of the check itself it says with `say(text)`. A row whose verdict is `kept` is changed
by the module's `changed(example, settings) -> Example`, which keeps its id, family and tags.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Sequence
from typing import Any

from factory.records import Example, Verdict

Say = Callable[[str], None]
Check = Callable[[Sequence[Example], Any, Sequence[Example], Say], dict[str, Verdict]]


def find(name: str) -> Check:
    """The check of that name; the configuration has refused names that do not exist."""
    return importlib.import_module(f"factory.filters.{name}").check


def edit(name: str, settings: Any, ids: Collection[str]) -> Callable[[Example], Example]:
    """The change that the check of that name makes to the rows with these ids; others stay as they are."""
    changed = importlib.import_module(f"factory.filters.{name}").changed
    return lambda example: changed(example, settings) if example.id in ids else example
