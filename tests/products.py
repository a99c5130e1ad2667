"""Products as the stages leave them, without the stages: what a registration reads, in milliseconds."""

from __future__ import annotations

import json
import os
import signal
from functools import cache
from inspect import isfunction
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from factory import config, models
from factory.records import Example
from factory.rows import write_examples, write_table
from factory.store import Made, digest, sha256

WORDS = ("base=tiny", "profile=smoke", "registry.gate.min_rows=2", "registry.gate.min_families=2")
LAYER = "base_model.model.model.layers.0.self_attn.q_proj"
CHECKUP: dict[str, Any] = {
    "rows": 8,
    "refused": {"base": 0.0, "adapter": 0.0, "gold": 0.0, "text": ""},
    "same": {"base": 0.1, "adapter": 0.02, "gold": 0.01, "text": "select a"},
    "copied": {side: {"words": 5, "text": "order by b limit 1 then"} for side in ("base", "adapter", "gold")},
    "canaries": None,
    "loss": {
        "the base's own text": {"own": True, "base": 1.5, "adapter": 1.75, "rows": 8, "left_out": 0},
        "exam of medical": {"own": False, "base": 2.5, "adapter": 2.25, "rows": 8, "left_out": 0},
    },
}
"""What a checkup says where nothing is wrong."""


def made(folder: Path, stage: str, key: str, counts: dict[str, Any]) -> Made:
    """A folder becomes a product: its manifest is written over what lies in it."""
    payload = {
        path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    manifest = {"stage": stage, "version": 1, "key": key, "asked": {}, "counts": counts, "payload": payload}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "facts.json").write_text(json.dumps({"made_with": {}}))
    return Made(stage, key, folder)


def between(value: float) -> dict[str, float]:
    """A figure with an interval of ten points."""
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def products(runs: Path, name: str = "one", adapter: float = 0.4, base: float = 0.1) -> dict[str, Made]:
    """Kept rows, adapter and report of a specialist that scores so; another name is another report."""
    folders = {stage: runs / "sql" / f"{stage}-{name}" for stage in ("kept", "adapter", "report", "checkup")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    write_examples(
        folders["kept"] / "kept.parquet", [Example("a", ({"role": "user", "content": "how"},), "so", None, "clinics")]
    )
    (folders["adapter"] / "adapter").mkdir()
    weigh(folders["adapter"] / "adapter", name)
    (folders["adapter"] / "curve.jsonl").write_text('{"step": 1, "loss": 2.5}\n{"step": 2, "loss": 1.5}\n')
    scores = {"base": between(base), "adapter": between(adapter), "difference": between(adapter - base)}
    report = {**scores, "rows": 12, "families": 6, "confidence": 0.95, "alive": 0.3, "exam": "e" * 64, "notice": ""}
    report |= {"cuts": {"difficulty": {"easy": scores}}, "mcnemar": {"p": 0.01}, "tokens": {"base": 40, "adapter": 30}}
    (folders["report"] / "report.json").write_text(json.dumps(report))
    (folders["report"] / "report.html").write_text("<p>report</p>")
    write_table(
        folders["report"] / "answers.parquet",
        [
            {
                "id": str(row),
                "family": f"shop {row % 6}",
                "adapter_score": adapter + (0.05 if row % 2 else -0.05),
                "base_score": base,
            }
            for row in range(12)
        ],
    )
    (folders["checkup"] / "checkup.json").write_text(json.dumps(CHECKUP))
    counts = {"kept": {}, "adapter": {"adapter_bytes": 2048}, "report": {}, "checkup": CHECKUP}
    return {stage: made(folder, stage, digest([name, stage]), counts[stage]) for stage, folder in folders.items()}


def weigh(folder: Path, name: str) -> None:
    """An adapter on one layer of the base, with its contract; another name has other numbers."""
    numbers = np.random.default_rng(int(digest(name)[:8], 16)).random((8, 4), "f4")
    save_file(
        {f"{LAYER}.lora_A.weight": numbers.T.copy(), f"{LAYER}.lora_B.weight": numbers},
        folder / "adapter_model.safetensors",
    )
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "target_modules": ["q_proj"], "r": 4}))
    contract = offered() | {"serving": ["plain"], "shapes": models.adapter_shapes(folder)}
    (folder / models.CONTRACT).write_text(json.dumps(contract))


@cache
def offered() -> dict[str, Any]:
    """What the tiny base asks of an adapter."""
    asked = config.load(list(WORDS))
    return models.base_contract(models.weights_source(asked.base), models.tokenizer_source(asked.base), asked.adapted)


def register(runs: Path, words: tuple[str, ...], name: str, adapter: float, dies: int | str = "") -> str:
    """Registers such a report, in whatever process this is; the version.

    `dies`: SIGKILL before that call to MLflow's client, by its number or its name.
    """
    import mlflow

    from factory import registry

    if dies:
        calls = count(1)

        def wired(called: str, method: Any) -> Any:
            def call(*given: Any, **more: Any) -> Any:
                if dies in (called, next(calls)):
                    os.kill(os.getpid(), signal.SIGKILL)
                return method(*given, **more)

            return call

        for called, method in list(vars(mlflow.MlflowClient).items()):
            if isfunction(method) and not called.startswith("_"):
                setattr(mlflow.MlflowClient, called, wired(called, method))
    asked = config.load([*WORDS, *words])
    return registry.register(products(runs, name, adapter), asked, lambda *_, **__: None).version
