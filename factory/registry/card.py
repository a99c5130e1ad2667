"""What a version holds beside the weights: its card, for people and for a hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from factory import config
from factory.registry.evidence import report_of
from factory.store import Made


def fill(folder: Path, planned: Mapping[str, Made], asked: config.Config) -> Path:
    """The files of a version: the adapter in PEFT format, its contract, and a card that Hugging Face can read."""
    adapter = planned["adapter"]
    for name in adapter.manifest["payload"]:
        if name.startswith("adapter/"):
            (folder / Path(name).name).write_bytes(adapter.file(name).read_bytes())
    (folder / "README.md").write_text(card(asked, report_of(planned)))
    return folder


def card(asked: config.Config, report: Mapping[str, Any]) -> str:
    """The model card of a version."""
    between = report["difference"]
    return f"""---
base_model: {asked.base.weights.path}
base_model_relation: adapter
library_name: peft
license: {asked.base.licence.lower()}
---

# {asked.specialist.name} on {asked.base.name}
{f"{chr(10)}{report['notice']}{chr(10)}" if report["notice"] else ""}
A LoRA adapter of rank {asked.train.lora.rank}, trained by {", then ".join(methods(asked.train))} on {of_what(asked)}.

Exam: {report["rows"]} rows of {report["families"]} families that are in no training data. Base {report["base"]["value"]:.1%},
adapter {report["adapter"]["value"]:.1%}, difference {between["value"]:+.1%}
({report["confidence"]:.0%} interval over families {between["low"]:+.1%} to {between["high"]:+.1%}).

`contract.json` names the base's weights, tokenizer and quantisation by digest; on anything else these figures mean nothing.
"""


def methods(train: config.Train) -> list[str]:
    """What a training was, one after another."""
    first = {"qlora": "QLoRA", "lora": "LoRA", "full": "full tuning"}[train.method]
    return [first, *(["DPO"] if train.prefer else [])]


def of_what(asked: config.Config) -> str:
    """What the training rows were."""
    if asked.source.kind == "drawn":
        return f"{asked.generate.rows} synthetic examples asked for"
    return f"rows of {asked.source.dataset or Path(str(asked.source.train)).name}"
