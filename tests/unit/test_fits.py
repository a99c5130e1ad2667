"""Memory is foretold from shapes alone, what does not fit is refused with what would, and the count is autograd's own."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import sys
from random import Random

import pytest

from factory import fits
from factory.config import Runtime, Train, data_dir, load
from factory.errors import Mistake
from factory.probe import spread
from factory.stages.order import Row, order

BATCH = fits.Batch(32, 300, 120)


def nano() -> fits.Shape:
    return fits.Shape.of(json.loads((data_dir() / "base" / "nano" / "config.json").read_text()))


def train(*words: str) -> Train:
    return load(words).train


def runtime(*words: str) -> Runtime:
    return load(words).runtime


def foretold(*words: str, batch: fits.Batch = BATCH, where: str = "cpu") -> int:
    asked = train(*words)
    return fits.foretold(nano(), fits.adapter_parameters(nano(), asked.lora), asked, batch, where)


def test_the_numbers_autograd_keeps_are_those_of_the_formula() -> None:
    """Counted on a Llama of nano's shape with an adapter on every layer: within one percent."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    asked, batch = train("train.head=chunked"), fits.Batch(4, 200, 1)
    shape = AutoConfig.from_pretrained(data_dir() / "base" / "nano")
    model = AutoModelForCausalLM.from_config(shape, dtype=torch.float32)
    policy = get_peft_model(model.requires_grad_(False), LoraConfig(r=asked.lora.rank, target_modules="all-linear"))
    own, kept = {value.untyped_storage().data_ptr() for value in policy.parameters()}, {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    ids = torch.randint(5, 500, (batch.rows, batch.longest))
    mask = torch.ones_like(ids)
    mask[0, -9:] = 0
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        policy(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=1)
    counted = sum(size for size, _ in kept.values())
    said = fits.foretold(nano(), 0, asked, batch, "released") - fits.FIRST_STEP
    head = fits.FLOAT * fits.logits(nano(), asked, batch)
    block = batch.rows * batch.longest * fits.FLOAT
    mask_part = block * batch.longest * nano().layers
    formula = (said - mask_part) / fits.FRAGMENTS["released"] - head + mask_part
    assert formula == pytest.approx(counted, rel=0.01)
    assert sum(value.numel() for value in policy.parameters() if value.requires_grad) == fits.adapter_parameters(
        nano(), asked.lora
    )


@pytest.mark.parametrize(
    "words",
    [
        ("train.gradient_checkpointing=true",),
        ("train.lora.rank=4",),
        ("train.precision=bfloat16",),
        ("train.optimizer=paged_adamw_8bit",),
    ],
)
def test_what_saves_memory_is_foretold_to(words: tuple[str, ...]) -> None:
    assert foretold(*words) < foretold()


def test_memory_grows_with_the_batch() -> None:
    half = dataclasses.replace(BATCH, rows=16)
    assert 1.8 < (foretold() - fits.FIRST_STEP) / (foretold(batch=half) - fits.FIRST_STEP) < 2.05
    assert foretold(where="released") < foretold()


def test_blocks_of_32_mib_leave_no_holes() -> None:
    """192 x 4 bytes a token: 146 rows of 300 tokens reach it. Measured: 128 rows of SQL 7,075 MiB, 160 rows 6,177."""
    below, above = (dataclasses.replace(BATCH, rows=rows) for rows in (145, 146))
    assert foretold(batch=above) == foretold(batch=above, where="released") < foretold(batch=below)
    assert foretold(batch=below) > foretold(batch=below, where="released")


def test_every_rung_of_the_ladder_takes_less() -> None:
    asked = train("train.batch_size=32")
    rungs = fits.ladder(nano(), fits.adapter_parameters(nano(), asked.lora), asked, BATCH, "cpu")
    sizes = [foretold(), *(rung.bytes for rung in rungs)]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == len(sizes)
    assert rungs[0].words == "train.batch_size=16 train.gradient_accumulation=2"
    assert "train.gradient_checkpointing=true" in rungs[-1].words and "tokenize.max_length=150" in rungs[-1].words


def test_every_weight_of_a_base_is_there_already() -> None:
    """Its gradient and two moments come on top; there is no adapter whose rank could be halved."""
    asked, weights = train("train=full"), 18_900_000
    with_none = fits.foretold(nano(), 0, asked, BATCH, "released")
    assert fits.foretold(nano(), weights, asked, BATCH, "released") - with_none == pytest.approx(1.05 * 3 * 4 * weights)
    assert with_none < foretold(where="released"), "no inner side of an adapter is kept"
    rungs = fits.ladder(nano(), weights, asked, BATCH, "cpu")
    assert rungs[-1].words.endswith("tokenize.max_length=150") and "rank" not in rungs[-1].words


def test_what_is_not_quantised_is_counted_as_it_is() -> None:
    """Embeddings, a head of its own, and experts, of which an adapter on all layers has none."""
    found = json.loads((data_dir() / "base" / "nano" / "config.json").read_text())
    numbers = found["vocab_size"] * found["hidden_size"]
    assert nano().never_quantised == numbers and nano().experts == 0
    mixed = fits.Shape.of(found | {"num_experts": 8, "num_experts_per_tok": 2, "tie_word_embeddings": False})
    experts = 3 * 8 * found["intermediate_size"] * found["hidden_size"] * found["num_hidden_layers"]
    assert mixed.never_quantised == 2 * numbers + experts and mixed.inner == 2 * nano().inner
    assert fits.adapter_parameters(mixed, train().lora) < 0.6 * fits.adapter_parameters(nano(), train().lora)


def test_the_change_that_is_advised_fits() -> None:
    """The words of the hint are overrides, and with them the same machine has room."""
    asked, device = train("train.batch_size=32"), runtime(f"runtime.memory={fits.memory() // fits.MEGA + 700}")
    adapter = fits.adapter_parameters(nano(), asked.lora)
    with pytest.raises(
        Mistake, match=r"train: does not fit: [\d,]+ MiB above the base foretold, [67]\d\d MiB there - "
    ) as caught:
        fits.refuse_what_does_not_fit(nano(), adapter, asked, BATCH, device, "cpu")
    words = caught.value.hint.partition(" would take")[0].split()
    better = train(*words)
    batch = dataclasses.replace(BATCH, rows=better.batch_size)
    assert better.rows_per_step == 32
    assert fits.refuse_what_does_not_fit(nano(), adapter, better, batch, device, "cpu") < 700 * fits.MEGA


def test_where_nothing_helps_that_is_said() -> None:
    with pytest.raises(Mistake, match="take a smaller base or a larger machine"):
        fits.refuse_what_does_not_fit(
            nano(), 0, train("train.batch_size=32"), BATCH, runtime("runtime.memory=1"), "cpu"
        )


def test_the_peak_is_that_of_the_block() -> None:
    """And not of what came before it."""
    before = bytearray(400 * fits.MEGA)
    del before
    held = fits.memory()
    with fits.peak() as peak:
        block = bytearray(200 * fits.MEGA)
        block[::4096] = b"x" * len(block[::4096])
        del block
    if peak.bytes is None:
        pytest.skip("this system has no mark to set back")
    assert 190 * fits.MEGA < peak.bytes - held < 230 * fits.MEGA


@pytest.mark.parametrize(
    ("torch", "driver", "devices", "there"),
    [
        ("2.13.0", True, 1, True),
        ("2.13.0", True, 0, False),
        ("2.13.0+cpu", True, 1, False),
        ("2.13.0", False, 1, False),
    ],
)
def test_a_plan_follows_the_gpu_that_auto_would_take(
    torch: str, driver: bool, devices: int, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of the driver: a plan does not load torch."""

    class Driver:
        def __init__(self, name: str) -> None:
            if not driver:
                raise OSError(name)

        def cuInit(self, flags: int) -> int:  # noqa: N802  (the driver's names)
            return 0

        def cuDeviceGetCount(self, count: ctypes.c_int) -> int:  # noqa: N802
            count.value = devices
            return 0

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(fits, "library", lambda name: torch)
    monkeypatch.setattr(fits.ctypes, "CDLL", Driver)
    monkeypatch.setattr(fits.ctypes, "byref", lambda count: count)
    assert fits.gpu() is there
    assert fits.place("auto", runtime()) == ("cuda" if there else "cpu")
    assert fits.place("cpu", runtime()) == "cpu" and fits.place("cuda", runtime()) == "cuda"


@pytest.mark.parametrize(("size", "steps"), [(8, 400), (20, 40), (64, 5)])
def test_the_steps_of_a_probe_stand_for_all(size: int, steps: int) -> None:
    """By padded tokens, on rows of like length together, whose longest come first."""
    lengths = [int(40 + 300 * Random(place).betavariate(2, 5)) for place in range(900)]
    asked = train(f"train.batch_size={size}", "train.gradient_accumulation=1")
    places = order([Row(tokens) for tokens in lengths], asked, 0, steps)

    def padded(some: list[int]) -> list[int]:
        return [max(lengths[place] for place in some[at : at + size]) for at in range(0, len(some), size)]

    first, *six = padded(spread(places, lengths, asked))
    assert first == max(lengths) and len(six) == 6
    assert sum(six) / 6 == pytest.approx(sum(padded(places)) / steps, rel=0.06)
