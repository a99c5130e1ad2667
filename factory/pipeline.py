"""The whole factory on one screen: sources -> examples -> kept -> tokens -> adapter -> report -> registered version.

Beside the report stand the checkup and the comparison: what the adapter lost and remembers, and what else could answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory import filters, models, specialist, store
from factory.config import Config, of_specialist, resolve_path
from factory.config import Source as Asked
from factory.errors import Mistake
from factory.made_with import made_with
from factory.outside.seeds import documents
from factory.stages.checkup import checkup
from factory.stages.compare import compare
from factory.stages.evaluate import evaluate
from factory.stages.filter import filter
from factory.stages.generate import generate, share
from factory.stages.pairs import pairs
from factory.stages.tokenize import tokenize
from factory.stages.train import train
from factory.store import Events, Made, Source, Stage

if TYPE_CHECKING:
    from factory.teachers.local import Speaker

STAGES = (
    Stage("examples", generate, version=2),
    Stage("kept", filter, version=5),
    Stage("tokens", tokenize, version=2),
    Stage("start", train, version=3),
    Stage("pairs", pairs, version=1),
    Stage("adapter", train, version=3),
    Stage("report", evaluate, version=5),
    Stage("checkup", checkup, version=1),
    Stage("random", train, version=3),
    Stage("full", train, version=3),
    Stage("comparison", compare, version=4),
)
VERBS = {
    "generate": "examples",
    "filter": "kept",
    "tokenize": "tokens",
    "train": "adapter",
    "evaluate": "report",
    "checkup": "checkup",
    "compare": "comparison",
}
"""Verb to the product it ends with."""
SOMETIMES: Mapping[str, Callable[[Config], bool]] = {
    "start": lambda config: config.train.prefer is not None,
    "pairs": lambda config: config.train.prefer is not None,
    "random": lambda config: "random" in config.compare.arms,
    "full": lambda config: "full" in config.compare.arms,
}
"""Products that not every configuration has, and whether this one does."""
NOTHING: Mapping[str, Made] = {}


@dataclass(frozen=True)
class Step:
    """A stage with what it is given and the product that makes, made already or not."""

    stage: Stage
    given: dict[str, Any]
    made: Made


def steps(config: Config, until: str = "comparison", coming: Mapping[str, Made] = NOTHING) -> Iterator[Step]:
    """The stages in order up to the product `until`, with their products planned; nothing is made.

    The base is not looked at before a stage needs it, so that data can be made without one. `coming` are the
    adapters of specialists that are made beside this one, which the comparison may count on.
    """
    if config.train.method == "full" and until == "comparison":
        raise Mistake(
            "train.method=full",
            "a registered version is an adapter",
            "stop before: factory evaluate; beside an adapter it is an arm of the comparison: compare.arms.full",
        )
    task = specialist.find(config.specialist.name)
    task.typed(config.specialist.settings)
    root = Path(config.runtime.runs) / task.name
    given: dict[str, Any] = {
        "seed": config.seed,
        "specialist": config.specialist,
        "source": config.source,
        "rows": rows(config.source),
        "teacher": config.teacher,
        "speaker": speaker(config),
        "generate": config.generate,
        "tokenize": config.tokenize,
        "train": config.train,
        "evaluate": config.evaluate,
        "checkup": config.checkup,
        "canaries": config.checkup.canaries,
        "compare": config.compare,
        "prefer": config.train.prefer,
        **dict.fromkeys(set(SOMETIMES) - {"start"}),
        "base": config.adapted,
        "exam": exam(task),
        "lists": lists(task),
        "sets": sets(config),
        "general": general(config),
        "others": others(config),
        "replay": replayed(config),
    }
    late = {
        "filter": partial(filters.equipped, config),
        "tokenizer": partial(models.tokenizer_source, config.base),
        "weights": partial(models.weights_source, config.base),
        "start": partial(registered, config),
    }
    for stage in STAGES:
        if not SOMETIMES.get(stage.makes, bool)(config):
            continue
        for name in set(stage.needs) & set(late) - set(given):
            given[name] = late[name]()
        if "other" in stage.needs:
            given["other"] = other_adapter(config, coming)
        its = given | arm(config, stage.makes)
        # The adapter that a second training starts from is the one that the first alone would end with: the same product.
        named = replace(stage, makes="adapter") if stage.makes == "start" else stage
        made = replace(store.plan(named, its, {"specialist": task.version}, root), stage=stage.makes)
        yield Step(named, {name: its[name] for name in stage.needs}, made)
        given[stage.makes] = made
        if stage.makes == until:
            return


def part(config: Config, number: int, of: int) -> int:
    """Makes part `number` of `of` of the candidates of a specialist that draws its rows; the rows in it.

    For machines beside each other on one folder: when all parts are made, `generate` puts them together.
    """
    if config.source.kind != "drawn":
        raise Mistake(f"source={config.source.kind}", "only drawn rows are made in parts", "factory generate")
    (step,) = steps(config, "examples")
    work = step.made.folder / store.WORK
    if step.made.complete:
        return 0
    work.mkdir(parents=True, exist_ok=True)
    return share(config.specialist, config.generate, config.seed, number, of, work, config.runtime)


def arm(config: Config, makes: str) -> dict[str, Any]:
    """What a training beside the adapter's own is given otherwise: the one it starts from, and those of the comparison."""
    alone = {"train": config.train.model_copy(update={"prefer": None}), "pairs": None}
    if makes == "start":
        return alone
    anew = {"train": alone["train"].model_copy(update={"start": None}), "start": None, "pairs": None}
    if makes == "random":
        return anew | {"base": config.adapted.model_copy(update={"random_seed": config.seed})}
    if makes == "full":
        rate = config.compare.arms["full"].learning_rate
        return {
            **anew,
            "base": config.base.weights.plain("float32"),
            "train": anew["train"].model_copy(update={"method": "full", "learning_rate": rate}),
        }
    return {}


def registered(config: Config) -> Source | None:
    """The registered version that a training goes on from, by its files; None for a new adapter."""
    if config.train.start is None:
        return None
    from factory.registry import fetch

    folder, _ = fetch(config.registry, str(config.train.start), Path(config.runtime.runs) / "fetched")
    return adapter_source(folder)


def adapter_source(folder: Path) -> Source:
    """An adapter's folder by the digest of its files."""
    names = [path.name for path in sorted(folder.iterdir()) if path.is_file()]
    return Source(folder, store.folder_digest(folder, names))


def replayed(config: Config) -> Source | None:
    """The conversations that are mixed in, by content."""
    if config.train.replay is None:
        return None
    path = Path(config.train.replay.file).expanduser()
    if not path.is_file():
        raise Mistake(f"train.replay.file={path}", "no such file", "write it as a path from here")
    return Source(path, store.sha256(path))


def other_adapter(config: Config, coming: Mapping[str, Made]) -> Made | None:
    """The other specialist's adapter under the same overrides; none where no arm asks for it or nobody has made it."""
    name = config.compare.arms["other"].specialist if "other" in config.compare.arms else None
    if name is None:
        return None
    if name == config.specialist.name:
        raise Mistake(f"compare.arms.other.specialist={name}", "is the specialist itself", "name another one")
    if name in coming:
        return coming[name]
    other = of_specialist(config, name)
    anew = other.train.model_copy(update={"start": None})  # a version to go on from is one of this specialist
    *_, last = steps(other.model_copy(update={"train": anew}), "adapter")
    return last.made if last.made.complete else None


def speaker(config: Config) -> Speaker | None:
    """The model of a local teacher: the base of this configuration, and the adapter of the version that holds the alias."""
    if config.teacher.kind != "local":
        return None
    from factory.teachers.local import Speaker

    adapter = None
    if config.teacher.specialist:
        from factory.registry import fetch

        other = of_specialist(config, config.teacher.specialist)
        folder, _ = fetch(other.registry, other.registry.alias, Path(config.runtime.runs) / "fetched")
        adapter = adapter_source(folder)
    weights, tokenizer = models.weights_source(config.base), models.tokenizer_source(config.base)
    return Speaker(weights, tokenizer, config.base.weights, adapter)


def exam(task: specialist.Specialist) -> Source:
    """The specialist's frozen exam, by content."""
    if not task.exam.exists():
        raise Mistake(
            str(task.exam),
            "the specialist has no exam",
            f"nothing is proven without it: factory exam specialist={task.name}",
        )
    return Source(task.exam, store.sha256(task.exam))


def general(config: Config) -> Source | None:
    """The conversations that say what the base can beside all tasks, by content; none where it names none."""
    if config.base.general is None:
        return None
    path = resolve_path(config.base.general)
    if path is None:
        raise Mistake(f"base.general={config.base.general}", "no such file", "write it as a path from here, or null")
    return Source(path, store.sha256(path))


def others(config: Config) -> Source:
    """The exams of the other specialists that a checkup reads, by content."""
    names = [name for name in config.checkup.exams if name != config.specialist.name]
    return Source(str(names), store.digest([[name, exam(specialist.find(name)).digest] for name in names]))


def rows(source: Asked) -> Source | None:
    """The rows, documents or attributes that somebody has, by content; those of the hub by their commit. None: drawn rows."""
    if source.kind == "drawn":
        return None
    if source.kind == "hub":
        return Source(str(source.dataset), store.digest([source.dataset, source.revision, source.train]))
    if source.kind == "documents":
        files = documents(source)
        return Source(str(source.train), store.digest([[path.name, store.sha256(path)] for path in files]))
    path = Path(str(source.train)).expanduser()
    if not path.is_file():
        raise Mistake(f"source.train={source.train}", "no such file", "write it as a path from here")
    return Source(path, store.sha256(path))


def sets(config: Config) -> Source | None:
    """The evaluation sets that training rows are held against beside the exam, by content; none where none is named."""
    named = config.filter["contamination"].sets if "contamination" in config.filter else {}
    if not named:
        return None
    paths = {name: Path(path).expanduser() for name, path in named.items()}
    for name, path in paths.items():
        if not path.is_file():
            raise Mistake(f"filter.contamination.sets.{name}={path}", "no such file", "write it as a path from here")
    return Source(str(list(named)), store.digest([[name, store.sha256(path)] for name, path in paths.items()]))


def lists(task: specialist.Specialist) -> Source:
    """The files the specialist draws from, by content; the words about them (README) do not count."""
    files = sorted(path for path in task.lists.rglob("*") if path.is_file() and path.suffix != ".md")
    return Source(
        task.lists, store.digest([[path.relative_to(task.lists).as_posix(), store.sha256(path)] for path in files])
    )


def run(config: Config, until: str, events: Events) -> Iterator[tuple[Step, bool]]:
    """Makes what is missing, stage by stage, all planned before the first is made; yields each step and whether it was found."""
    models.go_offline(config.runtime)
    for step in list(steps(config, until)):
        found = step.made.complete
        events(step.stage.makes, begins=step, found=found)
        store.run(step.stage, step.given, step.made, config.runtime, events, {} if found else made_with(config.runtime))
        yield step, found


def products(config: Config, until: str = "comparison") -> dict[str, Made]:
    """The products of a configuration by name, all of them complete; Mistake where one is still to be made."""
    planned = {step.made.stage: step.made for step in steps(config, until)}
    lacking = [made for made in planned.values() if not made.complete]
    if lacking:
        raise Mistake(
            str(lacking[0].folder),
            f"no {lacking[0].stage} of this configuration yet",
            "run `factory run` with it first",
        )
    return planned
