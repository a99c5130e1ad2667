"""On a GPU the experts of a 4-bit base train, every one of them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from factory import models
from factory.store import Made
from tests import bases

EXPERTS = "train.lora.experts=[mlp.experts.gate_up_proj,mlp.experts.down_proj]"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["qwen3_moe", "olmoe"])
def test_experts_train_on_a_base_in_4_bit(
    kind: str, precision: str, trained: Callable[..., Made], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = bases.small(kind, tmp_path_factory.getbasetemp() / f"{kind}-{precision}")
    made = trained(
        f"base.weights.path={folder}",
        f"base.tokenizer.path={folder}",
        "train.lora.targets=[q_proj,k_proj,v_proj,o_proj]",
        f"train.precision={precision}",
        EXPERTS,
    )
    found = json.loads(made.file("coverage.json").read_text())
    assert found["modules"] == 2 * (4 + 2) and found["experts"] == 16 and found["still_experts"] == {}
    assert "mlp.experts.gate_up_proj" in models.LOAN.left and "q_proj" not in models.LOAN.left


def test_a_base_is_drawn_where_it_is_wanted(
    trained: Callable[..., Made], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As the benchmark does it for real shapes: no file of weights, and the whole path behind it."""
    folder = bases.named("qwen3-8b", tmp_path_factory.mktemp("base"), trial=True)
    with bases.unwritten():
        made = trained(f"base.weights.path={folder}", "train.lora.rank=4")
    assert made.manifest["counts"]["trained_parameters"] > 0
