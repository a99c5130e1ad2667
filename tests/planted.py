"""Products that the gate reads, planted: what it passes, and whatever is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from factory import gate, models
from factory.config import load
from factory.gate import Champion, Verdict
from factory.records import Example
from factory.rows import read_exam, write_examples, write_table
from factory.specialist import Inapplicable, find
from factory.store import Made, sha256
from tests.products import CHECKUP

WORDS = ("specialist=sql", "base=tiny")
TASK = find("sql")
EXAM = read_exam(TASK.exam)
ASKED = load(list(WORDS))
LAYER = "base_model.model.model.layers.0.self_attn.q_proj"
OWN = f"{LAYER}.lora_A.weight", f"{LAYER}.lora_B.weight"
Planned = dict[str, Made]
Plant = Callable[..., Planned]


def honest(count: int) -> list[Example]:
    """Rows as the specialist draws them for training."""
    settings = TASK.typed(ASKED.specialist.settings)
    found, index = [], 0
    while len(found) < count:
        index += 1
        try:
            found.append(TASK.example(index, 5, settings, "train"))
        except Inapplicable:
            continue
    return found


HONEST = honest(12)


def made(folder: Path, stage: str, counts: Mapping[str, Any], facts: Mapping[str, Any]) -> Made:
    """A product of the files that are in its folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    payload = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
    (folder / "manifest.json").write_text(json.dumps({"payload": payload, "counts": counts}))
    (folder / "facts.json").write_text(json.dumps(facts))
    return Made(stage, f"key of {stage}", folder)


def answers(base: Callable[[int], float], adapter: Callable[[int], float]) -> list[dict[str, Any]]:
    """The exam's rows with the scores of both."""
    return [
        {"id": row.id, "family": row.family, "base_score": float(base(i)), "adapter_score": float(adapter(i))}
        for i, row in enumerate(EXAM)
    ]


def tensors(**other: np.ndarray) -> dict[str, np.ndarray]:
    """The factors of one layer, the outer one not zero."""
    return dict(zip(OWN, (np.ones((4, 8), "f4"), np.ones((8, 4), "f4")), strict=True)) | other


def planted(
    root: Path,
    rows: list[dict[str, Any]] | None = None,
    kept: list[Example] = HONEST,
    weights: Mapping[str, np.ndarray] | None = None,
    contract: Mapping[str, Any] | None = None,
    tries: int | None = None,
    checkup: Mapping[str, Any] | None = None,
    folders: Mapping[str, Path] | None = None,
    **report: Any,
) -> Planned:
    """Products that the gate passes, but for what is given otherwise; each in the folder of its name, or where `folders` says."""
    asked = ASKED
    folders = {name: root / name for name in ("kept", "adapter", "report", "checkup")} | dict(folders or {})
    for folder in (*folders.values(), folders["adapter"] / "adapter"):
        folder.mkdir(parents=True, exist_ok=True)
    write_examples(folders["kept"] / "kept.parquet", kept)
    within = folders["adapter"] / "adapter"
    save_file(dict(weights or tensors()), within / "adapter_model.safetensors")
    (within / "adapter_config.json").write_text(json.dumps({"target_modules": ["q_proj"], "r": 4}))
    offered = models.base_contract(
        models.weights_source(asked.base), models.tokenizer_source(asked.base), asked.adapted
    )
    (within / models.CONTRACT).write_text(
        json.dumps(offered | {"shapes": models.adapter_shapes(within)} | dict(contract or {}))
    )
    rows = rows or answers(lambda i: i % 5 == 0, lambda i: i % 2 == 0)
    write_table(folders["report"] / "answers.parquet", rows)
    said = {
        "rows": len(rows),
        "families": len({row["family"] for row in rows}),
        "confidence": 0.95,
        "exam": "this exam",
        "alive": 3.5,
        "tokens": {"base": 900, "adapter": 700},
        "base": {"value": 0.2, "low": 0.15, "high": 0.25},
        "adapter": {"value": 0.5, "low": 0.45, "high": 0.55},
        "difference": {"value": 0.3, "low": 0.24, "high": 0.36},
    }
    (folders["report"] / "report.json").write_text(json.dumps(said | report))
    (folders["checkup"] / "checkup.json").write_text(json.dumps(CHECKUP | dict(checkup or {})))
    counts = {"adapter_bytes": 4096} | ({"tries": tries} if tries else {})
    return {
        "kept": made(folders["kept"], "kept", {}, {}),
        "adapter": made(folders["adapter"], "adapter", counts, {}),
        "report": made(folders["report"], "report", {}, {"seconds_per_answer": {"base": 0.1, "adapter": 0.5}}),
        "checkup": made(folders["checkup"], "checkup", {}, {}),
    }


def judged(planned: Planned, *more: str, champion: Champion | None = None, before: int = 0) -> Verdict:
    """What the gate says of them, with more words of the configuration."""
    return gate.gate(planned, load([*WORDS, *more]) if more else ASKED, champion, before)


def refusals(verdict: Verdict) -> set[str]:
    """The checks that do not say ok."""
    return {one.check for one in verdict.findings if one.says != "ok"}
