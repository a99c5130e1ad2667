"""Whether the registry gives out the files that were put in: the same bytes are the same adapter, with the same logits."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from factory import config
from factory.errors import Unavailable
from factory.gate import Finding
from factory.registry.door import address
from factory.store import sha256

CHECK = "as the registry gives it back"


def given_back(settings: config.Registry, source: str, wanted: Mapping[str, str]) -> list[str]:
    """The files that are missing at this address, or are others than those of these sha256; Unavailable where none come."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as place:
        try:
            uri = address(settings.tracking_uri)
            folder = Path(download_artifacts(artifact_uri=source, dst_path=place, tracking_uri=uri))
        except (MlflowException, OSError) as error:
            said = " ".join(str(error).split())[:160]
            raise Unavailable(f"artifacts of {source}", f"cannot be had back: {said}", "look at its store") from error
        return sorted(name for name in wanted if not same(folder / name, wanted[name]))


def same(file: Path, digest: str) -> bool:
    """Whether it is there with that sha256."""
    return file.is_file() and sha256(file) == digest


def refuse_others(settings: config.Registry, source: str, files: Path) -> None:
    """Unavailable where what was just stored comes back otherwise: no version is made of it, and another try may do better."""
    wanted = {path.name: sha256(path) for path in sorted(files.iterdir()) if path.is_file()}
    if others := given_back(settings, source, wanted):
        what = f"gives back {', '.join(others)} otherwise than it was stored"
        raise Unavailable(
            f"registry {settings.tracking_uri}", what, "nothing was registered: look at its artifact store"
        )


def found(settings: config.Registry, source: str, wanted: Mapping[str, str]) -> Finding:
    """The gate's finding about a version that is registered."""
    others = given_back(settings, source, wanted)
    reason = f"the registry gives back {', '.join(others)} otherwise than it was trained" if others else ""
    return Finding(CHECK, "reject" if others else "ok", len(others), 0, reason)
