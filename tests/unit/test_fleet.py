"""Several specialists in one run: who waits for whom, what a failure stops, and what it does not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from factory import config, exam, fleet, pipeline
from factory.errors import DataMistake, FactoryError
from factory.fleet import Came, Failed
from factory.store import Stage

NAMES = ("sums", "totals")
MADE = ("examples", "kept", "tokens", "adapter", "report", "checkup", "random", "full", "comparison")


@pytest.fixture
def two(in_sums_folder: Path) -> Path:
    """A folder with two specialists, each the other's `other`, with their exams."""
    for place in ("specialists/totals", "conf/specialist/totals.yaml"):
        source = in_sums_folder / place.replace("totals", "sums")
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, in_sums_folder / place)
    for name, other in zip(NAMES, reversed(NAMES), strict=True):
        path = in_sums_folder / f"conf/specialist/{name}.yaml"
        text = path.read_text().replace("name: sums", f"name: {name}")
        path.write_text(f"{text}\ncompare:\n  arms:\n    other:\n      specialist: {other}\n")
        exam.draw_exam(config.load([f"specialist={name}", "base=tiny"]), quiet)
    return in_sums_folder


def quiet(*_: Any, **__: Any) -> None:
    """Progress nobody watches."""


def asked(*overrides: str) -> dict[str, config.Config]:
    words = ["base=tiny", "profile=smoke", "runtime.jobs=1", "runtime.workers=1", *overrides]
    return {name: config.load([f"specialist={name}", *words]) for name in NAMES}


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Stages that make nothing but their product's file; one of them may fail for one specialist."""

    def stub(makes: str = "", specialist: str = "", error: Exception | None = None) -> None:
        def of(stage: Stage) -> Stage:
            def make(out: Path, **given: Any) -> dict[str, Any]:
                if error and stage.makes == makes and out.parent.name == specialist:
                    raise error
                return {}

            vars(make)["__signature__"] = signature_of(stage)
            return Stage(stage.makes, make, stage.version)

        monkeypatch.setattr(pipeline, "STAGES", tuple(of(stage) for stage in pipeline.STAGES))

    return stub


def signature_of(stage: Stage) -> Any:
    """The stage's own signature, so that its key and what it needs stay what they are."""
    import inspect

    return inspect.signature(stage.function)


def ran(configs: dict[str, config.Config], until: str = "comparison") -> list[Came | Failed]:
    return list(fleet.run(configs, until, quiet))


def test_every_product_of_every_specialist_comes_once_after_what_it_is_made_from(two: Path, stubbed) -> None:
    stubbed()
    came = [(one.specialist, one.made.stage) for one in ran(asked())]
    assert sorted(came) == sorted((name, stage) for name in NAMES for stage in MADE)
    for name in NAMES:
        place = {stage: came.index((name, stage)) for stage in MADE}
        assert place["examples"] < place["kept"] < place["tokens"] < place["adapter"] < place["report"]
        assert max(place["random"], place["full"]) < place["comparison"]
    assert max(came.index((name, "report")) for name in NAMES) < min(came.index((name, "random")) for name in NAMES)


def test_data_is_made_without_a_base(two: Path, stubbed) -> None:
    stubbed()
    came = ran(asked("base.weights.path=/no/such/base"), "tokens")
    assert {one.made.stage for one in came} == {"examples", "kept", "tokens"}


def test_a_second_run_finds_all(two: Path, stubbed) -> None:
    stubbed()
    assert not any(one.found for one in ran(asked()))
    assert all(one.found for one in ran(asked()))


def test_the_other_adapter_is_made_first_and_counted_on(two: Path, stubbed) -> None:
    stubbed()
    others = {
        task.specialist: task.step.given["other"]
        for task in fleet.planned(asked(), "comparison", set())
        if task.step.made.stage == "comparison"
    }
    adapters = {name: list(pipeline.steps(one, "adapter"))[-1].made for name, one in asked().items()}
    assert others == {"sums": adapters["totals"], "totals": adapters["sums"]}


def test_alone_it_does_without_an_adapter_that_nobody_made(two: Path, stubbed) -> None:
    stubbed()
    (*_, last) = pipeline.steps(asked()["sums"])
    assert last.given["other"] is None
    ran({"totals": asked()["totals"]}, "adapter")
    (*_, last) = pipeline.steps(asked()["sums"])
    assert last.given["other"].complete


@pytest.mark.parametrize("error", [DataMistake("here", "wrong"), ValueError("a bug")])
def test_a_failure_stops_its_specialist_alone(two: Path, stubbed, error: Exception) -> None:
    stubbed("adapter", "sums", error)
    came = ran(asked())
    (failed,) = [one for one in came if isinstance(one, Failed)]
    assert (failed.specialist, failed.made.stage) == ("sums", "adapter")
    assert failed.error == error if isinstance(error, FactoryError) else "ValueError: a bug" in failed.trace
    assert [one.made.stage for one in came if one.specialist == "totals"] == list(MADE)
    comparison = next(one.made for one in came if one.specialist == "totals" and one.made.stage == "comparison")
    assert comparison.manifest["asked"]["other"] is None, "it goes on without the adapter that will not come"
    assert not {"report", "comparison"} & {one.made.stage for one in came if one.specialist == "sums"}


def test_a_process_that_dies_is_one_line_and_the_rest_goes_on(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real crew, up to the tokens: the first worker is killed as it begins."""
    started = []

    def start(crew: fleet.Crew, task: fleet.Task, real: Any = fleet.Crew.start) -> None:
        real(crew, task)
        if not started:
            crew.working[next(iter(crew.working))][0].process.kill()
        started.append(task)

    monkeypatch.setattr(fleet.Crew, "start", start)
    came = ran(asked("runtime.jobs=2"), "kept")
    (failed,) = [one for one in came if isinstance(one, Failed)]
    assert failed.error is not None and "its process was killed" in str(failed.error)
    others = [(one.specialist, one.made.stage) for one in came if isinstance(one, Came)]
    survivor = next(name for name in NAMES if name != failed.specialist)
    assert others == [(survivor, "examples"), (survivor, "kept")]


def test_a_worker_told_to_leave_in_a_finaliser_leaves_all_the_same_and_in_silence() -> None:
    program = """
import os, signal, sys, time
from factory import fleet
signal.signal(signal.SIGTERM, fleet.leave)
sys.unraisablehook = fleet.leave_later
class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
Dying()
time.sleep(20)
print("still here")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
