"""Kills the factory twenty times, for real, and asks whether the next run comes to the same bytes.

    python tests/drill.py                 all twenty, a few minutes on two cores
    python tests/drill.py --kills 3       inside a checkpoint, before a manifest, inside a registration
    python tests/drill.py --method dpo    those that meet a training, while it trains another way; `all`: every other way

The factory has no hook for this: a child process is wired from outside (`tripwires.py`) to kill itself at a chosen call.
Then the same command runs undisturbed in the same folder, and all it leaves is held against one run that nobody
disturbed: the payload of every product byte for byte, the registry by meaning (one version, complete; one live run; one
live model).

The smoke profile teaches a random base nothing, so its gate refuses. For the one kill between a version and its alias
the killed child's gate is forged; the run after it is not, and finds the verdict in the version's tags.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

STAGES = ("examples", "kept", "tokens", "pairs", "adapter", "report", "checkup", "comparison")
"""Products in the order they are made."""
METHODS = {
    "qlora": (),
    "lora": ("train=lora",),
    "full": ("train=full",),
    "dpo": ("train=dpo", *(f"train.prefer.{one}" for one in ("rows=40", "samples=2", "steps=24", "max_new_tokens=8"))),
    "continued": ("train=continued", "train.start=1"),
    "curriculum": ("train=curriculum",),
    "replay": ("train=replay",),
    "packed": ("train.packing=true", "train.head=chunked"),
    "chosen": ("train.choose.by=score", "train.choose.rows=4", "train.choose.max_new_tokens=8"),
}
"""Ways of training, and how they are asked for; `continued` and `replay` are told where the files are."""
ARMED = Path(__file__).with_name("tripwires.py")
"""The program that is killed."""
REFUSED = 5
"""What a smoke run ends with: registered, and the gate holds."""


@dataclass(frozen=True)
class Kill:
    """One kill: its tripwire with arguments, the stage it comes in, and where training must go on (None: no training)."""

    kind: str
    trip: tuple[Any, ...]
    stage: str
    resumes: int | None = None
    ends: int = REFUSED

    def __str__(self) -> str:
        return " ".join(map(str, self.trip))


KILLS = (
    Kill("checkpoint", ("torch_save", 12, "optimizer.pt"), "adapter", resumes=6),
    Kill("checkpoint", ("weights", 6), "adapter", resumes=0),
    Kill("checkpoint", ("state", 18), "adapter", resumes=12),
    Kill("checkpoint", ("marker", 24), "adapter", resumes=18),
    Kill("manifest", ("manifest", "report"), "report"),
    Kill("manifest", ("manifest", "adapter"), "adapter", resumes=18),
    Kill("manifest", ("manifest_new", "tokens"), "tokens", resumes=0),
    Kill("manifest", ("manifest_new", "examples"), "examples", resumes=0),
    Kill("registration", ("alias",), "registered", ends=0),
    Kill("registration", ("client", "create_run", 1, "after"), "registered"),
    Kill("registration", ("client", "log_artifact", 2, "before"), "registered"),
    Kill("registration", ("client", "log_model_artifacts", 1, "after"), "registered"),
    Kill("step", ("step", 2), "adapter", resumes=0),
    Kill("step", ("optimizer", 7), "adapter", resumes=6),
    Kill("step", ("step", 10), "adapter", resumes=6),
    Kill("step", ("optimizer", 13), "adapter", resumes=12),
    Kill("step", ("step", 16), "adapter", resumes=12),
    Kill("step", ("optimizer", 17), "adapter", resumes=12),
    Kill("step", ("step", 20), "adapter", resumes=18),
    Kill("step", ("optimizer", 23), "adapter", resumes=18),
)


@dataclass(frozen=True)
class Outcome:
    """What became of one kill: the folder, both exit codes, what the second run printed, and the seconds of both."""

    kill: Kill
    runs: Path
    killed: int
    ended: int
    said: str
    seconds: tuple[float, float]


def words(runs: Path, more: Sequence[str] = ()) -> list[str]:
    """The command that is killed and run again; its log lines and its checkpoints do not fall on the same steps.

    With `more`, another way of training, it ends with the adapter.
    """
    return [
        "train" if more else "run",
        "base=tiny",
        "profile=smoke",
        "train.log_every=4",
        "runtime.threads=1",
        "runtime.workers=1",
        "runtime.jobs=1",  # the wires are in this process
        *(f"~compare.arms.{arm}" for arm in ("other", "random", "full")),
        f"runtime.runs={runs}",
        *more,
    ]


def run(command: list[str]) -> tuple[int, str, float]:
    """Exit code, output and seconds of a process."""
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr, time.monotonic() - started


def factory(runs: Path, more: Sequence[str] = ()) -> tuple[int, str, float]:
    """The command, undisturbed."""
    return run([sys.executable, "-m", "factory", *words(runs, more)])


def strike(kill: Kill, whole: Path, runs: Path, more: Sequence[str]) -> Outcome:
    """Copies what comes before the kill's stage, kills a run there, and runs again to the end."""
    before = STAGES[: STAGES.index(kill.stage)] if kill.stage in STAGES else STAGES
    for product in products(whole):
        if product.name.rpartition("-")[0] in before or is_start(product, whole):
            shutil.copytree(product, runs / product.relative_to(whole))
    code, _, first = run([sys.executable, str(ARMED), json.dumps(kill.trip), *words(runs, more)])
    ended, said, second = factory(runs, more)
    return Outcome(kill, runs, code, ended, said, (first, second))


def products(runs: Path) -> list[Path]:
    """The product folders of a runs folder."""
    return sorted(folder for folder in (runs / "sql").iterdir() if folder.is_dir())


def is_start(product: Path, whole: Path) -> bool:
    """Whether a product is the adapter that a second training goes on from."""
    paired = any(other.name.startswith("pairs-") for other in products(whole))
    return paired and product.name.startswith("adapter-") and not asked(product)["pairs"]


def asked(product: Path) -> dict[str, Any]:
    """What a product was asked with."""
    return json.loads((product / "manifest.json").read_text())["asked"]


def wrong(outcome: Outcome, whole: Path, more: Sequence[str]) -> list[str]:
    """Everything that is not as it should be after the second run."""
    kill, found = outcome.kill, []
    if outcome.killed != -signal.SIGKILL:
        found.append(f"the first run was not killed: it ended with {outcome.killed}")
    ends = 0 if more else kill.ends
    if outcome.ended != ends:
        found.append(f"the second run ended with {outcome.ended}, not {ends}: {outcome.said[-800:]}")
    if (
        kill.resumes is not None
        and (f"resuming at checkpoint-{kill.resumes}" if kill.resumes else "  starting") not in outcome.said
    ):
        found.append(f"training did not go on at step {kill.resumes}: {outcome.said}")
    found += differing_products(outcome.runs, whole)
    return found if more else found + differing_registry(outcome.runs, whole, forged=kill.ends == 0)


def differing_products(runs: Path, whole: Path) -> list[str]:
    """Products whose key, file list or bytes are not those of the undisturbed run."""
    ours, theirs = ({folder.name: payload(folder) for folder in products(place)} for place in (runs, whole))
    return [
        line for name in sorted(set(ours) | set(theirs)) for line in differing(name, ours.get(name), theirs.get(name))
    ]


def differing(name: str, ours: Any, theirs: Any) -> list[str]:
    """What differs between two mappings, or between two values."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
        return [f"{name}, {key}: {ours.get(key)} is not {theirs.get(key)}" for key in keys]
    return [] if ours == theirs else [f"{name}: {str(ours)[:400]} is not {str(theirs)[:400]}"]


def payload(folder: Path) -> dict[str, str] | str:
    """The digests of the payload's files as they lie there, when they are those of the manifest and nothing else is."""
    from factory.store import sha256

    if not (folder / "manifest.json").exists():
        return "no manifest"
    listed = json.loads((folder / "manifest.json").read_text())["payload"]
    there = {path.relative_to(folder).as_posix(): sha256(path) for path in folder.rglob("*") if path.is_file()}
    beside = {name: there.pop(name, None) for name in ("manifest.json", "facts.json")}
    return there if there == listed and all(beside.values()) else f"manifest lists {listed}, folder holds {there}"


def differing_registry(runs: Path, whole: Path, forged: bool) -> list[str]:
    """What the registry holds otherwise than that of the undisturbed run, times, hosts and ids apart."""
    ours, theirs = registered(runs), registered(whole)
    if forged:
        from factory.gate import Verdict, written

        theirs["tags"] |= {
            "factory.gate": written(Verdict("PROMOTE")),
            "validation_status": "passed",
            "factory.alias": "champion",
        }
        theirs["aliases"] = {"champion": 1}
    return [line for name in theirs for line in differing(f"registry, {name}", ours[name], theirs[name])]


def registered(runs: Path) -> dict[str, Any]:
    """The registry by meaning: versions, tags, aliases, the version's files, and the live runs and models of its key."""
    from factory import config, registry
    from factory.store import sha256

    settings = config.load(words(runs)[1:]).registry
    with registry.client(settings) as ours, tempfile.TemporaryDirectory() as folder:
        from mlflow.artifacts import download_artifacts  # after the client has set MLflow up

        versions = registry.versions(ours, settings.model)
        if len(versions) != 1:
            return {"versions": len(versions), "tags": {}, "aliases": {}, "files": {}, "runs": [], "models": []}
        version = versions[0]
        experiment = [ours.get_experiment_by_name(settings.experiment).experiment_id]
        place = Path(
            download_artifacts(artifact_uri=version.source, dst_path=folder, tracking_uri=settings.tracking_uri)
        )
        live = [ours.get_run(one.info.run_id) for one in ours.search_runs(experiment)]
        return {
            "versions": 1,
            "tags": dict(version.tags),
            "aliases": ours.get_registered_model(settings.model).aliases,
            "files": {path.name: sha256(path) for path in sorted(place.iterdir())},
            "runs": [
                (
                    one.info.status,
                    one.data.tags[registry.KEY],
                    {name: value for name, value in one.data.metrics.items() if "seconds" not in name},
                    sorted(one.data.params),
                    sorted(walk(ours, one.info.run_id)),
                )
                for one in live
            ],
            "models": [(one.status.name, one.tags[registry.KEY]) for one in ours.search_logged_models(experiment)],
        }


def walk(ours: Any, run_id: str, path: str | None = None) -> Iterable[str]:
    """The artifacts of a run, sub-folders included."""
    for one in ours.list_artifacts(run_id, path):
        yield from walk(ours, run_id, one.path) if one.is_dir else [one.path]


def chosen(number: int) -> list[Kill]:
    """The first `number` kills, every kind in turn."""
    kinds = {kill.kind: [one for one in KILLS if one.kind == kill.kind] for kill in KILLS}
    return [kill for turn in zip_longest(*kinds.values()) for kill in turn if kill][:number]


def drill(kills: Sequence[Kill], place: Path, jobs: int, whole: Path | None = None, more: Sequence[str] = ()) -> int:
    """All kills against one undisturbed run; prints a line each and a table; returns how many went wrong."""
    if whole is None:
        whole = place / "whole"
        code, said, seconds = factory(whole, more)
        print(f"undisturbed run: exit {code}, {seconds:.0f} s", flush=True)
        if code != (0 if more else REFUSED):
            print(said)
            return len(kills)
    bad: dict[str, list[int]] = {}
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = pool.map(
            lambda pair: strike(pair[1], whole, place / f"kill-{pair[0]:02d}", more), enumerate(kills, 1)
        )
        for number, outcome in enumerate(outcomes, 1):
            kill, problems = outcome.kill, wrong(outcome, whole, more)
            bad.setdefault(kill.kind, []).append(len(problems))
            goes_on = "" if kill.resumes is None else f", training goes on at {kill.resumes}"
            killed, done = outcome.seconds
            print(f"{number:2d} {'FAIL' if problems else 'ok':<4} {kill.kind:<12} {kill!s:<34} ", end="")
            print(f"killed after {killed:.0f} s, done in {done:.0f} s more{goes_on}", flush=True)
            for problem in problems:
                print(f"        {problem}")
            if not problems:
                shutil.rmtree(outcome.runs)
    print(f"\n{'kind':<14}kills  same bytes and registry")
    for kind, counts in bad.items():
        print(f"{kind:<14}{len(counts):>5}  {counts.count(0)}")
    failed = sum(map(bool, (count for counts in bad.values() for count in counts)))
    print(f"{'all':<14}{len(kills):>5}  {len(kills) - failed}")
    return failed


def main() -> int:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=len(KILLS), help="how many, every kind in turn")
    parser.add_argument("--jobs", type=int, default=2, help="kills at a time, one core each")
    parser.add_argument("--whole", type=Path, help="runs folder of an undisturbed run of the same command")
    parser.add_argument("--method", default="qlora", choices=["all", *METHODS], help="how it trains")
    parser.add_argument("--keep", type=Path, help="an empty folder to work in, kept; default: a temporary one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = (asked.keep or Path(folder)).absolute()
        if asked.method == "qlora":
            return 1 if drill(chosen(asked.kills), place, asked.jobs, asked.whole) else 0
        names = [name for name in METHODS if name != "qlora"] if asked.method == "all" else [asked.method]
        return 1 if sum(of_method(name, chosen(asked.kills), place / name, asked.jobs) for name in names) else 0


def of_method(name: str, kills: Sequence[Kill], place: Path, jobs: int) -> int:
    """The kills that meet a training, while it trains this way; returns how many went wrong."""
    print(f"\n{name}", flush=True)
    place.mkdir(parents=True)
    more = list(METHODS[name])
    if name == "replay":
        turns = [{"role": "user", "content": "Say hello."}, {"role": "assistant", "content": "hello"}]
        (place / "others.jsonl").write_text(json.dumps({"messages": turns}) + "\n")
        more.append(f"train.replay.file={place / 'others.jsonl'}")
    if name == "continued":
        factory(place / "first")
        more += [
            f"registry.tracking_uri=sqlite:///{place}/first/mlflow.db",
            f"registry.artifact_location={place}/first/mlartifacts",
        ]
    return drill([kill for kill in kills if kill.stage == "adapter"], place, jobs, None, more)


if __name__ == "__main__":
    sys.exit(main())
