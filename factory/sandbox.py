"""Runs SQL nobody has read where it can hurt nothing.

A query runs in a child process on an in-memory sqlite database that is built, then locked: an authorizer lets SELECT
through, with an allow-list of functions and nothing else (no ATTACH, PRAGMA, extension, schema table); sqlite's own
limits and a progress handler bound it; and the kernel kills the child when it is late all the same, because a single
heavy function, or a query that takes long to prepare, never reaches the progress handler.
"""

from __future__ import annotations

import atexit
import contextlib
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

Row = tuple[Any, ...]

SECONDS = 0.75
"""CPU time one query may take; far above the milliseconds that an honest query takes on databases of this size."""
KILLED = 1.25 * SECONDS
"""CPU time after which the kernel kills a child that is still at the same query. Not on the clock: a busy machine is no
fault, and a query that waits for its turn is not late."""
PATIENCE = 300.0
"""Seconds on the clock after which a child that does not answer at all is killed; long, because it counts the building of
all databases too, on a machine that may give the child a twentieth of a core."""
ROWS = 20_000
TEXT = 10_000_000
"""Characters and bytes that one result may hold: the parent, which nothing bounds, reads them."""
MEMORY = 1 << 29
FUNCTIONS = frozenset(
    (
        "abs",
        "avg",
        "cast",
        "coalesce",
        "count",
        "date",
        "datetime",
        "dense_rank",
        "first_value",
        "glob",
        "group_concat",
        "ifnull",
        "iif",
        "instr",
        "julianday",
        "lag",
        "last_value",
        "lead",
        "length",
        "like",
        "lower",
        "ltrim",
        "max",
        "min",
        "nullif",
        "rank",
        "round",
        "row_number",
        "rtrim",
        "sign",
        "strftime",
        "substr",
        "substring",
        "sum",
        "time",
        "total",
        "trim",
        "typeof",
        "unixepoch",
        "upper",
    )
)
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 50_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
}


@dataclass(frozen=True)
class Database:
    """A database to be built: for each table its column declarations and its rows."""

    tables: dict[str, tuple[tuple[str, ...], tuple[Row, ...]]]


@dataclass(frozen=True)
class Refused:
    """A query that gave no rows: why, in sqlite's words or ours."""

    reason: str


LATE = Refused(f"took over {SECONDS:g} s")
Result = list[Row] | Refused


@dataclass(frozen=True)
class Answers:
    """Per database: the result of every query, and of the first one with the rows of every table reversed, if asked for."""

    forward: list[Result]
    reverse: Result
    """The forward result again where it was not asked for, or was refused."""


class Sandbox:
    """One child process that answers `run`; made anew after it had to be killed."""

    def __init__(self) -> None:
        self._child: subprocess.Popen | None = None
        self._line: Connection | None = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, databases: Sequence[Database], queries: Sequence[str], turned: bool = True) -> list[Answers]:
        """The answers of every query on every database; `turned` off where the first cannot depend on the order of rows.

        Where the whole batch is late, each query is tried alone, so that only the late ones are refused.
        """
        answers = self._ask(databases, queries, turned)
        if answers is not None:
            return answers
        alone = [self._ask(databases, [query], turned) for query in queries] if len(queries) > 1 else [None]
        return [
            Answers(
                [LATE if one is None else one[i].forward[0] for one in alone],
                LATE if not alone or alone[0] is None else alone[0][i].reverse,
            )
            for i in range(len(databases))
        ]

    def _ask(self, databases: Sequence[Database], queries: Sequence[str], turned: bool) -> list[Answers] | None:
        if self._child is None or self._child.poll() is not None:
            self._start()
        try:
            self._line.send((list(databases), list(queries), turned))
            if self._line.poll(PATIENCE):
                return self._line.recv()
        except (EOFError, OSError):
            pass  # the child died of a limit (CPU time, memory): the same as late
        self.close()
        return None

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        # Not `-m`: there the classes would belong to __main__ and could not be unpickled here.
        command = [sys.executable, "-c", f"from factory.sandbox import serve; serve({theirs.fileno()})"]
        self._child = subprocess.Popen(command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL)
        theirs.close()
        self._line = Connection(ours.detach())
        self._line.recv()  # it is up: a slow start is not a slow query

    def close(self) -> None:
        """Kills the child; the next `run` starts another."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._line.close()
            self._child = None


def build(database: Database) -> sqlite3.Connection:
    """The database in memory, filled and locked."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("BEGIN")
    for name, (columns, rows) in database.tables.items():
        connection.execute(f'CREATE TABLE "{name}" ({", ".join(columns)})')
        connection.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(columns))})', rows)
    connection.execute("COMMIT")
    connection.execute("PRAGMA query_only = 1")
    connection.execute("PRAGMA trusted_schema = 0")
    connection.execute(
        "PRAGMA temp_store = memory"
    )  # a large sort needs a file otherwise, and the child may write none
    for limit, most in LIMITS.items():
        connection.setlimit(limit, most)
    return connection


def permit(action: int, first: str | None, second: str | None, *_: object) -> int:
    """The authorizer: reads of ordinary tables, and functions of the allow-list."""
    if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_READ:
        return sqlite3.SQLITE_DENY if (first or "").lower().startswith("sqlite_") else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_OK if (second or "").lower() in FUNCTIONS else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_DENY


def execute(connection: sqlite3.Connection, query: str) -> Result:
    """The rows of one query, or why there are none. Only for the child: one heavy function, and the kernel ends the process."""
    signal.setitimer(signal.ITIMER_PROF, KILLED)
    end, begun = time.thread_time() + SECONDS, time.monotonic()
    connection.set_progress_handler(lambda: time.thread_time() > end, 1000)
    connection.set_authorizer(permit)
    try:
        cursor = connection.execute(query)
        if cursor.description is None:
            return Refused(
                "it asks nothing"
            )  # an empty text has no rows either: it must not pass for a query that finds none
        rows = cursor.fetchmany(ROWS + 1)
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError) as error:
        return LATE if str(error) == "interrupted" else Refused(str(error) or type(error).__name__)
    finally:
        connection.set_authorizer(None)
        signal.setitimer(signal.ITIMER_PROF, 0)
    # One heavy function never reaches the progress handler. The cheap clock first: this was a fifth of the time.
    if time.monotonic() - begun > SECONDS and time.thread_time() > end:
        return LATE
    if len(rows) > ROWS:
        return Refused(f"more than {ROWS} rows")
    if sum(len(cell) for row in rows for cell in row if isinstance(cell, str | bytes)) > TEXT:
        return Refused(f"more than {TEXT} characters")
    return rows


def answer(database: Database, queries: Sequence[str], late: set[str], turned: bool = True) -> Answers:
    """All queries on one database, and the first on the same with the rows of every table in reverse order.

    A query that was late on one database is not tried on the next; `late` remembers.
    Not `PRAGMA reverse_unordered_selects`: sqlite leaves every query with an ORDER BY alone, so a tie would stay unseen.
    """
    with contextlib.closing(build(database)) as connection:
        forward = [LATE if query in late else execute(connection, query) for query in queries]
    late |= {query for query, result in zip(queries, forward, strict=True) if result is LATE}
    if forward and (not turned or isinstance(forward[0], Refused)):
        return Answers(forward, forward[0])
    reverse = Database({name: (columns, rows[::-1]) for name, (columns, rows) in database.tables.items()})
    with contextlib.closing(build(reverse)) as connection:
        return Answers(forward, execute(connection, queries[0]) if queries else LATE)


def serve(descriptor: int) -> None:
    """The child: bounded in memory, unable to write files, killed by SIGPROF, answering until its parent goes away."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    line = Connection(descriptor)
    with contextlib.suppress(EOFError, OSError):
        line.send("up")
        while True:
            databases, queries, turned = line.recv()
            late: set[str] = set()
            line.send([answer(database, queries, late, turned) for database in databases])


_shared: Sandbox | None = None


def shared() -> Sandbox:
    """This process's sandbox, started at first use and killed at exit."""
    global _shared
    if _shared is None:
        _shared = Sandbox()
        atexit.register(_shared.close)
    return _shared
