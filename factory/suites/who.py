"""Who sits a suite: the base, this configuration's adapter, a registered version, an adapter in a folder, or a check."""

from __future__ import annotations

from pathlib import Path

from factory import pipeline, registry, store
from factory.config import Config
from factory.errors import Mistake
from factory.store import Made, Source
from factory.suites.sitting import Sitter

WEIGHTS = ("adapter_model.safetensors", "adapter_config.json")
"""What makes an adapter answer as it does: a registered version and the product it was made from are the same one."""
DEFAULT = "base,adapter"


def sitter(asked: Config, name: str) -> Sitter:
    """The one who is named; Mistake where nobody is."""
    if name == "base":
        return Sitter(name)
    if name in ("gold", "wrong"):
        return Sitter(name, check=name)
    if name == "adapter":
        made = adapter_of(asked)
        return Sitter(name, made if asked.train.method == "full" else of_folder(made.folder / "adapter"), made=made.key)
    if (Path(name) / WEIGHTS[0]).is_file():
        return Sitter(name, of_folder(Path(name)))
    if not registry.there(asked.registry):
        what = f"nobody of that name, and no registry at {asked.registry.tracking_uri}"
        raise Mistake(name, what, "base, adapter, gold, wrong, a folder with an adapter, or a registered version")
    folder, version = registry.fetch(asked.registry, name, Path(asked.runtime.runs) / "fetched")
    return Sitter(name, of_folder(folder), version=str(version.version))


def adapter_of(asked: Config) -> Made:
    """What this configuration trained: an adapter, or a base of which every weight was trained."""
    (made,) = [step.made for step in pipeline.steps(asked, "adapter") if step.made.stage == "adapter"]
    if not made.complete:
        hint = "make it: factory train; or name a registered version: champion, 3"
        raise Mistake(str(made.folder), "no adapter of this configuration yet", hint)
    return made


def of_folder(folder: Path) -> Source:
    """An adapter's folder, by its weights and what PEFT is told of them."""
    return Source(folder, store.folder_digest(folder, list(WEIGHTS)))
