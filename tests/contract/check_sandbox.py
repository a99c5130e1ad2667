"""Over 500 hostile statements, each refused or killed within its time, in bounded memory, with nothing written:

python -m tests.contract.check_sandbox
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from factory.sandbox import Database, Refused, Sandbox

TIMES = 9
"""Statements of each kind, each of another size."""
HONEST, COUNTED = "SELECT count ( * ) FROM t", [(300,)]
DATABASE = Database(
    {
        "t": (("id integer", "a integer", "s text"), tuple((i, i % 7, "ab" * i) for i in range(300))),
        "big": (("hay text", "needle text"), (("a" * 990_000, "a" * 495_000 + "b"),)),
    }
)
ENDLESS = "WITH RECURSIVE c ( x ) AS ( SELECT 1 UNION ALL SELECT x + 1 FROM c )"

Q = "'"
SCHEMAS = (
    "sqlite_master",
    "SQLITE_SCHEMA",
    "sqlite_temp_master",
    "main . sqlite_master",
    '"sqlite_master"',
    "[sqlite_schema]",
)
PRAGMAS = (
    "query_only = 0",
    "writable_schema = 1",
    "journal_mode = wal",
    "temp_store_directory = '/'",
    "trusted_schema = 1",
    "max_page_count = 9",
    "database_list",
    "cache_size = 999999999",
    "hard_heap_limit = 0",
    "table_info ( t )",
)
TOLD = (
    "table_info ( 't' )",
    "database_list",
    "function_list",
    "compile_options",
    "module_list",
    "table_list",
    "index_list ( 't' )",
    "collation_list",
    "user_version",
    "pragma_list",
)
MODULES = (
    "fts5 ( x )",
    "fts4 ( x )",
    "rtree ( a , b , c )",
    "csv ( filename = '/etc/passwd' )",
    "dbstat",
    "fts3 ( x )",
)
VALUED = (
    "json_each ( '[1]' )",
    "json_tree ( '[1]' )",
    "generate_series ( 1 , 999999999 )",
    "fts3tokenize ( 'a' )",
    "fts5vocab ( 'a' , 'b' )",
    "sqlite_dbpage ( 'main' )",
)

KINDS: dict[str, Callable[[int, str], str]] = {
    # Other files, and code from elsewhere.
    "attach": lambda n, at: f"ATTACH {'DATABASE' * (n % 2)} '{at}/{n}.db' AS other{n}",
    "attach by address": lambda n, at: f"ATTACH 'file:{at}/{n}.db?mode=rwc&cache=shared' AS m{n}",
    "detach": lambda n, at: f"DETACH {['main', 'temp', 'other'][n % 3]}",
    "vacuum into": lambda n, at: f"VACUUM {'main' * (n % 2)} INTO '{at}/{n}.db'",
    "load_extension": lambda n, at: f"SELECT load_extension ( '{at}/{n}.so' {', NULL' * (n % 2)} )",
    "readfile": lambda n, at: f"SELECT readfile ( '/proc/self/{['environ', 'maps', 'cmdline'][n % 3]}' ) , {n}",
    "writefile": lambda n, at: f"SELECT writefile ( '{at}/{n}' , hex ( {n} ) )",
    "edit": lambda n, at: f"SELECT edit ( 'x' , 'touch {at}/{n}' )",
    "fsdir": lambda n, at: f"SELECT * FROM fsdir ( '{at}' ) LIMIT {n}",
    "tokenizer": lambda n, at: f"SELECT fts3_tokenizer ( 'simple' , x'{n:016x}' )",
    # The schema, the settings, the pages below.
    "schema read": lambda n, at: f"SELECT * FROM {SCHEMAS[n % len(SCHEMAS)]} LIMIT {n + 1}",
    "schema read aside": lambda n, at: (
        f"SELECT a FROM t WHERE {n} < ( SELECT count ( * ) FROM {SCHEMAS[n % len(SCHEMAS)]} )"
    ),
    "pragma": lambda n, at: f"PRAGMA {PRAGMAS[n % len(PRAGMAS)]}",
    "pragma function": lambda n, at: f"SELECT * FROM pragma_{TOLD[n % len(TOLD)]}",
    "writable schema": lambda n, at: f"UPDATE {SCHEMAS[n % len(SCHEMAS)]} SET sql = '{n}'",
    "pages": lambda n, at: (
        f"SELECT data FROM {['sqlite_dbpage', 'dbstat', 'sqlite_stmt', 'bytecode'][n % 4]} LIMIT {n + 1}"
    ),
    "virtual table": lambda n, at: f"CREATE VIRTUAL TABLE v{n} USING {MODULES[n % len(MODULES)]}",
    "table function": lambda n, at: f"SELECT * FROM {VALUED[n % len(VALUED)]} LIMIT {n + 1}",
    # Writes.
    "insert": lambda n, at: f"{['INSERT', 'REPLACE'][n % 2]} INTO t VALUES ( {n} , 1 , 'x' )",
    "insert, upserted": lambda n, at: (
        f"INSERT INTO t SELECT {n} , a , s FROM t WHERE 1 ON CONFLICT DO UPDATE SET a = 1"
    ),
    "update": lambda n, at: f"UPDATE t SET a = {n} {'RETURNING *' * (n % 2)}",
    "delete": lambda n, at: f"WITH x AS ( SELECT {n} ) DELETE FROM t {'RETURNING *' * (n % 2)}",
    "drop": lambda n, at: f"DROP TABLE {'IF EXISTS' * (n % 2)} {['t', 'big', 'main.t'][n % 3]}",
    "alter": lambda n, at: (
        f"ALTER TABLE {['t', 'main.t'][n > 3]} {('RENAME TO u', 'ADD z', 'DROP a', 'RENAME a TO b')[n % 4]}"
    ),
    "create": lambda n, at: f"CREATE {('TABLE', 'TEMP TABLE', 'VIEW', 'TEMP VIEW')[n % 4]} x{n} AS SELECT {n}",
    "index": lambda n, at: f"CREATE {'UNIQUE' * (n % 2)} INDEX i{n} ON t ( a )",
    "trigger": lambda n, at: f"CREATE {'TEMP' * (n % 2)} TRIGGER r{n} AFTER INSERT ON t BEGIN DELETE FROM t ; END",
    "transaction": lambda n, at: ("BEGIN", "BEGIN EXCLUSIVE", "COMMIT", "ROLLBACK", f"SAVEPOINT s{n}", f"RELEASE s{n}")[
        n % 6
    ],
    "upkeep": lambda n, at: ("VACUUM", "ANALYZE", "REINDEX", "ANALYZE t", "REINDEX t")[n % 5],
    # Text that hides something, or is none.
    "two statements": lambda n, at: (
        f"SELECT {n} ; {('DROP TABLE t', 'SELECT 1', 'PRAGMA page_size', 'DELETE FROM t')[n % 4]}"
    ),
    "behind a comment": lambda n, at: f"SELECT {n} {('-- x' + chr(10), '/* ; */')[n % 2]} ; /* */ DELETE FROM t",
    "only a comment": lambda n, at: ("-- DROP TABLE t", "/* SELECT 1 */", "/*", " ; ", ";;", "")[n % 6] + " " * n,
    "nul": lambda n, at: f"SELECT {n}{chr(0)} ; DROP TABLE t",
    "broken unicode": lambda n, at: f"SELECT '{chr(0xD800 + n)}'",
    "explain": lambda n, at: f"EXPLAIN {'QUERY PLAN' * (n % 2)} DELETE FROM t WHERE a = {n}",
    "parameters": lambda n, at: f"SELECT {('?', ':x', '@x', '$x', '?9')[n % 5]} , {n}",
    "long text": lambda n, at: f"SELECT '{'x' * (n + 1) * 2_000_000}'",
    "long list": lambda n, at: f"SELECT a FROM t WHERE a IN ( {' , '.join(map(str, range((n + 1) * 10_000)))} )",
    "deep brackets": lambda n, at: f"SELECT {'(' * (n + 2) * 100}1{')' * (n + 2) * 100}",
    "deep queries": lambda n, at: f"SELECT * FROM {'( SELECT * FROM ' * (n + 2) * 50} t {')' * (n + 2) * 50}",
    "deep conditions": lambda n, at: f"SELECT a FROM t WHERE {'NOT ' * (n + 2) * 100} a",
    "compound": lambda n, at: " UNION ALL ".join(["SELECT 1"] * (n + 2) * 20),
    # Too much memory.
    "blob": lambda n, at: f"SELECT {('zeroblob', 'randomblob')[n % 2]} ( {(n + 1) * 100_000_000} )",
    "format": lambda n, at: f"SELECT {('printf', 'format')[n % 2]} ( '%{(n + 1) * 90_000_000}d' , 1 )",
    "hex, quote, char, replace": lambda n, at: (
        f"SELECT {('hex ( s )', 'quote ( s )', 'char ( a )', f'replace ( s , {Q}a{Q} , s )')[n % 4]} , {n} FROM t"
    ),
    "joined text": lambda n, at: f"SELECT group_concat ( a . hay , {n} ) FROM big a , t b",
    "doubled text": lambda n, at: (
        f"WITH RECURSIVE c ( x ) AS ( SELECT '{'ab' * (n + 1)}' UNION ALL SELECT x || x FROM c ) SELECT x FROM c"
    ),
    "rows of long text": lambda n, at: f"SELECT hay || {n} FROM big , t LIMIT {(n + 1) * 30}",
    "sorted text": lambda n, at: (
        f"SELECT hay || b . id AS h FROM big , t b , t c WHERE c . a > {n % 5} ORDER BY h DESC"
    ),
    "distinct text": lambda n, at: (
        f"SELECT count ( DISTINCT b . id * 1000 + c . id || hay ) + {n} FROM big , t b , t c"
    ),
    "text in a window": lambda n, at: (
        f"SELECT group_concat ( a . hay ) OVER ( ORDER BY b . id ROWS {n + 100} PRECEDING ) FROM big a , t b , t c"
    ),
    "kept recursion": lambda n, at: f"{ENDLESS.replace('UNION ALL', 'UNION')} SELECT count ( * ) + {n} FROM c",
    # Too much time.
    "endless recursion": lambda n, at: f"{ENDLESS} SELECT {('count', 'max', 'sum')[n % 3]} ( x ) FROM c",
    "endless, unseen": lambda n, at: f"SELECT a FROM t WHERE EXISTS ( {ENDLESS} SELECT x FROM c WHERE x < {-n} )",
    "cross join": lambda n, at: f"SELECT count ( * ) FROM {' , '.join(f't t{i}' for i in range(n + 4))}",
    "many rows": lambda n, at: f"SELECT {n} FROM t a , t b , t c",
    "window over a cross join": lambda n, at: (
        f"SELECT sum ( a . a ) OVER ( ORDER BY b . id , c . id ROWS {n} PRECEDING ) FROM t a , t b , t c"
    ),
    "correlated": lambda n, at: (
        f"SELECT ( SELECT count ( * ) FROM t b , t c , t d WHERE b . a > a . a + c . a - {n} ) FROM t a"
    ),
    "like": lambda n, at: f"SELECT count ( * ) FROM big , t WHERE hay || id LIKE '%{'a' * (n + 80)}b'",
    "glob": lambda n, at: f"SELECT count ( * ) FROM big , t WHERE hay || id GLOB '*{'[ab]a' * (n + 12)}b'",
    "instr": lambda n, at: f"SELECT instr ( hay , needle ) + {n} FROM big",
    "trim": lambda n, at: (
        f"SELECT {('trim', 'ltrim', 'rtrim')[n % 3]} ( hay , upper ( substr ( hay , 1 , {n + 5} * 1000 ) ) || 'a' ) FROM big"
    ),
    "doubled terms": lambda n, at: doubled(n + 24),
}


def doubled(deep: int) -> str:
    """A query whose term doubles with every step: short as text, and without end as sqlite flattens it."""
    steps = (f"c{i + 1} AS ( SELECT x + x AS x FROM c{i} )" for i in range(deep))
    return f"WITH c0 AS ( SELECT a AS x FROM t ) , {' , '.join(steps)} SELECT x FROM c{deep}"


@dataclass(frozen=True)
class Outcome:
    """What became of one statement: why it was refused (nothing where it was answered), seconds on the clock and of CPU."""

    kind: str
    reason: str
    clock: float
    processor: float
    killed: bool


def statements(at: Path, step: int = 1) -> Iterator[tuple[str, str]]:
    """Kind and statement, for every kind and every `step`-th size; files that they name lie in the folder `at`."""
    return ((kind, make(n, str(at))) for kind, make in KINDS.items() for n in range(0, TIMES, step))


def tried(asked: Iterable[tuple[str, str]]) -> Iterator[Outcome]:
    """Each statement in one sandbox, and after each an honest query, which must be answered."""
    with Sandbox() as sandbox:
        for kind, statement in asked:
            assert sandbox.run([DATABASE], [HONEST])[0].forward == [COUNTED], "the sandbox is not what it was"
            spent, begun = used(sandbox), time.monotonic()
            found = sandbox.run([DATABASE], [statement])[0].forward[0]
            clock, reason = time.monotonic() - begun, found.reason if isinstance(found, Refused) else ""
            yield Outcome(kind, reason, clock, used(sandbox) - spent, sandbox._child is None)
        assert sandbox.run([DATABASE], [HONEST])[0].forward == [COUNTED]


def used(sandbox: Sandbox) -> float:
    """CPU seconds of the sandbox's children, the dead ones and the living one."""
    dead = resource.getrusage(resource.RUSAGE_CHILDREN)
    living = 0.0
    if sandbox._child is not None:
        times = Path(f"/proc/{sandbox._child.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        living = sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
    return dead.ru_utime + dead.ru_stime + living


def peak() -> int:
    """The most memory that any child held until it ended, in MiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def main() -> int:
    """Tries all statements and prints the kinds, the slowest and what went wrong."""
    with tempfile.TemporaryDirectory() as work:
        found = list(tried(statements(Path(work))))
        left = os.listdir(work)
    for kind in KINDS:
        own = [one for one in found if one.kind == kind]
        reasons = Counter(one.reason[:60] or "ANSWERED" for one in own)
        print(
            f"{kind:26} {max(one.clock for one in own):5.2f} s {max(one.processor for one in own):5.2f} s CPU "
            f"{sum(one.killed for one in own):3} killed  {dict(reasons)}"
        )
    refused, late = sum(bool(one.reason) for one in found), sum(one.clock > 2 for one in found)
    print(
        f"{len(found)} statements of {len(KINDS)} kinds: {refused} refused, {sum(one.killed for one in found)} of them with "
        f"the child killed; at most {max(one.clock for one in found):.2f} s on the clock ({late} over 2 s) and "
        f"{max(one.processor for one in found):.2f} s of CPU; a child held at most {peak()} MiB; files left: {left}"
    )
    return int(refused < len(found) or bool(left))


if __name__ == "__main__":
    sys.exit(main())
