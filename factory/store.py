"""Content-addressed products: a stage runs once for what it was asked, and what it made is found again by that.

A stage is a plain function. Its parameters are conf groups, earlier products and sources (files hashed by content); the
runner passes, hashes and prints exactly these, with the stage's and the specialist's version. A product is a folder,
`runs/<specialist>/<stage>-<key>/`; `manifest.json`, with the sha256 of every payload file, is written last and
atomically, so that present means done. Times, hosts and what made it go to `facts.json` beside it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import inspect
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.errors import DataMistake, FactoryError, Unavailable

SCHEME = 1
"""Version of the key itself: raised when the way keys are made changes."""
RUNNERS = ("out", "runtime", "events")
"""Parameters the runner fills in that say where and how, never what: they are not part of a key."""
WORK = "work"
"""Sub-folder for what an interrupted stage wants back; gone once the product is complete."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
NO_ROOM = 1 << 16
"""Bytes: a disk with less left is full."""

Events = Callable[..., None]
"""Progress: events(message, done=None, total=None, **figures); the command line draws it."""


@dataclass(frozen=True)
class Source:
    """Something from outside the data path that a stage reads: its path and the digest of its content."""

    path: Path | str
    digest: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Stage:
    """A named, versioned function; `makes` is the name of its product."""

    makes: str
    function: Callable[..., dict[str, Any]]
    version: int

    @property
    def needs(self) -> list[str]:
        """The names of what it is asked with: conf groups, products and sources, in the order of its signature."""
        return [name for name in inspect.signature(self.function).parameters if name not in RUNNERS]

    def asked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What is given, as it stands in the key and the manifest.

        A parameter that has None for a default counts only where it is given something: a stage that learns to do more
        keeps the keys of what it made before.
        """
        spare = {name for name, one in inspect.signature(self.function).parameters.items() if one.default is None}
        return {name: asked_for(given[name]) for name in self.needs if name not in spare or given[name] is not None}


@dataclass(frozen=True)
class Made:
    """A product: its stage, key and folder; `manifest` once it is complete."""

    stage: str
    key: str
    folder: Path

    @property
    def complete(self) -> bool:
        """Whether the manifest is there."""
        return (self.folder / "manifest.json").exists()

    @property
    def manifest(self) -> dict[str, Any]:
        """What was asked and what came of it."""
        return json.loads((self.folder / "manifest.json").read_text())

    @property
    def facts(self) -> dict[str, Any]:
        """Times, host, libraries: what does not repeat."""
        return json.loads((self.folder / "facts.json").read_text())

    def file(self, name: str) -> Path:
        """A payload file; DataMistake where its bytes are not the ones that were made."""
        path, wanted = self.folder / name, self.manifest["payload"][name]
        if not path.exists() or sha256(path) != wanted:
            raise DataMistake(
                str(path), "is missing or not the file that was made", f"delete {self.folder} and run again"
            )
        return path


def sha256(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(data: Any) -> str:
    """The sha256 of plain data as canonical JSON; the order of mappings counts (filters run in theirs)."""
    return hashlib.sha256(json.dumps(data, separators=(",", ":"), ensure_ascii=True).encode()).hexdigest()


def folder_digest(folder: Path, names: list[str]) -> str:
    """One digest over the named files of a folder; those that do not exist count as absent."""
    return digest([[name, sha256(folder / name) if (folder / name).exists() else None] for name in names])


def plan(stage: Stage, given: Mapping[str, Any], versions: Mapping[str, int], root: Path) -> Made:
    """The product this stage would make of what is given: its key and folder, made or not."""
    key = key_of(stage, stage.asked(given), versions)
    return Made(stage.makes, key, root / f"{stage.makes}-{key[:10]}")


def key_of(stage: Stage, asked: Mapping[str, Any], versions: Mapping[str, int]) -> str:
    """The key of what this stage makes of what is asked."""
    about = {"scheme": SCHEME, "stage": stage.makes, "version": stage.version, "versions": dict(versions)}
    return digest(about | {"asked": dict(asked)})


def asked_for(thing: Any) -> Any:
    """How something stands in a key: a product by its key, a source by its digest, configuration by its values."""
    if isinstance(thing, Made):
        return thing.key
    if isinstance(thing, Source):
        return thing.digest
    return thing.model_dump(mode="json") if hasattr(thing, "model_dump") else plain(thing)


def plain(thing: Any) -> Any:
    """Configuration values without a model of their own, such as the ordered filters."""
    if isinstance(thing, Mapping):
        return {name: asked_for(value) for name, value in thing.items()}
    return getattr(thing, "identity", thing)


def run(
    stage: Stage, given: Mapping[str, Any], made: Made, runtime: Any, events: Events, made_with: Mapping[str, Any]
) -> Made:
    """Makes the product unless it is there; what an interrupted run left is handed to the stage, never taken for done."""
    if made.complete:
        shutil.rmtree(made.folder / WORK, ignore_errors=True)
        return made
    with locked(made.folder), naming_a_full_disk(made.folder):
        if made.complete:
            return made
        clear(made.folder)
        (made.folder / WORK).mkdir(parents=True, exist_ok=True)
        started, cpu = time.time(), time.process_time()
        own = {"out": made.folder, "runtime": runtime, "events": events}
        wanted = inspect.signature(stage.function).parameters
        counts = stage.function(
            **{name: given[name] for name in stage.needs},
            **{name: value for name, value in own.items() if name in wanted},
        )
        seconds = {
            "seconds": round(time.time() - started, 2),
            "cpu_seconds": round(time.process_time() - cpu, 2),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "host": os.uname().nodename,
        }
        facts = {**seconds, **own_facts(made.folder), "made_with": dict(made_with)}
        finish(stage, given, made, counts, facts)
    return made


def finish(stage: Stage, given: Mapping[str, Any], made: Made, counts: dict[str, Any], facts: dict[str, Any]) -> None:
    """Writes facts, drops the work folder, and last of all writes the manifest."""
    write(made.folder / "facts.json", json.dumps(facts, indent=1))
    payload = {
        path.relative_to(made.folder).as_posix(): sha256(path)
        for path in sorted(made.folder.rglob("*"))
        if path.is_file() and WORK not in path.relative_to(made.folder).parts and path.name != "facts.json"
    }
    manifest = {
        "stage": made.stage,
        "version": stage.version,
        "key": made.key,
        "asked": stage.asked(given),
        "counts": counts,
        "payload": payload,
    }
    write(made.folder / "manifest.json", json.dumps(manifest, indent=1))
    shutil.rmtree(made.folder / WORK)


def write_facts(out: Path, facts: Mapping[str, Any]) -> None:
    """What a stage knows of how it went, for the facts of its product: figures that do not repeat."""
    write(out / WORK / "facts.json", json.dumps(dict(facts)))


def own_facts(out: Path) -> dict[str, Any]:
    """What the stage wrote of it."""
    path = out / WORK / "facts.json"
    return json.loads(path.read_text()) if path.exists() else {}


def clear(folder: Path) -> None:
    """Removes what an interrupted run left outside the work folder."""
    for path in folder.iterdir() if folder.exists() else ():
        if path.name != WORK:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def write(path: Path, text: str) -> None:
    """Writes a file so that it is there whole or not at all, also after a power cut."""
    new = path.with_name(path.name + ".new")
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Holds the folder for this process. Where another holds it: waits, or Unavailable. The kernel frees it on any death."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    there = False
    while not there:
        with open(folder.parent / f".{folder.name}.lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Unavailable(
                    str(folder), "another run is making this now", "wait for it, then run again"
                ) from None
            there = os.fstat(file.fileno()).st_nlink > 0  # `gc` removes it while it holds it
            if there:
                yield


@contextmanager
def naming_a_full_disk(folder: Path) -> Iterator[None]:
    """A full disk as one line; nothing half-made counts, so the next run goes on.

    Told by the error's number, by its text (safetensors: "os error 28"; torch.save: "unexpected pos" or a failed
    PytorchStreamWriter, of a file shorter than what was written), or by the disk itself.
    """
    try:
        yield
    except FactoryError:
        raise
    except Exception as error:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        texts = (os.strerror(errno.ENOSPC), "unexpected pos", "PytorchStreamWriter failed")
        said = getattr(error, "errno", None) in DISK_FULL or any(text in str(error) for text in texts)
        if said or shutil.disk_usage(there).free < NO_ROOM:
            hint = "free some space and run again: it goes on where it was"
            raise Unavailable(str(folder), "the disk is full", hint) from error
        raise
