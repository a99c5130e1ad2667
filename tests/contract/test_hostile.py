"""Hostile statements of every kind: refused or killed, in bounded time and memory, with nothing written.

Two of each kind; all of them, and the slowest, are printed by `python -m tests.contract.check_sandbox`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from factory.sandbox import KILLED, MEMORY
from tests.contract.check_sandbox import KINDS, statements, tried


def test_hostile_statements_are_refused_or_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "named").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.chdir(tmp_path / "here")
    found = list(tried(statements(tmp_path / "named", step=5)))
    assert len(found) == 2 * len(KINDS)
    assert [one for one in found if not one.reason] == []
    assert [one for one in found if one.processor > KILLED + 0.75] == []  # a new child's start is in it
    assert [one for one in found if one.clock > 60] == []  # 2 s where the machine is not busy
    assert any(one.killed for one in found)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_no_child_holds_more_than_its_memory(tmp_path: Path) -> None:
    """In a process of its own: the children of other tests would count too."""
    said = (
        "import sys; from pathlib import Path; from tests.contract.check_sandbox import TIMES, peak, statements, tried; "
        "list(tried(statements(Path(sys.argv[1]), step=TIMES))); print(peak())"
    )
    asked = [sys.executable, "-c", said, str(tmp_path)]
    assert int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout) <= MEMORY >> 20
