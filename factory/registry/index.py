"""What tables and pages read: every version and every event in one sqlite file, rebuilt from MLflow.

Reading it imports no MLflow, which alone takes seconds, and asks no server. It holds nothing that MLflow does not: a file
that is lost, or of another scheme, is made anew. It is replaced whole, so that a reader sees the old one or the new one.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, astuple, dataclass, fields, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory import config
from factory.errors import Absent, Mistake, Unavailable, closest
from factory.gate import read as read_verdict
from factory.registry.door import KEY, client, versions
from factory.registry.events import CHALLENGER, RETIRED, events_of
from factory.registry.gating import GATE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

SCHEME = 1
"""Version of the tables below."""
FRESH = 60.0
"""Seconds for which an index of a server is believed; that of a sqlite file until the file changes."""
DIFFERENCE = re.compile(r"(\S+) \[(\S+), (\S+)\]")
FILTER = re.compile(r"(\w+)(<=|>=|!=|<|>|=)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """A version as tables and pages show it."""

    model: str
    version: int
    specialist: str
    base: str
    aliases: tuple[str, ...]
    created: str  #: UTC
    score: float  #: of the adapter on the exam
    score_base: float  #: of the base on the same rows
    difference: float  #: adapter - base, with its interval
    low: float
    high: float
    exam: str  #: digest: scores of another exam are no neighbours
    rows: int  #: of the exam
    rank: int
    method: str
    bytes: int  #: of the adapter
    gate: str  #: promote, hold or reject
    reasons: tuple[str, ...]  #: why it is no promote
    retired: str  #: when, UTC; empty: it is not
    keys: dict[str, str]  #: product -> key
    run: str  #: MLflow's id of the run with the evidence

    def plain(self) -> dict[str, Any]:
        """The same as JSON-able data; a thousand of them in a millisecond, which `asdict` is not."""
        return dict(vars(self))


@dataclass(frozen=True)
class Fleet:
    """What the index holds, or the part of it that was asked for."""

    address: str
    read: float  #: seconds since 1970, when it was read from MLflow
    rows: tuple[Row, ...]  #: by model, the oldest version first
    events: dict[str, list[dict[str, Any]]]  #: of a model, the oldest first

    def models(self) -> dict[str, list[Row]]:
        """The rows of each model."""
        return {name: list(group) for name, group in groupby(self.rows, lambda row: row.model)}

    def plain(self, alias: str) -> dict[str, Any]:
        """All of it as JSON-able data; `alias` is the guarded one."""
        models = [
            {
                "model": name,
                "specialist": rows[0].specialist,
                "base": rows[0].base,
                "shown": leader(rows, alias).version,
                "scores": [row.score for row in rows],
                "versions": [row.plain() for row in rows],
                "events": self.events.get(name, []),
            }
            for name, rows in self.models().items()
        ]
        return {"registry": self.address, "read": stamped(self.read), "models": models}


def leader(rows: Iterable[Row], alias: str) -> Row:
    """The version that stands for its model: who holds the alias, else challenger, else the newest that is not retired."""
    return max(rows, key=lambda row: (alias in row.aliases, CHALLENGER in row.aliases, not row.retired, row.version))


def named(whole: Fleet, word: str, model: str) -> Row:
    """The version that a word names: a number or an alias of `model`, or MODEL:NUMBER, MODEL@ALIAS; Absent where none is so."""
    end = max(word.rfind(":"), word.rfind("@"))
    said, which = word[: max(end, 0)], word[end + 1 :]
    rows = whole.models().get(said or model)
    if rows is None:
        hint = closest(said or model, whole.models()) if whole.rows else "run `factory run` first"
        raise Absent(said or model, "no such registered model", hint)
    for row in rows:
        if str(row.version) == which or which in row.aliases:
            return row
    if which.isdigit():
        numbers = f"have: {rows[0].version} to {rows[-1].version}"
        raise Absent(f"{said or model} version {which}", "no such version", numbers)
    have = sorted(alias for row in rows for alias in row.aliases)
    raise Absent(f"{said or model}@{which}", "no version holds this alias", closest(which, have))


def now(settings: config.Registry) -> tuple[Fleet, str]:
    """Every version; and, where MLflow is away and this is what it held when it was last read, a line that says so."""
    path = Path(settings.index)
    try:
        if gone(settings) and path.exists() and read(path).address == settings.tracking_uri:
            raise Unavailable(f"registry {settings.tracking_uri}", "the file is gone")
        return fleet(settings), ""
    except Unavailable as error:
        if not path.exists():
            raise
        whole = read(path)
        return whole, f"{error.where}: {error.what} - this is what it held at {stamped(whole.read)}"


def gone(settings: config.Registry) -> bool:
    """Whether the registry is a sqlite file that is not there."""
    return settings.tracking_uri.startswith("sqlite:///") and not database(settings.tracking_uri).exists()


def fleet(settings: config.Registry) -> Fleet:
    """Every version, from the index; rebuilt first where MLflow may know more. Unavailable where MLflow is away then."""
    path = Path(settings.index)
    if gone(settings):
        return Fleet(settings.tracking_uri, time.time(), (), {})
    if stale(settings):
        with client(settings) as ours:
            rebuild(ours, settings)
    return read(path)


def stale(settings: config.Registry) -> bool:
    """Whether the index is not there, of another scheme or address, or older than what MLflow may hold."""
    try:
        with closing(sqlite3.connect(f"{Path(settings.index).resolve().as_uri()}?mode=ro", uri=True)) as db:
            held = dict(db.execute("SELECT name, value FROM about"))
    except sqlite3.Error:
        return True
    if (held.get("scheme"), held.get("address")) != (str(SCHEME), settings.tracking_uri):
        return True
    if settings.tracking_uri.startswith("sqlite:///"):
        return held["stamp"] != stamp(settings.tracking_uri)
    return not 0 <= time.time() - float(held["read"]) < FRESH


def rebuild(ours: MlflowClient, settings: config.Registry) -> None:
    """Reads all versions and models from MLflow and replaces the index."""
    about = {
        "scheme": SCHEME,
        "address": settings.tracking_uri,
        "stamp": stamp(settings.tracking_uri),
        "read": time.time(),
    }
    ordered = sorted(versions(ours), key=lambda version: (version.name, int(version.version)))
    registered = [version for version in ordered if KEY in version.tags]
    models = {name: ours.get_registered_model(name) for name in dict.fromkeys(one.name for one in registered)}
    rows = [row_of(version, models[version.name].aliases) for version in registered]
    past = [(name, json.dumps(asdict(event))) for name in models for event in events_of(models[name].tags)]
    save(Path(settings.index), about, rows, past)


def save(path: Path, about: Mapping[str, Any], rows: Iterable[Row], past: Iterable[tuple[str, str]]) -> None:
    """Writes the index beside the old one and puts it in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    with closing(sqlite3.connect(new)) as db, db:
        db.execute("CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT)")
        db.execute(f"CREATE TABLE versions ({', '.join(COLUMNS)}, PRIMARY KEY (model, version))")
        db.execute("CREATE TABLE events (model, event)")
        db.executemany("INSERT INTO about VALUES (?, ?)", [(name, str(value)) for name, value in about.items()])
        db.executemany(f"INSERT INTO versions VALUES ({', '.join('?' * len(COLUMNS))})", map(stored, rows))
        db.executemany("INSERT INTO events VALUES (?, ?)", past)
    os.replace(new, path)


def read(path: Path) -> Fleet:
    """The index as it is; milliseconds, and less for a program that has read the same file before."""
    there = path.resolve()
    try:
        stat = there.stat()
    except OSError as error:
        raise sqlite3.OperationalError(str(error)) from None
    return whole(there, stat.st_ino, stat.st_mtime_ns)


@lru_cache(1)
def whole(path: Path, *_: int) -> Fleet:
    """All of an index that is replaced, never written to."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        about = dict(db.execute("SELECT name, value FROM about"))
        rows = tuple(map(restored, db.execute("SELECT * FROM versions ORDER BY model, version")))
        events: dict[str, list[dict[str, Any]]] = {}
        for model, event in db.execute("SELECT model, event FROM events ORDER BY rowid"):
            events.setdefault(model, []).append(json.loads(event))
    return Fleet(about["address"], float(about["read"]), rows, events)


def row_of(version: ModelVersion, aliases: Mapping[str, Any]) -> Row:
    """A version as a row; `aliases` are those of its model, with who holds them."""
    held = tuple(sorted(name for name, number in aliases.items() if str(number) == str(version.version)))
    row = row_from(version.name, version.tags)
    created = stamped(version.creation_timestamp / 1000)
    return replace(row, version=int(version.version), aliases=held, created=created, run=version.run_id)


def row_from(model: str, tags: Mapping[str, str]) -> Row:
    """What a version's tags say, as a row without a place in a registry; KeyError or ValueError where they do not say it."""
    verdict = read_verdict(tags[GATE])
    value, low, high = interval(tags["difference"])
    return Row(
        model=model,
        version=0,
        specialist=tags["specialist"],
        base=tags["base"],
        aliases=(),
        created="",
        score=float(tags["score_adapter"]),
        score_base=float(tags["score_base"]),
        difference=value,
        low=low,
        high=high,
        exam=tags["exam"],
        rows=int(tags["exam_rows"]),
        rank=int(tags["rank"]),
        method=tags.get("method", ""),
        bytes=int(tags["adapter_bytes"]),
        gate=verdict.word.lower(),
        reasons=verdict.reasons,
        retired=tags.get(RETIRED, ""),
        keys={name.removesuffix("_key"): key for name, key in sorted(tags.items()) if name.endswith("_key")},
        run="",
    )


def interval(text: str) -> tuple[float, ...]:
    """A difference with its ends, as a tag says it; ValueError where it is none."""
    found = DIFFERENCE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no difference with its interval")
    return tuple(map(float, found.groups()))


COLUMNS = [field.name for field in fields(Row)]


def stored(row: Row) -> tuple[Any, ...]:
    """A row as sqlite takes it: lists and mappings as JSON."""
    return tuple(json.dumps(value) if isinstance(value, tuple | dict) else value for value in astuple(row))


def restored(values: tuple[Any, ...]) -> Row:
    """A row as it was."""
    held = dict(zip(COLUMNS, values, strict=True))
    lists = {name: tuple(json.loads(held[name])) for name in ("aliases", "reasons")}
    return Row(**held | lists | {"keys": json.loads(held["keys"])})


def database(address: str) -> Path:
    """The file of a sqlite address."""
    return Path(address.removeprefix("sqlite:///"))


def stamp(address: str) -> str:
    """What changes when a sqlite file does: time and size of the file and of its journal; nothing for a server."""
    if not address.startswith("sqlite:///"):
        return ""
    there = [
        path.stat()
        for end in ("", "-wal")
        if (path := database(address).with_name(database(address).name + end)).exists()
    ]
    return " ".join(f"{one.st_mtime_ns} {one.st_size}" for one in there)


def stamped(seconds: float) -> str:
    """A time as text, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def filtered(whole: Fleet, words: Iterable[str]) -> Fleet:
    """The rows that every word lets through: a part of a model's name, `@alias`, or a column with what it must be."""
    tests = [passes(word) for word in words]
    rows = tuple(row for row in whole.rows if all(test(row) for test in tests))
    return Fleet(
        whole.address, whole.read, rows, {name: whole.events.get(name, []) for name in {row.model for row in rows}}
    )


def passes(word: str) -> Callable[[Row], bool]:
    """What one word asks of a row; Mistake where it asks for a column that there is not, or compares words."""
    found = FILTER.fullmatch(word)
    if found is None:
        return (lambda row: word[1:] in row.aliases) if word.startswith("@") else (lambda row: word in row.model)
    name, sign, wanted = found.groups()
    names = [column for column in COLUMNS if column not in ("reasons", "keys", "aliases")]
    if name == "alias":
        return lambda row: (wanted in row.aliases) == (sign == "=")
    if name not in names:
        raise Mistake(word, "no such column", closest(name, [*names, "alias"]))
    if sign in ("=", "!="):
        return lambda row: (str(getattr(row, name)) == wanted) == (sign == "=")
    try:
        limit = float(wanted)
    except ValueError:
        raise Mistake(word, f"{wanted!r} is no number", f"write a number, or {name}=...") from None
    return lambda row: compared(getattr(row, name), sign, limit, word)


def compared(value: Any, sign: str, limit: float, word: str) -> bool:
    """Whether a number is on the right side of a limit."""
    if not isinstance(value, int | float):
        raise Mistake(word, "is a column of words", "write = or != and the word")
    return {"<": value < limit, ">": value > limit, "<=": value <= limit, ">=": value >= limit}[sign]
