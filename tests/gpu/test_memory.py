"""What a training takes is foretold within a fifth of what torch's allocator says it took."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from factory.store import Made

NANO = ["base=nano", "base.weights.quantisation.unpacked=false", "train.steps=2", "generate.rows=200"]


@pytest.mark.parametrize(
    "setting",
    [
        (),
        ("train.packing=true",),
        ("train.head=chunked",),
        ("train.precision=bfloat16",),
        ("train.gradient_checkpointing=true",),
        ("train.optimizer=paged_adamw_8bit",),
    ],
    ids=lambda setting: " ".join(setting) or "plain",
)
def test_the_peak_is_as_foretold(
    setting: tuple[str, ...], device: str, start: Callable[..., subprocess.Popen], tmp_path: Path
) -> None:
    """In a process of its own, so that nothing is held from before; on a CPU smaller, so that it is soon done."""
    running = start(*NANO, f"train.batch_size={64 if device == 'cuda' else 8}", *setting)
    said = running.communicate()[0]
    assert running.returncode == 0, said
    (folder,) = tmp_path.glob("sql/adapter-*")
    fit = Made("adapter", "", folder).facts["fit"]
    assert fit["peak"] == pytest.approx(fit["foretold"], rel=0.2 if device == "cuda" else 0.5)
