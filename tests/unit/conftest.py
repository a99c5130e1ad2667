"""A registry of products that no stage made, and products for the gate."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from factory import config, registry
from tests.products import WORDS, products

Register = Callable[..., registry.Registered]


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with nothing in it: a migration takes seconds."""
    runs = tmp_path_factory.mktemp("empty")
    with registry.client(config.load([*WORDS, f"runtime.runs={runs}"]).registry):
        return runs / "mlflow.db"


@pytest.fixture
def asked(empty: Path, tmp_path: Path) -> config.Config:
    (tmp_path / "mlflow.db").write_bytes(empty.read_bytes())
    return config.load([*WORDS, f"runtime.runs={tmp_path}"])


@pytest.fixture
def register(asked: config.Config, tmp_path: Path) -> Register:
    """Registers a report that scores so."""
    return lambda name, **scores: registry.register(products(tmp_path, name, **scores), asked, lambda *_, **__: None)


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Plants products that the gate passes, but for what is given otherwise.

    Training rows are held against forty rows of the exam: it is the same code, and each test does it.
    """
    from factory.gate import data
    from tests.planted import EXAM, planted

    monkeypatch.setattr(data, "read_exam", lambda _: EXAM[:40])
    return partial(planted, tmp_path)


@pytest.fixture(scope="module")
def place(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of three versions; tests that change it take a copy."""
    from tests.browsing import stocked, words

    runs = tmp_path_factory.mktemp("browse")
    (runs / "mlflow.db").write_bytes(empty.read_bytes())
    stocked(config.load(words(runs)), runs)
    return runs


@pytest.fixture(scope="module")
def settings(place: Path) -> config.Config:
    """Of that registry."""
    from tests.browsing import words

    return config.load(words(place))
