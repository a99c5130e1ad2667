"""Killed, a training on a GPU comes to the bytes of the undisturbed one; in a fleet, to those it has alone."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from factory import models
from factory.store import Made

pytestmark = pytest.mark.filterwarnings("ignore:Paged optimizers are not supported on CPU")
KILLED = ["train.steps=40", "train.checkpoint_every=5"]


def killed_after_a_checkpoint(process: subprocess.Popen, runs: Path) -> None:
    """SIGKILL as soon as a checkpoint is whole."""
    while process.poll() is None and not list(runs.glob("sql/adapter-*/work/checkpoints/checkpoint-*/complete")):
        time.sleep(0.02)
    if process.poll() is not None:
        pytest.fail(process.communicate()[0])
    process.kill()
    process.wait()


@pytest.mark.parametrize("optimizer", ["adamw_torch", "paged_adamw_8bit"])
def test_killed_it_resumes_to_the_same_bytes(
    optimizer: str, trained: Callable[..., Made], start: Callable[..., subprocess.Popen], tmp_path: Path
) -> None:
    words = [*KILLED, f"train.optimizer={optimizer}"]
    whole = trained(*words)
    killed_after_a_checkpoint(start(*words), tmp_path)
    again = start(*words)
    said = again.communicate()[0]
    assert again.returncode == 0 and "resuming at checkpoint-" in said, said
    (folder,) = tmp_path.glob("sql/adapter-*")
    assert Made("adapter", whole.key, folder).manifest["payload"] == whole.manifest["payload"]


def test_a_paged_8_bit_optimizer_learns_as_the_plain_one(trained: Callable[..., Made]) -> None:
    last = [trained(*KILLED, f"train.optimizer={name}").manifest["counts"]["loss"] for name in OPTIMIZERS]
    assert last[1] == pytest.approx(last[0], rel=3e-2)


OPTIMIZERS = ("adamw_torch", "paged_adamw_8bit")


def test_a_fleet_gives_every_adapter_that_it_gives_alone(trained: Callable[..., Made], tmp_path: Path) -> None:
    """Specialists, ranks and rates mixed, on one loaded base."""
    jobs = [
        (f"specialist={name}", f"train.lora.rank={rank}", f"train.learning_rate={rate}")
        for name, rank, rate in (("sql", 4, 1e-3), ("medical", 8, 5e-3), ("sql", 8, 5e-3))
    ]
    fleet = [trained(*job) for job in jobs]
    for job, made in zip(jobs, fleet, strict=True):
        models.LOAN.key, models.LOAN.model = (), None
        assert trained(*job, f"runtime.runs={tmp_path}").manifest["payload"] == made.manifest["payload"]
