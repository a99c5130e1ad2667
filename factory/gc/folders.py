"""A thing that nobody needs and how it goes; folders that processes hold, their bytes, their end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from factory.errors import Unavailable
from factory.store import locked


@dataclass(frozen=True)
class Left:
    """Something that nobody needs: what it is, why, its bytes (none: not on this machine), and how it goes."""

    what: str
    why: str
    bytes: int | None
    remove: Callable[[], None] = field(repr=False, compare=False)


def held(folder: Path) -> bool:
    """Whether a process is at this folder."""
    if not lock_of(folder).exists():
        return False
    try:
        with locked(folder):
            return False
    except Unavailable:
        return True


def lock_of(folder: Path) -> Path:
    """The lock file of a folder."""
    return folder.with_name(f".{folder.name}.lock")


def locks(runs: Path) -> Iterator[Path]:
    """The folders below a runs folder that have a lock file."""
    return (lock.with_name(lock.name[1:-5]) for lock in runs.glob("*/.*.lock"))


def remove(folder: Path) -> None:
    """Removes a product's folder and its lock file; Unavailable where a process has taken it since."""
    with locked(folder):
        shutil.rmtree(folder)
        lock_of(folder).unlink()


def size(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
