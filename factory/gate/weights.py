"""The adapter's own files: alive, its weights named as PEFT loads them, on the base of this configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from factory import config, models
from factory.errors import ContractMismatch
from factory.gate.findings import NAMED, Finding, finding
from factory.store import Source

TENSOR = re.compile(
    r"base_model\.model\.(?P<module>.+)\.lora_((?P<factor>[AB])\.weight|embedding_(?P<embedding>[AB])|magnitude_vector(\.weight)?)"
)
"""How PEFT names an adapter's tensors in a file; it loads any others onto nothing, without a word."""


def alive(moved: float, wanted: config.Gate) -> Finding:
    """Whether it changed the logits when the report was made."""
    reason = f"the adapter changes no logit by more than {wanted.alive:g}"
    return finding("moves the logits", "ok" if moved > wanted.alive else "reject", moved, wanted.alive, reason)


def sound(folder: Path, weights: Source) -> Iterator[Finding]:
    """A look at the file itself: names that PEFT loads, numbers that are finite, outer factors (B) that are not all zero."""
    from safetensors.torch import load_file

    settings = json.loads((folder / "adapter_config.json").read_text())
    tensors = load_file(folder / "adapter_model.safetensors")
    lost = strangers(tensors, settings, modules(weights))
    names = f"{len(lost)} of {len(tensors)} tensors have names that PEFT loads onto nothing: {', '.join(lost[:NAMED])}"
    yield finding("names as PEFT loads them", "reject" if lost or not tensors else "ok", len(lost), 0, names)
    broken = sorted(name for name, values in tensors.items() if not bool(values.isfinite().all()))
    said = f"{len(broken)} tensors hold what is no number: {', '.join(broken[:NAMED])}"
    yield finding("finite", "reject" if broken else "ok", len(broken), 0, said)
    outer = [values for name, values in tensors.items() if re.search(r"\.lora_(embedding_)?B\b", name)]
    moving = sum(bool(values.any()) for values in outer)
    yield finding(
        "outer factors", "ok" if moving else "reject", moving, 1, "every outer factor (B) is zero: the adapter is inert"
    )


def modules(weights: Source) -> set[str]:
    """The modules of a base in a local folder, by the names of its weights; none of one that is elsewhere."""
    from safetensors import safe_open

    found: set[str] = set()
    for path in sorted(weights.path.glob("*.safetensors")) if isinstance(weights.path, Path) else ():
        with safe_open(path, framework="np") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                parts = name.split(".")
                found |= {".".join(parts[:end]) for end in range(1, len(parts))}
    return found


def strangers(tensors: Mapping[str, Any], settings: Mapping[str, Any], modules: set[str]) -> list[str]:
    """Names that are of no module the adapter's own config targets, or none of the base, or lack the other factor."""
    holders = [name.rpartition(".")[0] for name in settings.get("target_parameters") or ()]
    targets = [*(settings.get("target_modules") or ()), *holders]
    factors: dict[str, set[str]] = {}
    fitting = {}
    for name in tensors:
        found = TENSOR.fullmatch(name)
        module = found["module"].replace(".base_layer", "") if found else ""
        if (
            found
            and (not modules or module in modules)
            and any(module == target or module.endswith(f".{target}") for target in targets)
        ):
            fitting[name] = found["module"]
            factors.setdefault(found["module"], set()).add(found["factor"] or found["embedding"])
    return sorted(name for name in tensors if name not in fitting or not {"A", "B"} <= factors[fitting[name]])


def matching(folder: Path, weights: Source, asked: config.Config) -> Finding:
    """Whether its contract is that of this configuration: the base's weights, tokenizer, quantisation; its shapes the file's."""
    offered = models.base_contract(weights, models.tokenizer_source(asked.base), asked.adapted)
    try:
        models.check_contract(folder, offered)
    except ContractMismatch as error:
        field = error.where.rpartition(", ")[2]
        return Finding("contract", "reject", None, None, f"the contract's {field}: {error.what}")
    return Finding("contract", "ok", None, None, "")
