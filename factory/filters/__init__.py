"""The shared checks, found by name: what only the whole corpus can tell.

Each module has `check(examples, settings, exam, say) -> {id: Verdict}`: the rows it drops, each with a reason and its
number. What a person should know of the check itself it says with `say(text)`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from factory.records import Example, Verdict

Say = Callable[[str], None]
Check = Callable[[Sequence[Example], Any, Sequence[Example], Say], dict[str, Verdict]]


def find(name: str) -> Check:
    """The check of that name; the configuration has refused names that do not exist."""
    return importlib.import_module(f"factory.filters.{name}").check
