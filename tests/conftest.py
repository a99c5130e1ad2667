"""What all tests share: the real evaluation data, a specialist of a user's own, and a quiet, offline start."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Before any library is imported: nothing is fetched, and thread pools do not warn about forks.
os.environ.update(
    HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false"
)

SUMS = '''
"""A specialist of a user's own: adds two numbers."""

from random import Random

from pydantic import BaseModel, ConfigDict

from factory.records import Rendered, Score
from factory.specialist import Description

VERSION = 1


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    most: int


class State(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    family: str
    a: int
    b: int


def draw(rng: Random, settings: Settings, side: str) -> State:
    return State(family=f"{side} {rng.randint(1, 20)}", a=rng.randint(1, settings.most), b=rng.randint(1, settings.most))


def render(state: State, rng: Random, held_out: bool) -> Rendered:
    word = "Sum" if held_out else rng.choice(("Add", "Total"))
    question = f"{word} the {state.family} numbers {state.a} and {state.b}"
    return Rendered(({"role": "user", "content": question},), str(state.a + state.b), (word,))


def verify(state: State, answers: list[str]) -> list[Score]:
    return [Score(1.0) if answer == str(state.a + state.b) else Score(0.0, "wrong sum") for answer in answers]


def corrupt(state: State) -> list[str]:
    return [str(state.a + state.b + 1), str(state.a)]


def describe(state: State) -> Description:
    big = "hard" if state.a > 50 else "easy"
    return Description(state.family, f"{state.a}", {"difficulty": big, "slice": "plain"})
'''

SUMS_CONF = """# @package _global_
# Sums of two numbers, the example of a user's own specialist.
specialist:
  name: sums
  settings: {most: 99}
"""


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real evaluation sets; the test is skipped where they are absent."""
    place = Path(os.environ.get("FACTORY_EVAL_DATA", ROOT.parent / "shared" / "data"))
    if not place.is_dir():
        pytest.skip(f"no evaluation data at {place}: set FACTORY_EVAL_DATA")
    return place


@pytest.fixture
def sums_folder(tmp_path: Path) -> Path:
    """A user's folder with the specialist `sums` and its conf file, and nothing else."""
    for path, text in {"specialists/sums/__init__.py": SUMS, "conf/specialist/sums.yaml": SUMS_CONF}.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.fixture
def in_sums_folder(sums_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Works in that folder, in this process; forgets the module afterwards."""
    monkeypatch.chdir(sums_folder)
    monkeypatch.syspath_prepend(sums_folder)
    importlib.invalidate_caches()
    yield sums_folder
    for name in [name for name in sys.modules if name == "specialists" or name.startswith("specialists.")]:
        del sys.modules[name]
