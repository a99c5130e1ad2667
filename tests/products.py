"""Products as the stages leave them, without the stages: what a registration reads, in milliseconds."""

from __future__ import annotations

import json
import os
import signal
from inspect import isfunction
from itertools import count
from pathlib import Path
from typing import Any

from factory.records import Example
from factory.rows import write_examples, write_table
from factory.store import Made, digest, sha256

WORDS = ("base=tiny", "profile=smoke", "registry.gate.min_rows=2")


def made(folder: Path, stage: str, key: str, counts: dict[str, Any]) -> Made:
    """A folder becomes a product: its manifest is written over what lies in it."""
    payload = {
        path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    manifest = {"stage": stage, "version": 1, "key": key, "asked": {}, "counts": counts, "payload": payload}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return Made(stage, key, folder)


def between(value: float) -> dict[str, float]:
    """A figure with an interval of ten points."""
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def products(runs: Path, name: str = "one", adapter: float = 0.4, base: float = 0.1) -> dict[str, Made]:
    """Kept rows, adapter and report of a specialist that scores so; another name is another report."""
    folders = {stage: runs / "sql" / f"{stage}-{name}" for stage in ("kept", "adapter", "report")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    write_examples(
        folders["kept"] / "kept.parquet", [Example("a", ({"role": "user", "content": "how"},), "so", None, "clinics")]
    )
    (folders["adapter"] / "adapter").mkdir()
    weights = {"adapter_config.json": '{"peft_type": "LORA"}', "adapter_model.safetensors": f"weights of {name}"}
    contract = {"base_weights": "b" * 64, "tokenizer": "c" * 64, "quantisation": {"kind": "nf4"}, "serving": ["plain"]}
    for file, text in {**weights, "contract.json": json.dumps(contract)}.items():
        (folders["adapter"] / "adapter" / file).write_text(text)
    (folders["adapter"] / "curve.jsonl").write_text('{"step": 1, "loss": 2.5}\n{"step": 2, "loss": 1.5}\n')
    scores = {"base": between(base), "adapter": between(adapter), "difference": between(adapter - base)}
    report = {**scores, "rows": 4, "families": 2, "confidence": 0.95, "alive": 0.3, "exam": "e" * 64, "notice": ""}
    report |= {"cuts": {"difficulty": {"easy": scores}}, "mcnemar": {"p": 0.01}}
    (folders["report"] / "report.json").write_text(json.dumps(report))
    (folders["report"] / "report.html").write_text("<p>report</p>")
    write_table(
        folders["report"] / "answers.parquet",
        [
            {"id": str(row), "family": f"shop {row % 2}", "adapter_score": adapter, "base_score": base}
            for row in range(4)
        ],
    )
    counts = {"kept": {}, "adapter": {"adapter_bytes": 2048}, "report": {}}
    return {stage: made(folder, stage, digest([name, stage]), counts[stage]) for stage, folder in folders.items()}


def register(runs: Path, words: tuple[str, ...], name: str, adapter: float, dies: int | str = "") -> str:
    """Registers such a report, in whatever process this is; the version.

    `dies`: SIGKILL before that call to MLflow's client, by its number or its name.
    """
    import mlflow

    from factory import config, registry

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
