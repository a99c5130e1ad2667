"""A GPU computes what a CPU does: 4-bit values, losses, packed rows, whatever makes it faster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from factory import config, models
from factory.rows import read_jsonl, read_table
from factory.store import Made
from tests.neighbours import beside

PLAIN = "train=lora"
"""An unquantised base in float32."""


def curve(made: Made) -> list[float]:
    return [point["loss"] for point in read_jsonl(made.file("curve.jsonl")) if "loss" in point]


def values(device: str, base: str) -> dict[str, Any]:
    """The numbers that a base's 4-bit layers stand for."""
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit

    asked = config.load([f"base={base}", f"runtime.device={device}", "runtime.threads=1"])
    model = models.load_base(models.weights_source(asked.base), asked.base.weights, asked.runtime)
    layers = {name: layer.weight for name, layer in model.named_modules() if isinstance(layer, Linear4bit)}
    return {name: dequantize_4bit(weight.data, weight.quant_state).cpu() for name, weight in layers.items()}


@pytest.mark.parametrize("base", ["nano", "tiny"])
def test_the_4_bit_values_are_those_of_a_cpu(device: str, base: str) -> None:
    """All but a few: a number halfway between two codes may round either way."""
    there, here = values("cpu", base), values(device, base)
    assert here.keys() == there.keys() and len(here) == {"nano": 28, "tiny": 14}[base]
    numbers = sum(value.numel() for value in here.values())
    off = sum(int(((value - there[name]).abs() > 1e-5 * there[name].abs().max()).sum()) for name, value in here.items())
    assert off / numbers < 1e-4


def test_an_adapter_trains_in_4_bit_as_on_a_cpu(trained: Callable[..., Made], tmp_path: Path) -> None:
    losses = curve(trained("train.steps=12"))
    assert sum(losses[-3:]) < sum(losses[:3])
    cpu = trained("train.steps=12", "runtime.device=cpu", f"runtime.runs={tmp_path}")  # its key is the same
    assert losses == pytest.approx(curve(cpu), rel=5e-3)


def test_bfloat16_stays_near_float32(trained: Callable[..., Made]) -> None:
    half = [
        "train.precision=bfloat16",
        "base.weights.dtype=bfloat16",
        "base.weights.quantisation.compute_dtype=bfloat16",
    ]
    assert curve(trained(*half)) == pytest.approx(curve(trained()), rel=2e-2)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("head", ["sliced", "chunked"])
def test_packed_is_padded_row_by_row(trained: Callable[..., Made], head: str, attention: str) -> None:
    """In float32, on every row at every visit, to 1e-4 nats per token."""
    words = [PLAIN, f"train.head={head}", f"base.weights.attention={attention}"]
    padded, packed = (trained(*words, f"train.packing={flag}") for flag in ("false", "true"))
    ours, theirs = (read_table(made.file("rows.parquet")) for made in (padded, packed))
    assert [row["id"] for row in ours] == [row["id"] for row in theirs] and len(ours) == 48
    assert max(abs(a["loss"] - b["loss"]) / a["tokens"] for a, b in zip(ours, theirs, strict=True)) < 1e-4


def test_the_neighbours_of_a_packed_row_do_not_change_it(device: str) -> None:
    """The same row alone, and between others of the same lengths: the same logits."""
    import torch

    words = ["base=nano", PLAIN, f"runtime.device={device}", "runtime.threads=1"]
    asked = config.load(words)
    model = models.load_base(models.weights_source(asked.base), asked.base.weights, asked.runtime)
    alone, *between = beside(model, device)
    assert (alone - between[0]).abs().max() < 1e-4
    assert torch.equal(*between)


@pytest.mark.parametrize("packing", ["false", "true"])
def test_a_compiled_training_has_the_same_losses(trained: Callable[..., Made], packing: str) -> None:
    words = [PLAIN, "train.steps=3", f"train.packing={packing}"]
    assert curve(trained(*words, "train.compile=true")) == pytest.approx(curve(trained(*words)), abs=1e-3)


@pytest.mark.usefixtures("only_on_a_gpu")
@pytest.mark.parametrize("words", [(), (PLAIN,), (PLAIN, "train.packing=true"), ("train.gradient_checkpointing=true",)])
def test_ligers_kernels_give_the_same_losses(trained: Callable[..., Made], words: tuple[str, ...]) -> None:
    """And a job after it on the same base is the one that it is alone."""
    pytest.importorskip("liger_kernel", reason="the extra `gpu` is not installed")
    plain = trained(*words)
    assert curve(trained(*words, "train.liger=true")) == pytest.approx(curve(plain), abs=1e-3)
    assert (
        trained(*words, "train.log_every=2").manifest["payload"]["adapter/adapter_model.safetensors"]
        == (plain.manifest["payload"]["adapter/adapter_model.safetensors"])
    )
