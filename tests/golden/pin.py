"""Pins what the smoke profile makes: `python tests/golden/pin.py` after a version was raised (`make golden`).

versions.json holds, for each stage up to the tokens, its version, its key and the sha256 of its payload; curve.json the
loss curve of the smoke training; exams.json the digest of every exam, which only `--exams` pins anew.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).resolve().parent
LIBRARIES = ("pyarrow", "tokenizers", "transformers", "numpy")
"""What else decides the bytes: named when they differ."""
BYTES = ("examples", "kept", "tokens")


def made(runs: Path) -> dict[str, Any]:
    """The smoke products on the tiny base, made in this process: what versions.json and curve.json would hold."""
    os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    from factory import config, pipeline, specialist
    from factory.rows import read_jsonl

    asked = config.load(
        [
            "profile=smoke",
            "base=tiny",
            f"runtime.runs={runs}",
            "runtime.workers=1",
            "runtime.threads=1",
            "runtime.device=cpu",
            "runtime.offline=true",
        ]
    )
    steps = {step.made.stage: step for step, _ in pipeline.run(asked, "adapter", lambda *_, **__: None)}
    stages = {
        name: {
            "version": steps[name].stage.version,
            "key": steps[name].made.key,
            "payload": steps[name].made.manifest["payload"],
        }
        for name in BYTES
    }
    curve = list(read_jsonl(steps["adapter"].made.file("curve.jsonl")))
    task = specialist.find(asked.specialist.name)
    return {
        "versions": {
            "specialists": {task.name: task.version},
            "stages": stages,
            "made_with": {name: version(name) for name in LIBRARIES},
        },
        "curve": [{name: point[name] for name in ("step", "loss", "eval_loss") if name in point} for point in curve],
    }


def exams() -> dict[str, str]:
    """The digest of every exam."""
    from factory import specialist
    from factory.store import sha256

    return {name: sha256(specialist.find(name).exam) for name in specialist.names()}


def pinned(name: str) -> Any:
    """What is pinned under that name."""
    return json.loads((GOLDEN / f"{name}.json").read_text())


def pin(name: str, content: Any) -> None:
    """Writes a golden file; says whether it changed."""
    path, text = GOLDEN / f"{name}.json", json.dumps(content, indent=1) + "\n"
    changed = not path.exists() or path.read_text() != text
    path.write_text(text)
    print(f"{path}: {'pinned' if changed else 'unchanged'}")


def main(words: list[str]) -> int:
    """Pins versions and curve, and with `--exams` the exams too."""
    if set(words) - {"--exams"}:
        print("usage: python tests/golden/pin.py [--exams]")
        return 2
    with tempfile.TemporaryDirectory() as runs:
        for name, content in made(Path(runs)).items():
            pin(name, content)
    if "--exams" in words or not (GOLDEN / "exams.json").exists():
        pin("exams", exams())
    elif pinned("exams") != exams():
        print("exams.json is not the exams that are there: `--exams` pins them, and results hang on them")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
