"""A small registry to look at: three versions of one model, with rows that flip, kept rows that differ, and hostile texts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from factory import config, models, registry
from factory.records import Example
from factory.rows import write_examples, write_table
from factory.store import Made
from tests.products import WORDS, made, products, sat

HOSTILE = "<script>alert('x')</script> \"quoted\" {{ 7 * 7 }} \U0001f9a4"
"""What a name, a prompt or an answer may hold."""
RIGHT = {"one": (0, 1, 2, 3), "two": (2, 3, 4, 5, 6, 7), "three": (2, 3, 4, 5, 6, 7, 8, 9)}
"""Rows of the exam that each version gets right, the whole score; all others none of it."""
EXAMS = {"one": "e" * 64, "two": "e" * 64, "three": "f" * 64}
RATES = {"one": 1e-3, "two": 2e-3, "three": 2e-3}
WIDTH, INNER = 64, 128
"""Of the tiny base."""


def stocked(asked: config.Config, runs: Path) -> None:
    """Registers the versions `one`, `two` and `three`; kept rows of the first two stay where a run leaves them."""
    for name in RIGHT:
        registry.register(version(runs, name), other(asked, name), lambda *_, **__: None)


def other(asked: config.Config, name: str) -> config.Config:
    """What was asked for a version: they differ in their learning rate."""
    return asked.model_copy(update={"train": asked.train.model_copy(update={"learning_rate": RATES[name]})})


def version(runs: Path, name: str) -> dict[str, Made]:
    """The products of a version as stages leave them."""
    found = products(runs, name, adapter=len(RIGHT[name]) / 12, base=0.0)
    write_table(
        found["report"].folder / "answers.parquet", [spoken(row, float(row in RIGHT[name])) for row in range(12)]
    )
    text = (found["report"].folder / "report.json").read_text()
    (found["report"].folder / "report.json").write_text(json.dumps(json.loads(text) | {"exam": EXAMS[name]}))
    loadable(found["adapter"].folder / "adapter", name)
    write_examples(found["kept"].folder / "kept.parquet", kept(name))
    found |= {stage: again(one, {"kept": 3, "train": 3} if stage == "kept" else None) for stage, one in found.items()}
    if name != "three":
        place = found["kept"].folder.rename(found["kept"].folder.with_name(f"kept-{found['kept'].key[:10]}"))
        found["kept"] = replace(found["kept"], folder=place)
    return found


def again(one: Made, counts: dict[str, Any] | None) -> Made:
    """The product with a manifest over what lies in it now."""
    then = one.manifest
    return made(one.folder, one.stage, one.key, counts or then["counts"], then["asked"])


def spoken(row: int, score: float) -> dict[str, Any]:
    """An exam row; the second one is hostile."""
    found = sat(row, 0.0, score)
    return found | {"prompt": HOSTILE, "adapter_answer": HOSTILE, "gold": HOSTILE} if row == 1 else found


def kept(name: str) -> list[Example]:
    """Two rows that all versions have, and one of their own."""
    rows = {"a": "how", "b": "where", name: f"what of {name}"}
    return [
        Example(id, ({"role": "user", "content": text},), "so", None, "clinics", split="train")
        for id, text in rows.items()
    ]


def loadable(folder: Path, name: str) -> None:
    """An adapter that the tiny base takes, strong enough to be seen; another name has other numbers."""
    draw = np.random.default_rng(list(RIGHT).index(name)).normal
    layers = [f"base_model.model.model.layers.{layer}.mlp.down_proj" for layer in (0, 1)]
    tensors = {f"{layer}.lora_A.weight": draw(0, 1, (4, INNER)).astype("f4") for layer in layers}
    tensors |= {f"{layer}.lora_B.weight": draw(0, 1, (WIDTH, 4)).astype("f4") for layer in layers}
    save_file(tensors, folder / "adapter_model.safetensors")
    settings = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "target_modules": ["down_proj"], "r": 4, "lora_alpha": 8}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    contract = json.loads((folder / models.CONTRACT).read_text())
    (folder / models.CONTRACT).write_text(json.dumps(contract | {"shapes": models.adapter_shapes(folder)}))


def words(runs: Path) -> list[str]:
    """The overrides of this registry."""
    return [*WORDS, f"runtime.runs={runs}"]
