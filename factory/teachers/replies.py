"""Raw responses of a teacher, a judge or a base that scores, kept by the request that was made: a changed parser or a second
run bills nothing.

sqlite in WAL mode, one commit per response: what was paid for is there after a kill.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from factory.config import Runtime

SCHEME = 1
"""Version of the key: raised when requests are written otherwise."""
TABLE = "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, request TEXT, body TEXT, seconds REAL) WITHOUT ROWID"


class Replies:
    """The store; one per process."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute(TABLE)

    def find(self, request: Mapping[str, Any]) -> str | None:
        """The body that came back for this request."""
        found = self.connection.execute("SELECT body FROM replies WHERE key = ?", (key(request),)).fetchone()
        return found and found[0]

    def keep(self, request: Mapping[str, Any], body: str, seconds: float) -> None:
        """Keeps a body; of two for one request the first stays."""
        row = (key(request), canonical(request), body, seconds)
        self.connection.execute("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?)", row)

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()


def of(runtime: Runtime) -> Replies:
    """The store that all runs in one folder share."""
    return Replies(Path(runtime.runs) / "replies.sqlite")


def canonical(request: Mapping[str, Any]) -> str:
    """A request as text: the same whatever the order of its keys. Where it is sent is no part of it, nor with which key."""
    return json.dumps({"scheme": SCHEME, **request}, sort_keys=True, separators=(",", ":"))


def key(request: Mapping[str, Any]) -> str:
    """The digest of a request."""
    return blake2b(canonical(request).encode(), digest_size=16).hexdigest()
