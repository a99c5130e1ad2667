"""Nothing disappears: candidates = accepted + refused, in = kept + dropped, for every specialist, and after kills too.

DATA_KILLS=10 kills ten times per specialist instead of twice.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from factory.rows import read_examples, read_table

KILLS = int(os.environ.get("DATA_KILLS", "2"))


def command(specialist: str, place: Path) -> list[str]:
    small = [
        "generate.rows=400",
        "generate.shard=24",
        "runtime.workers=2",
        "filter.balance.cap=3",
        "filter.balance.budget=1",
    ]
    return [sys.executable, "-m", "factory", "filter", f"specialist={specialist}", *small, f"runtime.runs={place}"]


def manifests(place: Path) -> dict[str, dict]:
    found = [json.loads(path.read_text()) for path in place.glob("*/*/manifest.json")]
    return {one["stage"]: one for one in found}


@pytest.mark.parametrize("specialist", ["sql", "medical", "creative"])
def test_the_ledger_balances_after_kills(specialist: str, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    started = time.monotonic()
    subprocess.run(command(specialist, whole), check=True, capture_output=True)
    took, rng, kills = time.monotonic() - started, random.Random(specialist), 0
    for _ in range(6 * KILLS):
        child = subprocess.Popen(command(specialist, killed), stdout=subprocess.DEVNULL, start_new_session=True)
        time.sleep(rng.uniform(0.3, 0.9) * took)
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            kills += 1
        elif child.wait() == 0:  # nothing is left to kill: begin again, and kill sooner
            took *= 0.7
            shutil.rmtree(killed)
        child.wait()
        if kills == KILLS:
            break
    subprocess.run(command(specialist, killed), check=True, capture_output=True)
    one, other = manifests(whole), manifests(killed)
    assert kills == KILLS and one.keys() == other.keys() == {"examples", "kept"}
    for stage in one:
        assert one[stage]["payload"] == other[stage]["payload"] and one[stage]["counts"] == other[stage]["counts"]
    balanced(
        other["examples"]["counts"],
        other["kept"]["counts"],
        next(killed.glob("*/examples-*")),
        next(killed.glob("*/kept-*")),
    )


def balanced(examples: dict, kept: dict, made: Path, chosen: Path) -> None:
    rows = [row.id for row in read_examples(made / "examples.parquet")]
    ends = (
        [row.id for row in read_examples(chosen / "kept.parquet")],
        [row["id"] for row in read_table(chosen / "dropped.parquet")],
    )
    assert examples["candidates"] == examples["rows"] + examples["refused"]
    assert (
        examples["refused"]
        == sum(examples["refused_by"].values())
        == sum(json.loads((made / "refused.json").read_text()).values())
    )
    assert examples["rows"] == len(rows) == len(set(rows)) == kept["rows"] == kept["kept"] + kept["dropped"]
    assert (len(ends[0]), len(ends[1])) == (kept["kept"], kept["dropped"]) and kept["dropped"] > 0
    assert sorted([*ends[0], *ends[1]]) == sorted(rows)
    assert kept["dropped"] == sum(kept["dropped_by"].values()) and kept["kept"] == kept["train"] + kept["dev"]
