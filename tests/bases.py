"""Bases of random weights for the tests and benchmarks of a GPU: small ones as folders, those of a real shape without a file.

A base of a real shape is a folder with its `config.json` only. `unwritten` draws the weights on the device when the factory
loads it, in seconds and with no gigabytes on the disk; everything behind that, 4-bit loading too, is transformers' own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from factory import config, models

SHAPES: Mapping[str, dict[str, Any]] = {
    "qwen3-8b": {
        "model_type": "qwen3",
        "vocab_size": 151_936,
        "hidden_size": 4096,
        "intermediate_size": 12_288,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 40_960,
        "tie_word_embeddings": False,
    },
    "olmoe-1b-7b": {
        "model_type": "olmoe",
        "vocab_size": 50_304,
        "hidden_size": 2048,
        "intermediate_size": 1024,
        "num_hidden_layers": 16,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
        "num_experts": 64,
        "num_experts_per_tok": 8,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
    },
}
"""The shapes of `conf/base`: a dense base and one of experts."""
SMALL = {
    "vocab_size": 3072,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 512,
}
"""What of them is small in a trial; no vocabulary is smaller than that of the embedded tokenizers."""
FEW = {"num_experts": 4, "num_experts_per_tok": 2}
MORE = {"qwen3": {"head_dim": 16}, "qwen3_moe": {"head_dim": 16, "moe_intermediate_size": 64} | FEW, "olmoe": FEW}
MARK = "model.safetensors"
"""The file of weights that a folder of the factory's must have; in a base without any it holds one number."""


def small(kind: str, folder: Path) -> Path:
    """A small random base of an architecture, written whole, with the tokenizer of the tiny one."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SMALL | MORE[kind])).save_pretrained(folder)
    tiny = config.data_dir() / "base" / "tiny"
    for name in models.TOKENIZER_FILES:
        if (tiny / name).exists():
            (folder / name).write_bytes((tiny / name).read_bytes())
    return folder


def named(name: str, folder: Path, trial: bool = False) -> Path:
    """The folder of a base of a real shape, without weights; for a trial a small one of the same architecture."""
    import numpy as np
    from safetensors.numpy import save_file

    kind = SHAPES[name]["model_type"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(SHAPES[name] | (SMALL | MORE[kind] if trial else {})))
    save_file({"none": np.zeros(1, np.float32)}, folder / MARK)
    return folder


@contextmanager
def unwritten(seed: int = 0) -> Iterator[None]:
    """Inside, the factory loads bases without weights: they are drawn on the device they go to."""
    from transformers import AutoConfig, AutoModelForCausalLM

    real = AutoModelForCausalLM.__dict__["from_pretrained"]

    def from_pretrained(cls: type, path: Path, dtype: Any, device_map: Mapping[str, str], **settings: Any) -> Any:
        shape = AutoConfig.from_pretrained(path)
        kind = AutoModelForCausalLM._model_mapping[type(shape)]
        weights = drawn(shape, dtype, device_map[""], seed)
        for name in ("revision", "trust_remote_code"):
            settings.pop(name)
        model = kind.from_pretrained(
            None, config=shape, state_dict=weights, dtype=dtype, device_map=device_map, **settings
        )
        model.name_or_path = model.config.name_or_path = str(path)  # as loading from there would leave it
        return model

    AutoModelForCausalLM.from_pretrained = classmethod(from_pretrained)
    try:
        yield
    finally:
        AutoModelForCausalLM.from_pretrained = real


def drawn(shape: Any, dtype: Any, where: str, seed: int) -> dict[str, Any]:
    """Random weights of a shape by name: matrices from a normal distribution, scales one."""
    import torch

    stream = torch.Generator(where).manual_seed(seed)
    return {
        name: torch.ones(value.shape, dtype=dtype, device=where)
        if value.dim() == 1
        else torch.empty(value.shape, dtype=dtype, device=where).normal_(0, 0.02, generator=stream)
        for name, value in blank(shape).state_dict().items()
    }


def blank(shape: Any) -> Any:
    """The model of a shape, with no memory behind it."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(shape)
