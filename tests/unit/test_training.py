"""Training is exact: packed or padded, cut this way or that, alone or in a fleet, it is the same; and it stops well."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from factory import config, models, packing, pipeline
from factory.errors import DataMistake, Mistake
from factory.rows import read_jsonl, read_table
from factory.store import Made
from tests.neighbours import beside

PLAIN = "train=lora"
"""An unquantised base in float32."""
Trained = Callable[..., Made]


def quiet(*_: object, **__: object) -> None:
    """Progress nobody watches."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """An adapter of the tiny base after a few steps, by its overrides; products are shared."""
    runs = tmp_path_factory.mktemp("runs")

    def train(*words: str) -> Made:
        base = [
            "base=tiny",
            "profile=smoke",
            "train.steps=6",
            "train.log_every=1",
            "runtime.threads=1",
            "runtime.workers=1",
        ]
        asked = config.load([*base, f"runtime.runs={runs}", *words])
        return [step.made for step, _ in pipeline.run(asked, "adapter", quiet)][-1]

    yield train
    models.LOAN.key, models.LOAN.model = (), None


def curve(made: Made) -> list[float]:
    return [point["loss"] for point in read_jsonl(made.file("curve.jsonl")) if "loss" in point]


def tensors(made: Made) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(made.file("adapter/adapter_model.safetensors"))


# --- packed and padded ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["sliced", "chunked"])
def test_packed_and_padded_training_agree(trained: Trained, head: str) -> None:
    """On every row at every visit, to 1e-4 nats per token."""
    padded, packed = (trained(PLAIN, f"train.head={head}", f"train.packing={flag}") for flag in ("false", "true"))
    ours, theirs = (read_table(made.file("rows.parquet")) for made in (padded, packed))
    assert [row["id"] for row in ours] == [row["id"] for row in theirs] and len(ours) == 48
    assert [row["tokens"] for row in ours] == [row["tokens"] for row in theirs]
    off = [abs(a["loss"] - b["loss"]) / a["tokens"] for a, b in zip(ours, theirs, strict=True)]
    assert max(off) < 1e-4


def test_the_neighbours_of_a_packed_row_do_not_change_it() -> None:
    """The same row alone, and between others of the same lengths: the same logits."""
    import torch

    words = ["base=tiny", PLAIN, "runtime.threads=1"]
    asked = config.load(words)
    model = models.load_base(models.weights_source(asked.base), asked.adapted, asked.runtime)
    alone, *between = beside(model, "cpu")
    assert (alone - between[0]).abs().max() < 1e-5
    assert torch.equal(*between)


@pytest.mark.parametrize(("batch", "times"), [(1, 8), (2, 4)])
def test_gradient_accumulation_is_by_tokens(trained: Trained, batch: int, times: int) -> None:
    """8 x 1 rows, 1 x 8 and 2 x 4: the same losses, the same adapter, up to the order of float sums."""
    whole = trained(PLAIN)
    cut = trained(PLAIN, f"train.batch_size={batch}", f"train.gradient_accumulation={times}")
    assert curve(cut) == pytest.approx(curve(whole), abs=1e-4)
    for name, value in tensors(whole).items():
        assert tensors(cut)[name] == pytest.approx(value, abs=2e-3), name


def test_both_heads_give_the_same_loss(trained: Trained) -> None:
    assert curve(trained(PLAIN, "train.head=chunked")) == pytest.approx(curve(trained(PLAIN)), abs=1e-5)


# --- methods ----------------------------------------------------------------------------------------------------------


def test_an_adapter_on_the_plain_base_says_so(trained: Trained) -> None:
    contract = json.loads(trained(PLAIN).file("adapter/contract.json").read_text())
    assert contract["quantisation"]["kind"] == "none"


def test_every_weight_is_trained_and_registers_nothing(trained: Trained) -> None:
    made = trained("train=full")
    assert made.manifest["counts"]["trained_parameters"] == 278_848 and (made.folder / "model").is_dir()
    with pytest.raises(Mistake, match="train.method=full: a registered version is an adapter - stop before"):
        list(pipeline.steps(config.load(["base=tiny", "train=full"])))


def test_a_preference_goes_on_from_the_same_adapter(trained: Trained) -> None:
    """Its start is the product of the first training alone, and it leaves that adapter at a loss of ln 2."""
    first = trained()
    made = trained(
        "train=dpo",
        "train.prefer.rows=24",
        "train.prefer.samples=2",
        "train.prefer.steps=3",
        "train.prefer.sft_weight=0",
        "train.prefer.max_new_tokens=6",
    )
    assert made.manifest["asked"]["start"] == first.key
    assert curve(made)[0] == pytest.approx(np.log(2), abs=1e-6) and curve(made)[-1] < curve(made)[0]
    ours, theirs = tensors(made), tensors(first)
    assert ours.keys() == theirs.keys()
    assert 0 < max(np.abs(ours[name] - theirs[name]).max() for name in ours) < 0.01


def test_a_second_training_is_foretold_by_its_own_steps_and_pairs(trained: Trained, tmp_path: Path) -> None:
    """Two answers to a prompt are two rows: twice the memory of a step, and its own number of steps."""
    from factory.forecast import forecast

    trained()
    words = ["base=tiny", "profile=smoke", "train=dpo", "train.steps=6", "train.prefer.steps=5", "train.prefer.rows=30"]
    asked = config.load([*words, f"runtime.runs={tmp_path}"])
    found = {one.stage: one for one in forecast(asked, list(pipeline.steps(asked, "adapter")))}
    size = asked.train.batch_size
    assert [found[name].rows for name in ("start", "pairs", "adapter")] == [str(6 * size), "30", str(5 * size)]
    first, second = (float(found[name].memory.split()[-2].replace(",", "")) for name in ("start", "adapter"))
    assert 1.5 * first < second < 2.1 * first


def test_the_best_checkpoint_is_counted_as_one_of_so_many(trained: Trained) -> None:
    made = trained("train.choose.by=loss", "train.checkpoint_every=2", "train.learning_rate=0.2")
    found = {
        point["step"]: point["eval_loss"] for point in read_jsonl(made.file("curve.jsonl")) if "eval_loss" in point
    }
    counts = made.manifest["counts"]
    assert counts["tries"] == 3 and counts["chosen"] == min(found, key=found.__getitem__)


def test_replayed_rows_are_trained_and_named(trained: Trained, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Say hello."}, {"role": "assistant", "content": "hello"}]
    (tmp_path / "others.jsonl").write_text(json.dumps({"messages": turns}) + "\n")
    made = trained("train=replay", f"train.replay.file={tmp_path / 'others.jsonl'}", "train.replay.share=0.25")
    rows = read_table(made.file("rows.parquet"))
    again = {row["id"] for row in rows if sum(other["id"] == row["id"] for other in rows) == 12}
    assert len(rows) == 48 and len(again) == 1


# --- one base, many adapters ------------------------------------------------------------------------------------------


def test_a_fleet_on_one_base_gives_every_adapter_that_it_gives_alone(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranks, rates and specialists mixed; the base is loaded once, for all of them."""
    loads: list[int] = []
    real = models.load_base
    monkeypatch.setattr(models, "load_base", lambda *given: loads.append(1) or real(*given))
    jobs = [
        (f"specialist={name}", f"train.lora.rank={rank}", f"train.learning_rate={rate}")
        for name in ("sql", "medical")
        for rank, rate in ((4, 1e-3), (8, 5e-3))
    ]
    fleet = [trained(*job, "seed=3") for job in jobs]
    assert len(loads) <= 1
    for job, made in zip(jobs, fleet, strict=True):
        models.LOAN.key, models.LOAN.model = (), None
        alone = trained(*job, "seed=3", f"runtime.runs={tmp_path}")
        assert alone.manifest["payload"] == made.manifest["payload"]


def test_a_base_on_loan_is_bare_again(trained: Trained) -> None:
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    trained("seed=5")
    model = models.LOAN.model
    assert not any(isinstance(module, BaseTunerLayer) for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not {"peft_config", "forward"} & vars(model).keys() and not model.training
    asked = config.load(["base=tiny", "runtime.threads=1"])
    fresh = models.load_base(models.weights_source(asked.base), asked.base.weights, asked.runtime)
    packing.unpack(fresh)
    ids = torch.arange(300, 340).reshape(2, 20)
    with torch.inference_mode():
        assert torch.equal(model(input_ids=ids).logits, fresh(input_ids=ids).logits)


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train.lora.rank=65"], r"train.lora.rank=65: \S+ is only 64 wide - take 64 or less"),
        (
            ["train.lora.targets=[q_proj,v_prj]"],
            "train.lora.targets=v_prj: matches no layer of this base - did you mean 'v_proj'",
        ),
        (
            ["train.lora.experts=[mlp.experts.up]"],
            "train.lora.experts=mlp.experts.up: matches no block of experts of this base",
        ),
        (["train.learning_rate=1000"], "train, step [23456]: the (loss|gradient) (rose from|is not a number).*; rows "),
    ],
)
def test_what_cannot_be_trained_is_one_line(trained: Trained, words: list[str], said: str) -> None:
    with pytest.raises(Mistake, match=said):
        trained(*words)


def test_checkpoints_of_another_training_are_refused_by_name(tmp_path: Path) -> None:
    from factory.stages.train import same

    same(tmp_path / "work" / "started.json", {"tokens": "a", "train": "b"})
    same(tmp_path / "work" / "started.json", {"tokens": "a", "train": "b"})
    with pytest.raises(DataMistake, match="its checkpoints were made with another tokens - delete the folder"):
        same(tmp_path / "work" / "started.json", {"tokens": "c", "train": "b"})
