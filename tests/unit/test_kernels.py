"""Liger's kernels are refused where they cannot be, and leave a base as they found it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest

from factory import config, kernels, models
from factory.errors import Mistake


@pytest.fixture
def base() -> Any:
    """The tiny base, a Llama."""
    asked = config.load(["base=tiny", "train=lora", "runtime.threads=1", "runtime.device=cpu"])
    return models.load_base(models.weights_source(asked.base), asked.base.weights, asked.runtime)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A package of Liger's name that has kernels for Llama: norms that double, in the layers and in the architecture."""

    def apply(model: Any, **asked: bool) -> None:
        assert asked == {"cross_entropy": False, "fused_linear_cross_entropy": False}
        from transformers.models.llama import modeling_llama

        modeling_llama.apply_rotary_pos_emb = modeling_llama.LlamaRMSNorm = None
        norm = model.model.norm
        norm.offset, norm.variance_epsilon = 0.0, 1.0
        vars(norm)["forward"] = lambda hidden: type(norm).forward(norm, hidden) * 2

    def plant(kind: str = "llama") -> None:
        package, patches = ModuleType("liger_kernel.transformers"), ModuleType("liger_kernel.transformers.monkey_patch")
        package._apply_liger_kernel_to_instance = apply
        patches.MODEL_TYPE_TO_APPLY_LIGER_FN = {kind: apply}
        for module in (ModuleType("liger_kernel"), package, patches):
            monkeypatch.setitem(sys.modules, module.__name__, module)

    return plant


def said(model: Any) -> Any:
    import torch

    with torch.inference_mode():
        return model(input_ids=torch.arange(300, 340).reshape(2, 20)).logits


@pytest.mark.parametrize("end", ["well", "badly"])
def test_a_base_is_afterwards_as_it_was(base: Any, planted: Callable[..., None], end: str) -> None:
    from transformers.models.llama import modeling_llama

    planted()
    before, names = said(base), dict(vars(modeling_llama))
    attributes = [set(vars(module)) for module in base.modules()]
    with suppress(ZeroDivisionError), kernels.liger(base, wanted=True):
        assert base.model.norm.offset == 0.0 and modeling_llama.LlamaRMSNorm is None
        assert end == "well" or 1 / 0
    assert dict(vars(modeling_llama)) == names
    assert [set(vars(module)) for module in base.modules()] == attributes
    assert base.model.norm.variance_epsilon == base.config.rms_norm_eps and said(base).equal(before)


def test_nothing_happens_where_they_are_not_wanted(base: Any) -> None:
    with kernels.liger(base, wanted=False):
        assert "forward" not in vars(base.model.norm)


def test_a_base_without_kernels_is_refused(base: Any, planted: Callable[..., None]) -> None:
    planted("qwen3")
    with (
        pytest.raises(Mistake, match="train.liger=true: liger-kernel has no kernels for llama - set train.liger=false"),
        kernels.liger(base, wanted=True),
    ):
        pass


def test_they_want_a_gpu_and_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Mistake, match="train.liger=true: its kernels run on a GPU, and there is none in use here"):
        kernels.there(True, "cpu")
    monkeypatch.setattr(kernels, "find_spec", lambda name: None)
    with pytest.raises(Mistake, match="liger-kernel is not installed - pip install 'factory-slm.gpu.', or set"):
        kernels.there(True, "cuda")
    kernels.there(False, "cpu")


def test_a_training_without_a_gpu_is_refused_before_its_base_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from factory.stages.train import bare

    monkeypatch.setattr(models, "load_base", lambda *_: pytest.fail("loaded"))
    asked = config.load(["base=tiny", "train.liger=true", "runtime.device=cpu", "runtime.threads=1"])
    with (
        pytest.raises(Mistake, match="train.liger=true: its kernels run on a GPU"),
        bare(models.weights_source(asked.base), asked.base.weights, asked.runtime, asked.train),
    ):
        pass
