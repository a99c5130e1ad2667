"""Plan against truth: memory and time of trainings as foretold, as probed, and as they were. `make benchfits`.

Settings of the embedded base whose memory lies 500 MB or more apart. Killed, it goes on where it was: a training that is
there is not made again, and its probe is kept.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from factory import config, pipeline
from factory.display import columns, console
from factory.fits import mib
from factory.made_with import made_with
from factory.probe import Probe, probe
from factory.store import write

SETTINGS = (
    ("train.batch_size=8",),
    ("train.batch_size=20",),
    ("train.batch_size=32",),
    ("train.batch_size=44",),
    ("train.batch_size=112", "train.gradient_checkpointing=true"),
    ("train.batch_size=64",),
    ("train.batch_size=80",),
    ("train.batch_size=136", "runtime.release=1"),
    ("specialist=medical", "train.batch_size=96", "train.lora.rank=8"),
    ("train.batch_size=128",),
    ("train.batch_size=160",),
    ("train.batch_size=192",),
)


def measured(words: tuple[str, ...], runs: Path, rows: int) -> tuple[Probe, config.Train, dict]:
    """The probe of a setting, its training's configuration, and what the training was."""
    steps = -(-rows // config.load(list(words)).train.rows_per_step)
    common = ["generate.rows=600", "runtime.threads=1", "runtime.workers=1", f"train.steps={steps}"]
    asked = config.load([*common, f"train.checkpoint_every={steps}", f"runtime.runs={runs}", *words])
    list(pipeline.run(asked, "tokens", lambda *_, **__: None))
    step = list(pipeline.steps(asked, "adapter"))[-1]
    place = runs / f"probe-{step.made.key[:10]}.json"
    if not place.exists():
        write(place, json.dumps(asdict(probe(asked, step))))
    if not step.made.complete:
        trained(asked)
    found = json.loads(place.read_text())
    return Probe(**found | {"ladder": ()}), asked.train, step.made.facts["fit"]


def trained(asked: config.Config) -> None:
    """Trains in a process of its own, so that memory counts from nothing."""
    import subprocess
    import sys

    subprocess.run([sys.executable, "-m", "factory", "train", *asked._said], check=True, capture_output=True)


def main() -> None:
    """All settings; then the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/bench-fits"), help="folder, kept")
    parser.add_argument("--rows", type=int, default=1000, help="that each training reads, in steps of its batch")
    asked = parser.parse_args()
    console.print("  ".join(f"{name} {value}" for name, value in made_with(config.load([]).runtime).items()))
    table = columns("setting", "peak", "foretold", "off", "probed", "off", "answers", "time", "after the probe", "off")
    for words in SETTINGS:
        found, train, fit = measured(words, asked.runs.absolute(), asked.rows)
        took, said = fit["seconds_per_step"] * train.steps, found.seconds(train)
        table.add_row(
            " ".join(words).replace("train.", ""),
            mib(fit["peak"]),
            mib(fit["foretold"]),
            f"{fit['foretold'] / fit['peak'] - 1:+.0%}",
            mib(found.training),
            f"{found.training / fit['peak'] - 1:+.0%}",
            mib(found.answering),
            f"{took:.0f} s",
            f"{said:.0f} s",
            f"{said / took - 1:+.0%}",
        )
    console.print(table)


if __name__ == "__main__":
    main()
