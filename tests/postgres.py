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
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 240
"""Seconds for a server to answer: a busy machine imports MLflow in minutes."""


def programs() -> Path | None:
    """The folder of Postgres's programs: on the path, or where Debian puts them."""
    found = [Path(there).resolve().parent for there in (shutil.which("initdb"),) if there]
    return next(iter([*found, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]), None)


def missing() -> str:
    """Why no Postgres can be had here, or nothing."""
    if programs() is None:
        return "no Postgres here: apt install postgresql"
    return "" if importlib.util.find_spec("psycopg") else "no driver here: pip install 'factory-slm[postgres]'"


def user() -> str | None:
    """Postgres refuses to run as root: another user then."""
    if os.getuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def running(command: Sequence[str], answers: Callable[[], bool], log: Path, **more: object) -> Iterator[None]:
    """A server until the end of the block; it must answer before the block begins."""
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True, **more)
    try:
        end = time.monotonic() + PATIENCE
        while not answers():
            assert server.poll() is None and time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.2)
        yield
    finally:
        os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@contextmanager
def postgres() -> Iterator[str]:
    """The address of an empty database, which trusts this machine."""
    there, port, owner = programs(), free_port(), user()
    assert there is not None, missing()
    folder = Path(tempfile.mkdtemp(prefix="factory-postgres-"))
    try:
        if owner:
            shutil.chown(folder, owner)
        data = folder / "data"
        init = [there / "initdb", "--auth=trust", "--username=factory", "--no-sync", "--encoding=UTF8", "-D", data]
        subprocess.run(init, check=True, capture_output=True, user=owner, cwd=folder)
        flags = {"listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off"}
        command = [
            there / "postgres",
            "-D",
            data,
            "-p",
            str(port),
            *(f"--{name}={value}" for name, value in flags.items()),
        ]
        ready = [there / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
        log = Path(tempfile.gettempdir(), f"{folder.name}.log")
        with running(
            command, lambda: subprocess.run(ready, capture_output=True).returncode == 0, log, user=owner, cwd=folder
        ):
            yield f"postgresql://factory@127.0.0.1:{port}/postgres"
        log.unlink()
    finally:
        shutil.rmtree(folder)


@contextmanager
def mlflow_server(store: str, folder: Path, port: int = 0) -> Iterator[str]:
    """The address of an MLflow server over that store, with its artifacts in a folder; a free port, or that one."""
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
    with running(command, answers, folder / "server.log", env={**os.environ, **quiet}):
        yield address


def main() -> None:
    """Both, until Ctrl-C."""
    if why := missing():
        sys.exit(why)
    with tempfile.TemporaryDirectory() as folder, postgres() as store, mlflow_server(store, Path(folder)) as server:
        print(
            f"registry.tracking_uri={store}\nregistry.tracking_uri={server} registry.artifact_location=null", flush=True
        )
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
