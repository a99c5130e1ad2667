"""How fast the registry's pages are with a thousand versions: a real server process, asked over HTTP.

python -m tests.benchmarks.browse [VERSIONS]              the index as it is after so many; pages read nothing else
python -m tests.benchmarks.browse [VERSIONS] --registered them registered in MLflow first, and the index rebuilt from that

Wall time is that of this machine as it is; CPU time is the server's own, and comparable. Registered versions have no files:
pages of the whole registry read none.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from factory import config, registry
from factory.gate import Verdict, written
from factory.registry import index
from factory.registry.gating import GATE
from tests.products import WORDS
from tests.unit.test_registry_index import ROW

MODELS = {"20 models": 20, "each a model of its own": 0}
TIMES = 9
"""A page is asked for so often, after once that is not counted."""
TICKS = os.sysconf("SC_CLK_TCK")


def main(count: int, registered: bool) -> None:
    """Prints a line for each figure."""
    for name, models in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            words = [*WORDS, f"runtime.runs={folder}"]
            settings = config.load(words).registry
            print(f"{count} versions, {name}")
            with registry.client(settings) as ours:
                if registered:
                    said("registered", partial(fill, ours, settings, count, models or count))
            if not registered:
                save(settings, count, models or count)
            said("rebuilt" if registered else "opened", partial(registry.fleet, settings))
            whole = registry.fleet(settings)
            assert len(whole.rows) == count
            index.whole.cache_clear()
            said("read", partial(index.read, Path(settings.index)))
            with server(words) as (address, process):
                pages(address, process, whole.rows[-1])


def save(settings: config.Registry, count: int, models: int) -> None:
    """The index as it is after so many versions, shared among so many models, each version with an event."""
    rows = sorted((row(number, models) for number in range(count)), key=lambda row: (row.model, row.version))
    stamp = index.stamp(settings.tracking_uri)
    about = {"scheme": index.SCHEME, "address": settings.tracking_uri, "stamp": stamp, "read": time.time()}
    event = {"when": "2026-01-01T00:00:00Z", "who": "me", "what": "register", "alias": "champion", "before": None}
    event |= {"after": "1", "why": "the gate passes", "evidence": {}, "outcome": "done"}
    index.save(Path(settings.index), about, rows, [(row.model, json.dumps(event)) for row in rows])


def row(number: int, models: int) -> registry.Row:
    """One version; the newest of each model is champion."""
    name, score = f"s{number % models}", number / 1000
    keys = dict.fromkeys(("adapter", "examples", "kept", "report", "tokens"), f"{number:064x}")
    parts = {"score": score, "difference": score - 0.1, "low": score - 0.15, "high": score - 0.05, "keys": keys}
    aliases = ("champion",) if number < models else ()
    return replace(
        ROW, model=f"factory.{name}.tiny", specialist=name, version=number // models + 1, aliases=aliases, **parts
    )


def fill(ours: Any, settings: config.Registry, count: int, models: int) -> None:
    """So many versions in MLflow, shared among so many models."""
    for model in range(models):
        ours.create_registered_model(f"factory.s{model}.tiny")
    for number in range(count):
        found = row(number, models)
        made = ours.create_model_version(found.model, source=f"/nowhere/{number}", tags=tagged(found))
        ours.set_registered_model_alias(found.model, settings.alias, made.version)


def tagged(found: registry.Row) -> dict[str, str]:
    """What a registration writes to a version, as far as the index reads it."""
    return {
        registry.KEY: found.keys["report"],
        GATE: written(Verdict("PROMOTE")),
        "specialist": found.specialist,
        "base": found.base,
        "score_base": f"{found.score_base:.6f}",
        "score_adapter": f"{found.score:.6f}",
        "difference": f"{found.difference:+.6f} [{found.low:+.6f}, {found.high:+.6f}]",
        "exam": found.exam,
        "exam_rows": str(found.rows),
        "rank": str(found.rank),
        "method": found.method,
        "adapter_bytes": str(found.bytes),
        **{f"{stage}_key": key for stage, key in found.keys.items()},
    }


@contextmanager
def server(words: list[str]) -> Iterator[tuple[str, int]]:
    """The pages, served by a process of their own; their address, and the process."""
    command = [sys.executable, "-W", "ignore", "-m", "factory", "registry", "ui", "--port", "0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()[0], process.pid
        finally:
            process.terminate()


def pages(address: str, process: int, last: registry.Row) -> None:
    """The time of every page that reads the index alone."""
    one = urllib.parse.quote(f"model={last.model}")
    for name in ("", "?filter=score%3E0.9", f"?filter={one}", "data", "runs", "compare", "ask"):
        urllib.request.urlopen(address + name).read()
        quiet(process)
        took, size, cpu = [], 0, cpu_of(process)
        for _ in range(TIMES):
            before = time.monotonic()
            size = len(urllib.request.urlopen(address + name).read())
            took.append(1000 * (time.monotonic() - before))
        each = 1000 * (cpu_of(process) - cpu) / TIMES
        wall = f"{statistics.median(took):4.0f} ms, {min(took):.0f} to {max(took):.0f}"
        print(f"  /{name:<34} {wall}; CPU {each:.0f} ms; {size / 1024:,.0f} KiB", flush=True)


def quiet(process: int) -> None:
    """Returns when the server is at nothing: it imports MLflow when it has started."""
    before = -1.0
    while cpu_of(process) != before:
        before = cpu_of(process)
        time.sleep(0.5)


def cpu_of(process: int) -> float:
    """Seconds of CPU that a process has used."""
    parts = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / TICKS


def said(what: str, do: Callable[[], Any]) -> None:
    """Does it, and says how long it took."""
    before, cpu = time.monotonic(), time.process_time()
    do()
    print(f"  {what}: {time.monotonic() - before:.2f} s, CPU {time.process_time() - cpu:.2f} s", flush=True)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(numbers[0] if numbers else 1000, "--registered" in sys.argv)
