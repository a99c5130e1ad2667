"""A registry of products that no stage made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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
