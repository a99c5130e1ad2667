"""What the tests of a GPU share: they skip themselves where there is none.

pytest tests/gpu                         # on a machine with a GPU
FACTORY_TESTS_GPU=cpu pytest tests/gpu   # the same code on a CPU, as far as it goes there
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from factory import config, fits, models, pipeline
from factory.store import Made

HERE = "cpu" if os.environ.get("FACTORY_TESTS_GPU") == "cpu" else "cuda"
Trained = Callable[..., Made]


@pytest.fixture(autouse=True, scope="session")
def device() -> str:
    """Where these tests run."""
    if HERE == "cuda" and not fits.gpu():
        pytest.skip("no GPU here")
    return HERE


@pytest.fixture
def only_on_a_gpu(device: str) -> None:
    """For what has no meaning, or no code, on a CPU."""
    if device == "cpu":
        pytest.skip("means nothing on a CPU")


def words(device: str, runs: Path, *more: str) -> list[str]:
    """The overrides that all trainings here begin with; the base stays packed, as on a GPU."""
    return [
        "base=tiny",
        "profile=smoke",
        "base.weights.quantisation.unpacked=false",
        "train.steps=6",
        "train.log_every=1",
        "runtime.threads=1",
        "runtime.workers=1",
        f"runtime.device={device}",
        f"runtime.runs={runs}",
        *more,
    ]


@pytest.fixture(scope="module")
def trained(device: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """An adapter of the tiny base after a few steps, by its overrides; products are shared."""
    runs = tmp_path_factory.mktemp("runs")

    def train(*more: str) -> Made:
        asked = config.load(words(device, runs, *more))
        return [step.made for step, _ in pipeline.run(asked, "adapter", lambda *_, **__: None)][-1]

    yield train
    models.LOAN.key, models.LOAN.model = (), None


@pytest.fixture
def start(device: str, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts a training in a process of its own, in a folder of the test's."""
    started: list[subprocess.Popen] = []

    def begin(*more: str) -> subprocess.Popen:
        said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        command = [sys.executable, "-m", "factory", "train", *words(device, tmp_path, *more)]
        started.append(subprocess.Popen(command, **said))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
