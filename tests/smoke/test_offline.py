"""The shared run was made behind a wall, with nothing telling the libraries to stay offline: nobody touched the wall."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_a_whole_run_asks_nothing_of_the_network(full) -> None:
    assert "registered made" in full.done.out
    assert not full.attempts.exists(), full.attempts.read_text()


def test_the_wall_notices_and_refuses(wall: dict[str, str], tmp_path: Path) -> None:
    """Also in a child of a child, and by name; loopback goes through."""
    code = """if True:
        import socket, subprocess, sys
        try: socket.create_connection(("192.0.2.1", 80), 1)
        except OSError: pass
        try: socket.getaddrinfo("example.org", 80)
        except OSError: pass
        listening = socket.create_server(("127.0.0.1", 0))
        socket.create_connection(listening.getsockname(), 1)
        if len(sys.argv) == 1: subprocess.run([sys.executable, __file__, "again"], check=True)"""
    (tmp_path / "code.py").write_text(code)
    notes = tmp_path / "notes"
    subprocess.run(
        [sys.executable, tmp_path / "code.py"], check=True, env={**os.environ, **wall, "WALL_NOTES": str(notes)}
    )
    said = notes.read_text().splitlines()
    assert len(said) == 4 and len(set(said)) == 2
