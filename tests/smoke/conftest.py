"""The real factory, once: one whole smoke run on the embedded random base, behind a wall, shared by all tests here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

STAGES = ("examples", "kept", "tokens", "adapter", "report", "checkup", "random", "full", "comparison")
WORDS = ("base=tiny", "profile=smoke", "train.log_every=4", "runtime.threads=1")
"""As in the drill: log lines and checkpoints on different steps."""
WALL = '''
"""Loaded by every Python that finds it on its path: writes down and refuses what would leave this machine."""

import os
import socket


def outside(address):
    return isinstance(address, tuple) and not str(address[0]).startswith(("127.", "::1", "localhost"))


def guarded(name, real):
    def call(self, address, *rest):
        if outside(address):
            note(name, address)
        return real(self, address, *rest)
    return call


def note(name, address):
    with open(os.environ["WALL_NOTES"], "a") as file:
        file.write(f"{name} {address}\\n")
    raise OSError(101, "Network is unreachable")


def named(host, *rest, real=socket.getaddrinfo, **more):
    if host is not None and outside((host.decode() if isinstance(host, bytes) else host,)):
        note("getaddrinfo", host)
    return real(host, *rest, **more)


for name in ("connect", "connect_ex"):
    setattr(socket.socket, name, guarded(name, getattr(socket.socket, name)))
socket.getaddrinfo = named
'''


@dataclass(frozen=True)
class Done:
    """What a command left: exit code, output, complaints, and seconds of CPU, its children's included."""

    code: int
    out: str
    err: str
    cpu: float

    @property
    def complaint(self) -> str:
        """The one line on standard error; fails where there are more, or none."""
        lines = self.err.splitlines()
        assert len(lines) == 1, f"{len(lines)} lines on standard error: {self.err}"
        return lines[0]


class Running:
    """A factory at work."""

    def __init__(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str], before: Sequence[str]
    ) -> None:
        self.files = [folder / f"{name}-{time.monotonic_ns()}" for name in ("out", "err")]
        with self.files[0].open("w") as out, self.files[1].open("w") as err:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-m", "factory", *words],
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **environment},
            )

    def waits_for(self, there: Callable[[], bool], seconds: float = 120) -> None:
        """Returns once something is there, while the factory still runs."""
        end = time.monotonic() + seconds
        while not there():
            assert time.monotonic() < end and self.process.poll() is None, self.files[1].read_text()
            time.sleep(0.005)

    def interrupt(self) -> None:
        """Ctrl-C, which a terminal sends to the children too."""
        os.killpg(self.process.pid, signal.SIGINT)

    def done(self) -> Done:
        """What came of it."""
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return Done(self.process.returncode, *(file.read_text() for file in self.files), used.ru_utime + used.ru_stime)


Start = Callable[..., Running]
Factory = Callable[..., Done]


@dataclass(frozen=True)
class Full:
    """The shared run: its folder, what it left, its words, and what tried to leave the machine."""

    runs: Path
    done: Done
    words: tuple[str, ...]
    attempts: Path

    def product(self, stage: str) -> Path:
        """The folder of a product."""
        return next((self.runs / "sql").glob(f"{stage}-*"))

    def payload(self, stage: str) -> dict[str, str]:
        """File to sha256."""
        return payload_of(self.product(stage))


def payload_of(folder: Path) -> dict[str, str]:
    """File to sha256, as the manifest says."""
    return json.loads((folder / "manifest.json").read_text())["payload"]


@pytest.fixture(scope="session")
def payload() -> Callable[[Path, str], dict[str, str]]:
    """The payload of the only product of a stage in a runs folder."""

    def read(runs: Path, stage: str) -> dict[str, str]:
        (folder,) = (runs / "sql").glob(f"{stage}-*")
        return payload_of(folder)

    return read


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Starts the factory in a process of its own."""
    folder = tmp_path_factory.mktemp("said")
    return lambda *words, before=(), **environment: Running(words, folder, environment, before)


@pytest.fixture(scope="session")
def factory(start: Start) -> Factory:
    """Runs the factory in a process of its own, to its end."""
    return lambda *words, **more: start(*words, **more).done()


@pytest.fixture(scope="session")
def wall(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment behind the wall, with nothing that tells the libraries to stay offline."""
    folder = tmp_path_factory.mktemp("wall")
    (folder / "sitecustomize.py").write_text(WALL)
    online = dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"), "0")
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    return {**online, "PYTHONPATH": path, "WALL_NOTES": str(folder / "notes")}


@pytest.fixture(scope="session")
def full(factory: Factory, wall: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Full:
    """All stages and a registered version, from nothing, with two workers."""
    runs = tmp_path_factory.mktemp("full")
    words = (*WORDS, f"runtime.runs={runs}")
    done = factory("run", *words, "runtime.workers=2", **wall)
    assert done.code == 5, done.err
    return Full(runs, done, words, Path(wall["WALL_NOTES"]))


@pytest.fixture
def beside(full: Full, tmp_path: Path) -> Callable[[str], tuple[Path, tuple[str, ...]]]:
    """A fresh runs folder with copies of the shared run's products up to one, and the words to use it."""

    def copy(until: str) -> tuple[Path, tuple[str, ...]]:
        runs = tmp_path / "runs"
        for stage in STAGES[: STAGES.index(until) + 1]:
            shutil.copytree(full.product(stage), runs / "sql" / full.product(stage).name)
        return runs, (*WORDS, "runtime.workers=1", f"runtime.runs={runs}")

    return copy


@pytest.fixture
def chosen(full: Full) -> Iterator[str]:
    """An alias on the shared version. The gate holds on 24 rows of random weights, so nobody else would give it one."""
    from factory import config, registry

    settings = config.load(full.words).registry
    with registry.client(settings) as ours:
        ours.set_registered_model_alias(settings.model, "chosen", "1")
        yield "chosen"
        ours.delete_registered_model_alias(settings.model, "chosen")
