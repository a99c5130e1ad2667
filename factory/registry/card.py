"""What a version holds beside the weights: its card, for people and for a hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from factory import config
from factory.registry.evidence import report_of
from factory.store import Made

HUB = re.compile(r"[\w.-]+/[\w.-]+")
KNOWN = ("gemma", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4")
"""Licences without an SPDX name that the hub has a name for."""


def fill(folder: Path, planned: Mapping[str, Made], asked: config.Config) -> Path:
    """The files of a version: the adapter in PEFT format, its contract, and a card that Hugging Face can read."""
    adapter = planned["adapter"]
    for name in adapter.manifest["payload"]:
        if name.startswith("adapter/"):
            (folder / Path(name).name).write_bytes(adapter.file(name).read_bytes())
    (folder / "README.md").write_text(card(asked, report_of(planned)))
    return folder


def card(asked: config.Config, report: Mapping[str, Any]) -> str:
    """The model card of a version: metadata as a hub reads it, and the same in words."""
    between, base = report["difference"], asked.base
    said = yaml.safe_dump(metadata(asked, report), sort_keys=False, allow_unicode=True)
    return f"""---
{said}---

# {asked.specialist.name} on {base.name}
{f"{chr(10)}{report['notice']}{chr(10)}" if report["notice"] else ""}
A LoRA adapter of rank {asked.train.lora.rank}, trained by {", then ".join(methods(asked.train))} on {of_what(asked)}.
Its base is {base.name} ({base.weights.path}): {base.description}

Exam: {report["rows"]} rows of {report["families"]} families that are in no training data. Base {report["base"]["value"]:.1%},
adapter {report["adapter"]["value"]:.1%}, difference {between["value"]:+.1%}
({report["confidence"]:.0%} interval over families {between["low"]:+.1%} to {between["high"]:+.1%}).

`contract.json` names the base's weights, tokenizer and quantisation by digest; on anything else these figures mean nothing.
"""


def metadata(asked: config.Config, report: Mapping[str, Any]) -> dict[str, Any]:
    """The card's head, with names and spelling of the Hugging Face hub; what is on no hub is not named as if it were."""
    hub = HUB.fullmatch(asked.base.weights.path) and config.resolve_path(asked.base.weights.path) is None
    names = {"score": "adapter", "score of the base": "base", "adapter - base": "difference"}
    metrics = [
        {"type": "exam_score", "name": name, "value": round(report[figure]["value"], 4)}
        for name, figure in names.items()
    ]
    result = {
        "task": {"type": "text-generation"},
        "dataset": {"type": f"{asked.specialist.name}-exam", "name": f"{asked.specialist.name} exam", "split": "test"},
        "metrics": metrics,
    }
    return {
        **({"base_model": asked.base.weights.path, "base_model_relation": "adapter"} if hub else {}),
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        **licence(asked.base.licence),
        **({"datasets": [asked.source.dataset]} if asked.source.kind == "hub" else {}),
        "tags": ["lora", "peft", asked.specialist.name, asked.base.name],
        "model-index": [{"name": asked.registry.model, "results": [result]}],
    }


def licence(spdx: str) -> dict[str, str]:
    """A licence as the hub spells it: lower case, a few by names of its own, any other as `other` with its name."""
    if not spdx.startswith("LicenseRef-"):
        return {"license": spdx.lower()}
    name = spdx.removeprefix("LicenseRef-")
    return {"license": name} if name in KNOWN else {"license": "other", "license_name": name}


def methods(train: config.Train) -> list[str]:
    """What a training was, one after another."""
    first = {"qlora": "QLoRA", "lora": "LoRA", "full": "full tuning"}[train.method]
    return [first, *(["DPO"] if train.prefer else [])]


def of_what(asked: config.Config) -> str:
    """What the training rows were."""
    if asked.source.kind == "drawn":
        return f"{asked.generate.rows} synthetic examples asked for"
    return f"rows of {asked.source.dataset or Path(str(asked.source.train)).name}"
