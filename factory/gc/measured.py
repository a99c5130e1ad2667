"""What is kept beside the data path: cells of a matrix, sittings of suites, pages of versions, trainings of bases."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from factory import store
from factory.config import Config
from factory.gc.folders import Left, held, remove, size
from factory.interference import GENERAL
from factory.lineage import logged
from factory.store import Made
from factory.suites.sitting import SUITES
from factory.suites.who import WEIGHTS

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from factory.gc import Needs

NOBODY = "that no version, alias or named configuration has"


def adapters(ours: MlflowClient, runs: Path, asked: Mapping[str, Config], needs: Needs) -> set[str]:
    """What the adapters that stay are measured as: by the digest of their weights, or by key.

    They are those of the versions that are alive, and on this machine those that are needed, or of other specialists.
    """
    made = [Made("adapter", path.name[-10:], path) for path in runs.glob("*/adapter-*")]
    wanted = {key[:10] for key in needs.keys}
    stay = [one for one in made if one.complete and (one.key in wanted or one.folder.parent.name not in asked)]
    manifests = [one.manifest for one in stay]
    with TemporaryDirectory() as folder:
        for run in needs.runs:
            registered = logged(ours, run, "manifests.json", folder) or {}
            manifests += [registered["adapter"]] if "adapter" in registered else []
    return {one["key"] for one in manifests} | {of_weights(one["payload"]) for one in manifests}


def of_weights(payload: Mapping[str, str]) -> str:
    """The digest of an adapter as `factory.suites.who.of_folder` has it, from the files of its product."""
    return store.digest([[name, payload.get(f"adapter/{name}")] for name in WEIGHTS])


def measurements(runs: Path, asked: Mapping[str, Config], needs: Needs, adapters: set[str]) -> Iterator[Left]:
    """The cells and sittings that nobody needs and no process holds; what interrupted ones left goes once it is old."""
    wanted, settled = {key[:10] for key in needs.keys}, next(iter(asked.values())).lineage.settled
    cells = [path for name in (*asked, GENERAL) for path in (runs / name).glob("cell-*")]
    there = [path for path in sorted([*cells, *(runs / SUITES).glob("*-*")]) if path.is_dir() and not held(path)]
    whole = {path: Made("", "", path).manifest["asked"] for path in there if Made("", "", path).complete}
    kept = [path for path, of in whole.items() if path.name[-10:] in wanted or of["adapter"] in adapters]
    bases = needs.bases | {whole[path]["weights"] for path in kept}
    for path in there:
        if path in kept:
            continue
        why = "left by an interrupted run" if path not in whole else unneeded(whole[path], bases)
        if why and (path in whole or touched(path) < time.time() - settled):
            yield Left(str(path), why, size(path), partial(remove, path))


def unneeded(of: Mapping[str, Any], bases: set[str]) -> str:
    """Why nobody needs a measurement of no adapter that stays; nothing where it is one of a base that does."""
    if of.get("check"):
        return f"checks a grading with {of['check']} answers, and measures no model"
    if of["adapter"]:
        return f"measures an adapter {NOBODY}"
    return "" if of["weights"] in bases else f"measures a base {NOBODY}"


def touched(folder: Path) -> float:
    """When something in a folder was last written, in seconds since 1970."""
    return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))


def pages(runs: Path, asked: Mapping[str, Config], needs: Needs) -> Iterator[Left]:
    """The pages of versions side by side of which one is not needed any more."""
    for name, config in asked.items():
        begins = f"versions-{config.base.name}-"
        for path in sorted((runs / name).glob(f"{begins}*.html")):
            numbers = path.stem.removeprefix(begins)
            if not re.fullmatch(r"\d+(-\d+)*", numbers):
                continue
            lost = [one for one in numbers.split("-") if (config.registry.model, one) not in needs.alive]
            if lost:
                yield Left(str(path), f"shows version {lost[0]}, which nobody needs", path.stat().st_size, path.unlink)


def trainings(runs: Path, wanted: Collection[Path]) -> Iterator[Left]:
    """The checkpoints and snapshots of bases, but for those that are wanted."""
    for path in sorted((runs / "pretrain").glob("*-*")):
        if path.is_dir() and path not in wanted and not held(path):
            why = "checkpoints and snapshots of a base that no named configuration makes"
            yield Left(str(path), why, size(path), partial(remove, path))
