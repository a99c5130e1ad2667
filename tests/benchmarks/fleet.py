"""A fleet on one base beside its jobs alone: time, memory, and whether every adapter is the same. `make benchfleet`.

Eight jobs: two specialists, two ranks, two learning rates, five minutes or more each. The fleet is
one process that trains them one after another on one loaded base; alone, each is a process of its own. Both are run at
the same time, one core each, so that they meet the same machine. Killed, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from factory import config, fits, pipeline
from factory.display import console
from factory.made_with import made_with
from factory.store import Made, digest

RANKS, RATES = (8, 16), (1e-3, 2e-3)
STEPS = {"sql": 1500, "medical": 1000}
"""Steps that take five minutes or more on one core."""


def jobs(specialists: list[str], steps: int | None) -> list[list[str]]:
    """The overrides of every job."""
    more = ["runtime.threads=1", "runtime.workers=1", "train.checkpoint_every=300"]
    return [
        [
            f"specialist={name}",
            f"train.lora.rank={rank}",
            f"train.learning_rate={rate}",
            f"train.steps={steps or STEPS[name]}",
            *more,
        ]
        for name, rank, rate in product(specialists, RANKS, RATES)
    ]


def made(job: list[str], runs: Path, until: str = "adapter") -> Made:
    """The product of a job."""
    asked = config.load([*job, f"runtime.runs={runs}"])
    return [step.made for step, _ in pipeline.run(asked, until, lambda *_, **__: None)][-1]


def several(todo: list[list[str]], runs: Path) -> None:
    """One process: the jobs one after another; writes the time of them all and the process's peak of memory."""
    begun, place = time.perf_counter(), runs / f"process-{digest(todo)[:10]}.json"
    for job in todo:
        product = made(job, runs)
        print(job[0], job[1], job[2], f"{product.facts['seconds']:.0f} s", flush=True)
    took = {"seconds": time.perf_counter() - begun, "cpu": time.process_time()}
    place.write_text(json.dumps({"jobs": todo, "peak": fits.status("VmHWM"), **took}))


def figures(runs: Path) -> Iterator[dict]:
    """What the processes of a folder wrote."""
    for path in sorted(runs.glob("process-*.json")):
        yield json.loads(path.read_text())


def main() -> None:
    """Fleet and lone runs, side by side; then the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/bench-fleet"), help="folder, kept")
    parser.add_argument("--steps", type=int, help="of every job; default: five minutes of them")
    parser.add_argument("--specialists", default="sql,medical")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    todo = jobs(asked.specialists.split(","), asked.steps)
    fleet, alone = asked.runs / "fleet", asked.runs / "alone"
    if asked.part:
        place, _, number = asked.part.partition(":")
        return several([todo[int(number)]] if number else todo, asked.runs / place)
    for job in todo:
        for place in (fleet, alone):
            made(job, place, "tokens")
    command = [sys.executable, "-m", "tests.benchmarks.fleet", "--runs", str(asked.runs)]
    command += ["--steps", str(asked.steps)] if asked.steps else []
    command += ["--specialists", asked.specialists, "--part"]
    whole = subprocess.Popen([*command, "fleet"])
    for number in range(len(todo)):
        subprocess.run([*command, f"alone:{number}"], check=True)
    whole.wait()
    table(todo, fleet, alone)
    return None


def table(todo: list[list[str]], fleet: Path, alone: Path) -> None:
    """Prints what was found."""
    console.print("  ".join(f"{name} {value}" for name, value in made_with(config.load([]).runtime).items()))
    steps = 0.0
    for job in todo:
        ours, theirs = made(job, fleet), made(job, alone)
        fit = theirs.facts["fit"]
        took = fit["seconds_per_step"] * theirs.manifest["counts"]["steps"]
        steps += took
        same = "the same" if ours.manifest["payload"] == theirs.manifest["payload"] else "NOT THE SAME"
        console.print(f"{' '.join(job[:3]):<64} alone {took:6.1f} s of steps   adapter {same}")
    (one,) = figures(fleet)
    each = list(figures(alone))
    alone_seconds, alone_cpu = (sum(other[name] for other in each) for name in ("seconds", "cpu"))
    console.print(
        f"fleet of {len(todo)}: {one['seconds']:.0f} s, {one['seconds'] / steps:.3f} of the summed step time of the lone "
        f"runs ({steps:.0f} s), {one['seconds'] / alone_seconds:.3f} of their processes "
        f"({one['cpu'] / alone_cpu:.3f} by CPU-seconds); peak {one['peak'] / 2**20:.0f} MiB, "
        f"{one['peak'] / max(other['peak'] for other in each):.2f} of the largest lone run"
    )


if __name__ == "__main__":
    main()
