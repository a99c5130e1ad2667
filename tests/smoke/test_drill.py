"""Three real kills; `make drill` does all twenty."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

DRILL = Path(__file__).resolve().parent.parent / "drill.py"


def test_after_a_kill_the_next_run_comes_to_the_same_bytes() -> None:
    """Inside a checkpoint, before a manifest, and inside a registration."""
    done = subprocess.run([sys.executable, DRILL, "--kills", "3"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = re.findall(r"^ *\d+ ok +(\w+)", done.stdout, re.MULTILINE)
    assert kinds == ["checkpoint", "manifest", "registration"], done.stdout


def test_the_whole_drill_has_twenty_kills_of_four_kinds() -> None:
    spec = importlib.util.spec_from_file_location("drill", DRILL)
    drill = sys.modules["drill"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drill)
    assert Counter(kill.kind for kill in drill.KILLS) == {"step": 8, "checkpoint": 4, "manifest": 4, "registration": 4}
    assert len({kill.trip for kill in drill.KILLS}) == 20
    assert drill.chosen(20)[:3] == drill.chosen(3) and set(drill.chosen(20)) == set(drill.KILLS)
