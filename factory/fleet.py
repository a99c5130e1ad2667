"""One or more specialists in one run: all planned first, then made by several processes at once.

Adapters and their reports come first, then what only the comparisons need, then the comparisons. A specialist that fails
does not stop the others. With `runtime.jobs=1` everything is made here, one product after another.
"""

from __future__ import annotations

import json
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from factory import models, pipeline, store
from factory.config import Config, Runtime
from factory.errors import FactoryError, Unavailable
from factory.log import log_to
from factory.made_with import made_with
from factory.pages import fleet_page
from factory.pages.fleet_page import Shown
from factory.pipeline import Step
from factory.stages.generate import die_with_the_parent
from factory.store import Made

LATER = {"report": 1, "checkup": 1, "random": 2, "full": 2, "comparison": 3}
"""What waits for others where there is a choice: the higher, the later. All adapters first: they share the base in memory."""
CUT = "slice"
"""The label by whose values the summary page draws the scores."""
PATIENCE = 30.0
"""Seconds for a process to end when it is told to: a training takes its step to the end and writes a checkpoint."""

Events = Callable[..., None]
"""Progress of a product: events(specialist, step, message, done=None, total=None, **figures); `begins=True` at its start."""


@dataclass(frozen=True)
class Task:
    """A product to be made for a specialist."""

    specialist: str
    step: Step


@dataclass(frozen=True)
class Came:
    """A product is there: made now, or found."""

    specialist: str
    made: Made
    found: bool


@dataclass(frozen=True)
class Failed:
    """A product could not be made: what a person can do about it, or a bug with its trace."""

    specialist: str
    made: Made
    error: FactoryError | None
    trace: str = ""


def run(asked: Mapping[str, Config], until: str, events: Events) -> Iterator[Came | Failed]:
    """Makes what is missing of every specialist up to the product `until`; yields each product as it comes, or fails."""
    runtime = next(iter(asked.values())).runtime
    models.go_offline(runtime)
    lost: set[str] = set()
    waiting = planned(asked, until, lost)
    with Crew(runtime, events) if runtime.jobs > 1 else Alone(runtime, events) as crew:
        while waiting or crew.busy:
            for task in [task for task in waiting if task.step.made.complete]:
                waiting.remove(task)
                yield Came(task.specialist, task.step.made, True)
            for task in [task for task in waiting if ready(task)][: crew.free]:
                waiting.remove(task)
                crew.start(task)
            for came in crew.ended() if crew.busy else ():
                yield came
                if isinstance(came, Failed):
                    lost.add(came.specialist)
                    left = {(task.specialist, task.step.made.stage) for task in waiting}
                    again = planned(asked, until, lost)  # a comparison goes on without an adapter that will not come
                    waiting = [task for task in again if (task.specialist, task.step.made.stage) in left]


def planned(asked: Mapping[str, Config], until: str, lost: set[str]) -> list[Task]:
    """All tasks of the specialists that are not lost, in the order in which they are begun where there is a choice.

    Only comparisons count on each other's adapters: before them, data can be made without a base.
    """
    left = {name: config for name, config in asked.items() if name not in lost}
    whole = left if until == "comparison" else {}
    coming = {name: list(pipeline.steps(config, "adapter"))[-1].made for name, config in whole.items()}
    tasks = [Task(name, step) for name, config in left.items() for step in pipeline.steps(config, until, coming)]
    return sorted(tasks, key=lambda task: LATER.get(task.step.made.stage, 0))


def ready(task: Task) -> bool:
    """Whether everything that it is made from is there."""
    return all(thing.complete for thing in task.step.given.values() if isinstance(thing, Made))


class Alone:
    """Makes one product after another, in this process."""

    def __init__(self, runtime: Runtime, events: Events) -> None:
        self.runtime, self.events = runtime, events
        self.task: Task | None = None

    def __enter__(self) -> Alone:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def busy(self) -> bool:
        """Whether there is something to make."""
        return self.task is not None

    @property
    def free(self) -> int:
        """How many products may be begun."""
        return 0 if self.busy else 1

    def start(self, task: Task) -> None:
        """Takes a product on."""
        self.task = task

    def ended(self) -> list[Came | Failed]:
        """Makes it."""
        task, self.task = self.task, None
        self.events(task.specialist, task.step, "", begins=True)
        failure = make(task.step, self.runtime, partial(self.events, task.specialist, task.step))
        return [outcome(task, failure)]


class Crew:
    """Processes that make one product each, at the same time; they live on, since torch takes seconds to import."""

    def __init__(self, runtime: Runtime, events: Events) -> None:
        self.runtime, self.events = runtime, events
        self.idle: list[Worker] = []
        self.working: dict[Connection, tuple[Worker, Task]] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        crew = [*self.idle, *(worker for worker, _ in self.working.values())]
        for worker in crew:
            worker.process.terminate()
        for worker in crew:
            worker.dismiss(told=True)

    @property
    def busy(self) -> bool:
        """Whether something is being made."""
        return bool(self.working)

    @property
    def free(self) -> int:
        """How many products may be begun."""
        return self.runtime.jobs - len(self.working)

    def start(self, task: Task) -> None:
        """Begins a product."""
        self.idle = [worker for worker in self.idle if worker.process.is_alive()]
        worker = self.idle.pop() if self.idle else Worker(self.runtime)
        worker.here.send(task.step)
        self.working[worker.here] = worker, task
        self.events(task.specialist, task.step, "", begins=True)

    def ended(self) -> list[Came | Failed]:
        """Waits until something is said; the products that ended with it."""
        found = []
        for connection in wait(list(self.working)):
            worker, task = self.working[connection]
            try:
                kind, said = connection.recv()
            except (EOFError, ConnectionError):
                hint = "run again: it goes on where it was"
                kind, said = "ended", (Unavailable(str(task.step.made.folder), "its process was killed", hint), "")
                del self.working[connection]
                worker.dismiss()
            else:
                if kind == "event":
                    self.events(task.specialist, task.step, said[0], **said[1])
                    continue
                self.idle.append(self.working.pop(connection)[0])
            found.append(outcome(task, said))
        return found


class Worker:
    """A process that makes what it is sent."""

    def __init__(self, runtime: Runtime) -> None:
        context = get_context("spawn")
        self.here, there = context.Pipe()
        self.process = context.Process(target=work, args=(there, runtime))
        self.process.start()
        there.close()

    def dismiss(self, told: bool = False) -> None:
        """Ends it, whatever it is at: nothing half-made counts. A second word would end it before its checkpoint."""
        if not told:
            self.process.terminate()
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.here.close()


def work(parent: Connection, runtime: Runtime) -> None:
    """What a worker does: makes what it is sent until its parent is gone. Ctrl-C is for the parent, which ends it.

    It ends by an exception, so that what its own processes share is given back.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, leave)
    sys.unraisablehook = leave_later
    die_with_the_parent()
    log_to(Path(runtime.runs))

    def events(message: str, **figures: Any) -> None:
        parent.send(("event", (message, figures)))

    while True:
        parent.send(("ended", make(parent.recv(), runtime, events)))


def leave(*_: object) -> None:
    """Ends a worker at its first SIGTERM; a second one would come in the middle of its last words."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit()


def leave_later(lost: sys.UnraisableHookArgs) -> None:
    """A finaliser in which a worker was told to leave has swallowed the exception: told again in a moment, and in silence."""
    if lost.exc_type is SystemExit:
        signal.signal(signal.SIGALRM, leave)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
    else:
        sys.__unraisablehook__(lost)


def make(step: Step, runtime: Runtime, events: store.Events) -> tuple[FactoryError | None, str] | None:
    """Makes a product; None, or why it could not be: an error that a person can meet, or the trace of a bug."""
    try:
        store.run(step.stage, step.given, step.made, runtime, events, made_with(runtime))
    except FactoryError as error:
        return error, ""
    except Exception:
        return None, traceback.format_exc()
    return None


def outcome(task: Task, failure: tuple[FactoryError | None, str] | None) -> Came | Failed:
    """What became of a task."""
    if failure is None:
        return Came(task.specialist, task.step.made, False)
    return Failed(task.specialist, task.step.made, *failure)


def summarise(runs: Path, products: Mapping[str, Mapping[str, Made]], versions: Mapping[str, str]) -> Path:
    """Writes `fleet.html` into the folder of the runs: every specialist of `versions` and its products; returns its path."""
    place = runs / "fleet.html"
    shown = []
    for name, version in versions.items():
        made = products[name]
        pages = {"report": made["report"].file("report.html"), "comparison": made["comparison"].file("comparison.html")}
        shown.append(
            Shown(
                name,
                json.loads(made["report"].file("report.json").read_text()),
                json.loads(made["comparison"].file("comparison.json").read_text()),
                {stage: one.facts["seconds"] for stage, one in made.items()},
                {title: path.relative_to(place.parent).as_posix() for title, path in pages.items()},
                version,
            )
        )
    store.write(place, fleet_page.page(shown, CUT))
    return place
