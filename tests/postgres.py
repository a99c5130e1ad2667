"""A real Postgres from the distribution's packages and a real MLflow server on top of it, for tests and by hand.

python -m tests.postgres        starts both in a temporary folder, says their addresses, stops them at Ctrl-C
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 240
"""Seconds for a server to answer: a busy machine imports MLflow in minutes."""
FLAGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # in its folder: nothing is left in /dev/shm, however it ends
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
"""Of a Postgres that nobody else reaches and whose data nobody keeps."""


def programs() -> Path | None:
    """The folder of Postgres's programs: on the path, or where Debian puts them."""
    found = [Path(there).resolve().parent for there in (shutil.which("initdb"),) if there]
    return next(iter([*found, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]), None)


def missing() -> str:
    """Why no Postgres can be had here, or nothing."""
    if programs() is None:
        return "no Postgres here: apt install postgresql"
    return "" if importlib.util.find_spec("psycopg") else "no driver here: pip install 'factory-slm[postgres]'"


def owner() -> pwd.struct_passwd:
    """Who Postgres runs as: it refuses root, which takes another user then."""
    if os.getuid():
        return pwd.getpwuid(os.getuid())
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    return users.get("postgres") or users["nobody"]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def running(
    command: Sequence[str | Path], answers: Callable[[], bool], log: Path, stop: signal.Signals, **more: object
) -> Iterator[None]:
    """A server until the end of the block; it must answer before the block begins."""
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True, **more)
    try:
        end = time.monotonic() + PATIENCE
        while not answers():
            assert server.poll() is None and time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.1)
        yield
    finally:
        for how in (stop, signal.SIGKILL):
            with suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(server.pid, how)
            with suppress(subprocess.TimeoutExpired):
                server.wait(60)


@contextmanager
def postgres() -> Iterator[str]:
    """The address of an empty database, which trusts this machine."""
    there, port = programs(), free_port()
    assert there is not None, missing()
    folder = Path(tempfile.mkdtemp(prefix="factory-postgres-"))
    data, name = folder / "data", owner()
    words = {"cwd": folder}
    if os.getuid() == 0:
        words |= {"user": name.pw_uid, "group": name.pw_gid, "extra_groups": []}
    try:
        os.chown(folder, name.pw_uid, name.pw_gid)
        init = [there / "initdb", "--auth=trust", "--username=factory", "--no-sync", "--encoding=UTF8", "-D", data]
        made = subprocess.run(init, capture_output=True, text=True, **words)
        assert made.returncode == 0, made.stderr
        command = [there / "postgres", "-D", data, "-p", str(port), *(f"--{key}={it}" for key, it in FLAGS.items())]
        ready = [there / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        log = folder / "log"
        with running(command, lambda: subprocess.run(ready).returncode == 0, log, signal.SIGINT, **words):
            yield f"postgresql://factory@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder)


def fresh(store: str, name: str) -> str:
    """An empty database of its own on that Postgres."""
    import psycopg

    name = "".join(letter for letter in name.lower() if letter.isalnum())
    with psycopg.connect(store, autocommit=True) as held:
        held.execute(f"CREATE DATABASE {name}")
    return f"{store.rpartition('/')[0]}/{name}"


@contextmanager
def mlflow_server(store: str, folder: Path, port: int = 0) -> Iterator[str]:
    """The address of an MLflow server over that store, with its artifacts in a folder; a free port, or that one.

    It ends by SIGKILL: all that it knows is in its store.
    """
    port = port or free_port()
    address = f"http://127.0.0.1:{port}"
    words = ["--backend-store-uri", store, "--artifacts-destination", str(folder / "artifacts"), "--workers", "1"]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}

    def answers() -> bool:
        try:
            return urllib.request.urlopen(f"{address}/health", timeout=5).status == 200
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    command = [sys.executable, "-m", "mlflow", "server", *words, "--host", "127.0.0.1", "--port", str(port)]
    with running(command, answers, folder / "server.log", signal.SIGKILL, env={**os.environ, **quiet}):
        yield address


def main() -> None:
    """Both, until Ctrl-C or SIGTERM; neither is left behind."""
    if why := missing():
        sys.exit(why)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory() as folder, postgres() as store, mlflow_server(store, Path(folder)) as server:
            print(f"registry.tracking_uri={store}")
            print(f"registry.tracking_uri={server} registry.artifact_location=null", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("stopped")


if __name__ == "__main__":
    main()
