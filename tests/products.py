"""Products as the stages leave them, without the stages: what a registration reads, in milliseconds."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def made(folder: Path, stage: str, key: str, counts: dict[str, Any], asked: dict[str, Any] | None = None) -> Made:
    """A folder becomes a product: its manifest is written over what lies in it."""
    payload = {
        path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    manifest = {"stage": stage, "version": 1, "key": key, "asked": asked or {}, "counts": counts, "payload": payload}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "facts.json").write_text(json.dumps({"made_with": {}}))
    return Made(stage, key, folder)


def between(value: float) -> dict[str, float]:
    """A figure with an interval of ten points."""
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def products(runs: Path, name: str = "one", adapter: float = 0.4, base: float = 0.1) -> dict[str, Made]:
    """Kept rows, adapter and report of a specialist that scores so; another name is another report, the same one the same."""
    folders = {stage: runs / "sql" / f"{stage}-{name}" for stage in ("kept", "adapter", "report", "checkup")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    write_examples(
        folders["kept"] / "kept.parquet", [Example("a", ({"role": "user", "content": "how"},), "so", None, "clinics")]
    )
    (folders["adapter"] / "adapter").mkdir(exist_ok=True)
    weigh(folders["adapter"] / "adapter", name)
    (folders["adapter"] / "curve.jsonl").write_text('{"step": 1, "loss": 2.5}\n{"step": 2, "loss": 1.5}\n')
    scores = {"base": between(base), "adapter": between(adapter), "difference": between(adapter - base)}
    report = {**scores, "rows": 12, "families": 6, "confidence": 0.95, "alive": 0.3, "exam": "e" * 64, "notice": ""}
    report |= {"cuts": {"difficulty": {"easy": scores}}, "mcnemar": {"p": 0.01}, "tokens": {"base": 40, "adapter": 30}}
    (folders["report"] / "report.json").write_text(json.dumps(report))
    (folders["report"] / "report.html").write_text("<p>report</p>")
    scored = [adapter + (0.05 if row % 2 else -0.05) for row in range(12)]
    write_table(folders["report"] / "answers.parquet", [sat(row, base, score) for row, score in enumerate(scored)])
    (folders["checkup"] / "checkup.json").write_text(json.dumps(CHECKUP))
    counts = {"kept": {}, "adapter": {"adapter_bytes": 2048}, "report": {}, "checkup": CHECKUP}
    keys = {stage: digest([name, stage]) for stage in folders}
    asked = {
        "kept": {},
        "adapter": {"kept": keys["kept"]},
        "report": keys | {"report": None, "checkup": None, "exam": "e" * 64},
    }
    asked["checkup"] = {"adapter": keys["adapter"], "report": keys["report"]}
    return {stage: made(folder, stage, keys[stage], counts[stage], asked[stage]) for stage, folder in folders.items()}


def sat(row: int, base: float, adapter: float) -> dict[str, Any]:
    """An exam row as a report has it, with the answers of base and adapter that score so."""
    answers = {"base": base, "adapter": adapter}
    return {
        "id": str(row),
        "family": f"shop {row % 6}",
        "prompt": f"How many of {row}?",
        "gold": str(row),
        **{f"{who}_answer": str(row) if score >= 1 else "none" for who, score in answers.items()},
        **{f"{who}_score": score for who, score in answers.items()},
        **{f"{who}_reason": "" if score >= 1 else "wrong rows" for who, score in answers.items()},
        **{f"{who}_tokens": 3 for who in answers},
        **{f"{who}_stopped": score >= 1 for who, score in answers.items()},
    }


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
    """Registers such a report, in whatever process this is; the version. `dies`: SIGKILL before that call (`before`)."""
    from factory import registry

    asked = config.load([*WORDS, *words])
    with before(dies, lambda: os.kill(os.getpid(), signal.SIGKILL)):
        return registry.register(products(runs, name, adapter), asked, lambda *_, **__: None).version


@contextmanager
def before(call: int | str, then: Callable[[], object]) -> Iterator[None]:
    """Does something before one call to MLflow's client: the one of that number, or each of that name."""
    from mlflow import MlflowClient

    calls, real = count(1), dict(vars(MlflowClient))

    def wired(called: str, method: Any) -> Any:
        def made(*given: Any, **more: Any) -> Any:
            if call in (called, next(calls)):
                then()
            return method(*given, **more)

        return made

    ours = {name: method for name, method in real.items() if isfunction(method) and not name.startswith("_")}
    for called, method in ours.items():
        setattr(MlflowClient, called, wired(called, method))
    try:
        yield
    finally:
        for called, method in ours.items():
            setattr(MlflowClient, called, method)
