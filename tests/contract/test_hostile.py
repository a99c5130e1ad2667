"""Hostile statements of every kind: refused or killed, in bounded time and memory, with nothing written.

Two of each kind; all of them, and the slowest, are printed by `python -m tests.contract.check_sandbox`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.sandbox import KILLED, MEMORY
from tests.contract.check_sandbox import KINDS, peak, statements, tried


def test_hostile_statements_are_refused_or_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "named").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.chdir(tmp_path / "here")
    most = max(peak(), MEMORY >> 20)  # children of other tests count too
    found = list(tried(statements(tmp_path / "named", step=5)))
    assert len(found) == 2 * len(KINDS)
    assert [one for one in found if not one.reason] == []
    assert [one for one in found if one.processor > KILLED + 0.75] == []  # a new child's start is in it
    assert [one for one in found if one.clock > 60] == []  # 2 s where the machine is not busy
    assert any(one.killed for one in found)
    assert peak() <= most
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
