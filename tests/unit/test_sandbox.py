"""SQL that nobody has read is answered or refused with a reason; it hurts nothing and nobody after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from factory.sandbox import KILLED, ROWS, SECONDS, TEXT, Answers, Database, Refused, Sandbox, shared

LONG = "a" * 3000
DATABASE = Database(
    {
        "book": (("id integer", "title text", "price real"), ((1, "Moon", 2.5), (2, "Sun", None), (3, LONG, 4.0))),
        "odd name": (('"the column" text',), (("x",),)),
    }
)

READS = {
    "SELECT id , price FROM book WHERE id < 3": [(1, 2.5), (2, None)],
    "SELECT count ( * ) , max ( price ) FROM book": [(3, 4.0)],
    'SELECT "the column" FROM "odd name"': [("x",)],
    "SELECT strftime ( '%Y' , '2020-05-01' )": [("2020",)],
    "SELECT title FROM book WHERE title LIKE 'M%' UNION SELECT upper ( 'a' )": [("A",), ("Moon",)],
    "WITH RECURSIVE c ( x ) AS ( SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 3 ) SELECT x FROM c": [
        (1,),
        (2,),
        (3,),
    ],
    "SELECT rank ( ) OVER ( ORDER BY id ) FROM book WHERE id = 2": [(1,)],
    "SELECT id FROM book WHERE id > 99": [],
    "SELECT id FROM book ;": [(1,), (2,), (3,)],
}
REFUSED = {
    "ATTACH '/tmp/stolen.db' AS other": "not authorized",
    "PRAGMA table_info ( book )": "not authorized",
    "PRAGMA query_only = 0": "not authorized",
    "SELECT * FROM pragma_table_info ( 'book' )": "not authorized",
    "CREATE TABLE x ( a )": "not authorized",
    "CREATE TEMP TABLE x AS SELECT 1": "not authorized",
    "INSERT INTO book VALUES ( 9 , 'x' , 1 )": "not authorized",
    "WITH x AS ( SELECT 1 ) DELETE FROM book": "not authorized",
    "UPDATE book SET id = 1": "not authorized",
    "DROP TABLE book": "not authorized",
    "BEGIN": "not authorized",
    "VACUUM INTO '/tmp/stolen.db'": "denied",
    "SELECT load_extension ( '/tmp/x.so' )": "load_extension",
    "SELECT sql FROM sqlite_master": "prohibited",
    "SELECT sql FROM main . SQLITE_SCHEMA": "prohibited",
    "SELECT randomblob ( 1000000000 )": "randomblob",
    "SELECT zeroblob ( 1000000000 )": "zeroblob",
    "SELECT printf ( '%.*c' , 999999999 , 'x' )": "printf",
    "SELECT format ( '%999999999d' , 1 )": "format",
    "SELECT replace ( title , 'a' , title ) FROM book": "replace",
    "SELECT random ( )": "random",
    "SELECT group_concat ( a . title , b . title ) FROM book a , book b , book c , book d , book e , book f , book g": "too big",
    "SELECT 1 ; SELECT 2": "one statement at a time",
    "SELECT * FROM json_each ( '[1]' )": "json_each",
    "SELECT colour FROM book": "no such column",
    "SELEC 1": "syntax error",
    "SELECT ?": "bindings",
    "SELECT\0 1": "null character",
    "SELECT '\ud800'": "surrogates",
    f"SELECT 1 {'+ 1' * 200}": "too large",
    f"SELECT {'1 ' * 20_000}": "",
    "": "asks nothing",
    " \n": "asks nothing",
    "-- SELECT 1": "asks nothing",
    "REINDEX": "asks nothing",
    f"SELECT a . id FROM {' , '.join(f'book {letter}' for letter in 'abcdefghij')}": f"more than {ROWS} rows",
    f"SELECT a . title FROM {' , '.join(f'book {letter}' for letter in 'abcdefghi')}": f"more than {TEXT} characters",
}
ENDLESS = [
    "WITH RECURSIVE c ( x ) AS ( SELECT 1 UNION ALL SELECT x + 1 FROM c ) SELECT count ( * ) FROM c",
    f"SELECT count ( * ) FROM {' , '.join(f'book b{i}' for i in range(30))}",
]
HEAVY = Database({"t": (("hay text", "needle text"), (("a" * 990_000, "a" * 495_000 + "b"),))})
NEVER_CHECKS_THE_CLOCK = "SELECT instr ( hay , needle ) FROM t"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as one:
        yield one


def result(sandbox: Sandbox, query: str) -> object:
    return sandbox.run([DATABASE], [query])[0].forward[0]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize("query", READS)
def test_reads_are_answered(sandbox: Sandbox, query: str) -> None:
    assert result(sandbox, query) == READS[query]


@pytest.mark.parametrize("query", REFUSED, ids=lambda query: ascii(query[:40]))
def test_everything_else_is_refused_with_a_reason(sandbox: Sandbox, query: str) -> None:
    found = result(sandbox, query)
    assert isinstance(found, Refused), found
    assert REFUSED[query] in found.reason
    assert found.reason
    assert result(sandbox, "SELECT count ( * ) FROM book") == [(3,)], "the database is as it was"


def test_no_file_is_written(sandbox: Sandbox, tmp_path: Path) -> None:
    for query in (f"ATTACH '{tmp_path}/a.db' AS a", f"VACUUM INTO '{tmp_path}/b.db'"):
        assert isinstance(result(sandbox, query), Refused)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("query", ENDLESS, ids=["recursion", "cross join"])
def test_an_endless_query_is_late_and_its_neighbours_are_answered(sandbox: Sandbox, query: str) -> None:
    started = time.monotonic()
    found = sandbox.run([DATABASE], ["SELECT 1", query, "SELECT 2"])[0].forward
    assert found[0] == [(1,)] and found[2] == [(2,)]
    assert found[1] == Refused(f"took over {SECONDS:g} s")
    assert time.monotonic() - started < 10


def test_a_query_that_never_looks_at_the_clock_is_killed_and_the_next_one_works() -> None:
    with Sandbox() as own:
        assert result(own, "SELECT 1") == [(1,)]
        first = own._child.pid
        found = own.run([HEAVY], ["SELECT 1", NEVER_CHECKS_THE_CLOCK])[0].forward
        assert found == [[(1,)], Refused(f"took over {SECONDS:g} s")]
        assert result(own, "SELECT 2") == [(2,)]
        assert own._child.pid != first
        assert not alive(first)


def test_a_query_that_waits_for_its_turn_is_not_late() -> None:
    """Late is a matter of CPU time: here the child is stopped for longer than a query may run."""
    with Sandbox() as own:
        assert result(own, "SELECT 1") == [(1,)]
        child = own._child.pid
        os.kill(child, signal.SIGSTOP)
        Timer(2 * KILLED, os.kill, (child, signal.SIGCONT)).start()
        assert result(own, "SELECT 2") == [(2,)]
        assert own._child.pid == child


def test_a_large_sort_needs_no_file(sandbox: Sandbox) -> None:
    rows = Database({"t": (("s text",), tuple((f"{i:04}" * 300,) for i in range(5000)))})
    found = sandbox.run([rows], ["SELECT substr ( s , 1 , 4 ) FROM t ORDER BY s DESC"])[0].forward[0]
    assert found == [(f"{i:04}",) for i in reversed(range(5000))]


def test_the_first_query_is_also_read_backwards(sandbox: Sandbox) -> None:
    found = sandbox.run([DATABASE], ["SELECT id FROM book", "SELECT title FROM book WHERE id = 1"])
    assert found == [Answers([[(1,), (2,), (3,)], [("Moon",)]], [(3,), (2,), (1,)])]


def test_databases_do_not_see_each_other(sandbox: Sandbox) -> None:
    other = Database({"loan": (("id integer",), ((7,),))})
    one, two = sandbox.run([DATABASE, other], ["SELECT id FROM loan"])
    assert isinstance(one.forward[0], Refused) and two.forward == [[(7,)]]


def test_rows_are_turned_where_that_is_asked_for(sandbox: Sandbox) -> None:
    turned, plain = (sandbox.run([DATABASE], ["SELECT id FROM book"], turned)[0] for turned in (True, False))
    assert turned.forward == plain.forward == [plain.reverse]
    assert turned.reverse == turned.forward[0][::-1] != plain.reverse


def test_no_query_is_no_answer(sandbox: Sandbox) -> None:
    assert sandbox.run([DATABASE], [])[0].forward == []
    assert sandbox.run([], ["SELECT 1"]) == []


def test_the_child_dies_with_close() -> None:
    own = Sandbox()
    own.run([DATABASE], ["SELECT 1"])
    child = own._child.pid
    assert alive(child)
    own.close()
    assert not alive(child)
    own.close()  # a second time does nothing
    assert result(own, "SELECT 1") == [(1,)], "and it can be used again"
    own.close()


def test_the_child_dies_with_a_killed_parent() -> None:
    script = (
        "from factory.sandbox import *; s = Sandbox(); s.run([Database({})], ['SELECT 1'])\n"
        "print(s._child.pid, flush=True); import time; time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    end = time.monotonic() + 10
    while alive(child) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(child)


def test_a_process_has_one_sandbox() -> None:
    assert shared() is shared()
