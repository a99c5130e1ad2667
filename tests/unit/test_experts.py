"""Mixture-of-experts bases: their experts train in 4 bit, what trained is told, and what 4 bit left is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from factory import config, coverage, models, pipeline
from factory.errors import DataMistake, Mistake
from factory.store import Made

EXPERTS = "train.lora.experts=[mlp.experts.gate_up_proj,mlp.experts.down_proj]"
SMALL = {
    "vocab_size": 2048,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 512,
}
Base = Callable[[str], Path]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A random base of an architecture, with the tokenizer of the tiny one."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    def make(kind: str) -> Path:
        folder = tmp_path_factory.getbasetemp() / kind
        if not folder.exists():
            own = {
                "olmoe": {"num_experts": 4},
                "qwen3_moe": {"num_experts": 4, "moe_intermediate_size": 64, "head_dim": 16},
                "granitemoe": {"num_local_experts": 4},
            }
            torch.manual_seed(0)
            tiny = config.data_dir() / "base" / "tiny"
            vocabulary = json.loads((tiny / "config.json").read_text())["vocab_size"]
            shape = AutoConfig.for_model(kind, **SMALL | own.get(kind, {}) | {"vocab_size": vocabulary})
            AutoModelForCausalLM.from_config(shape).save_pretrained(folder)
            for name in models.TOKENIZER_FILES:
                if (tiny / name).exists():
                    (folder / name).write_bytes((tiny / name).read_bytes())
        return folder

    return make


@pytest.fixture
def train(base: Base, tmp_path: Path) -> Iterator[Callable[..., Made]]:
    """Trains a few steps in 4 bit on such a base."""

    def run(kind: str, *words: str) -> Made:
        folder = base(kind)
        own = ["profile=smoke", "base=tiny", f"base.weights.path={folder}", f"base.tokenizer.path={folder}"]
        own += [
            "train.steps=4",
            "train.lora.targets=[q_proj,k_proj,v_proj,o_proj]",
            "runtime.threads=1",
            "runtime.workers=1",
        ]
        asked = config.load([*own, f"runtime.runs={tmp_path}", EXPERTS, *words])
        return [step.made for step, _ in pipeline.run(asked, "adapter", lambda *_, **__: None)][-1]

    yield run
    models.LOAN.key, models.LOAN.model = (), None


@pytest.mark.parametrize("kind", ["qwen3_moe", "olmoe"])
def test_experts_train_on_a_base_in_4_bit(train: Callable[..., Made], kind: str) -> None:
    """Attention in 4 bit, experts as 4-bit loading leaves them; every module learns, and the router stays as it is."""
    made = train(kind)
    found = json.loads(made.file("coverage.json").read_text())
    assert found["modules"] == 2 * (4 + 2) and found["blocks"] == 4 and found["experts"] == 16
    assert found["still_experts"] == {}, "eight rows a step reach all four experts"
    contract = json.loads(made.file("adapter/contract.json").read_text())
    assert not [name for name in contract["shapes"] if ".gate." in name]
    assert contract["serving"]["limits"] == ["adapted experts: not every server of adapters takes them"]
    left = models.LOAN.left
    assert "mlp.experts.gate_up_proj" in left and "q_proj" not in left and "of the base" in left


def test_the_share_that_is_not_quantised_is_right(base: Base) -> None:
    asked = config.load(["base=tiny", f"base.weights.path={base('olmoe')}", "runtime.threads=1"])
    model = models.load_base(models.weights_source(asked.base), asked.base.weights, asked.runtime)
    left = coverage.unquantised(model)
    assert left["model.layers.mlp.experts.gate_up_proj"] == (2 * 4 * 128 * 64, 2 * 4 * 128 * 64 * 4)
    assert left["model.layers.mlp.experts.down_proj"] == (2 * 4 * 64 * 64, 2 * 4 * 64 * 64 * 4)
    assert not any("_proj.weight" in kind for kind in left)
    experts = sum(size for kind, (_, size) in left.items() if "experts" in kind)
    assert 0 < experts < sum(size for _, size in left.values()) < coverage.weight_bytes(model)


@pytest.mark.parametrize("kind", ["qwen3_moe", "olmoe"])
def test_frozen_experts_are_caught(train: Callable[..., Made], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the adapter sits on the experts and says so, and nothing of it is trained."""
    import peft

    real = peft.get_peft_model

    def frozen(*given: object, **more: object) -> object:
        policy = real(*given, **more)
        for name, parameter in policy.named_parameters():
            if "experts" in name:
                parameter.requires_grad_(False)
        return policy

    monkeypatch.setattr(peft, "get_peft_model", frozen)
    with pytest.raises(
        DataMistake, match=r"train, coverage: 4 adapted modules received no gradient: model.layers.0.mlp.experts"
    ):
        train(kind)


@pytest.mark.parametrize("kind", ["olmoe", "granitemoe"])
def test_routers_train_where_they_are_asked_for(train: Callable[..., Made], kind: str) -> None:
    """Their weight is a parameter and no layer: the adapter sits on it, also when it is loaded again."""
    import torch

    experts = "train.lora.experts=[]"
    made = train(kind, experts, "train.lora.gate=true", "train.lora.rank=2", "train.router_balance=0.01")
    found = json.loads(made.file("coverage.json").read_text())
    assert found["modules"] == 2 * (4 + 1) and found["still_experts"] == {}
    contract = json.loads(made.file("adapter/contract.json").read_text())
    router = {"olmoe": ".mlp.gate.", "granitemoe": ".block_sparse_moe.router."}[kind]
    assert len([name for name in contract["shapes"] if router in name]) == 4
    bare = models.LOAN.model
    contract = {name: contract[name] for name in ("base_weights", "tokenizer", "quantisation")}
    loaded = models.attach(bare, made.folder / "adapter", contract)
    ids = torch.arange(300, 340).reshape(2, 20)
    with torch.inference_mode():
        moved = loaded(input_ids=ids).logits
        with loaded.disable_adapter():
            assert not torch.allclose(moved, loaded(input_ids=ids).logits)


def test_what_a_router_cannot_do_is_said(train: Callable[..., Made]) -> None:
    with pytest.raises(Mistake, match=r"train.lora.rank=16: model.layers.0.mlp.gate.weight is only 4 wide - take 4"):
        train("olmoe", "train.lora.gate=true")
    with pytest.raises(Mistake, match="train.lora.gate=true: this base has no routers - leave it out"):
        train("llama", "train.lora.experts=[]", "train.lora.gate=true")
    words = ("train.lora.experts=[]", "train.router_balance=0.01", "train.head=chunked")
    with pytest.raises(
        Mistake, match=r"train.router_balance=0.01: TRL's head does not know .* - take train.head=sliced"
    ):
        train("granitemoe", *words)


def test_experts_that_no_token_met_are_listed(base: Base) -> None:
    """One expert's half of the outer factor stays at zero: it is named, and nothing is refused."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    policy = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base("olmoe")),
        LoraConfig(r=2, target_parameters=["mlp.experts.down_proj"]),
    )
    outset = coverage.outset(policy)
    with torch.no_grad():
        for value in coverage.outer(policy).values():
            value.view(value.shape[0], -1, 4)[:, :, :3] += 1  # PEFT: (out, rank x experts), the experts innermost
    found = coverage.coverage(policy, outset)
    assert found.still_experts == {f"model.layers.{layer}.mlp.experts": [3] for layer in range(2)}
    assert found.line() == "2 adapted modules learnt, 6 of 8 experts in 2 blocks"


def test_the_router_is_adapted_only_when_asked(base: Base) -> None:
    from transformers import AutoModelForCausalLM

    from factory.stages.train import lora

    model = AutoModelForCausalLM.from_pretrained(base("qwen3_moe"))
    assert coverage.routers(model) == ["model.layers.0.mlp.gate", "model.layers.1.mlp.gate"]
    settings = config.load(["base=tiny"]).train.lora
    assert set(lora(model, settings).exclude_modules) == set(coverage.routers(model))
    assert lora(model, settings.model_copy(update={"gate": True})).exclude_modules is None


@pytest.mark.parametrize("kind", ["qwen3_moe", "olmoe"])
def test_all_linear_layers_are_neither_experts_nor_routers(base: Base, kind: str) -> None:
    """PEFT's own "all-linear" adapts both on some of these bases."""
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    from factory.stages.train import lora

    model = AutoModelForCausalLM.from_pretrained(base(kind))
    policy = get_peft_model(model, lora(model, config.load(["base=tiny"]).train.lora))
    adapted = [name for name, value in policy.named_parameters() if value.requires_grad]
    assert adapted and all("self_attn" in name for name in adapted)
