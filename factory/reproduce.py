"""A version made again from what the registry holds of it, and held against it product by product."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from factory import config, fleet, pipeline, registry, specialist, store
from factory.difference import dotted, shown
from factory.errors import ConfigMistake, Mistake, NotReproduced
from factory.fleet import Came, Failed
from factory.lineage import Origin, Recorded
from factory.pipeline import Step
from factory.store import Made, Source

CALLERS = ("registry", "card", "lineage", "pretrain", "suite", "judge")
"""Groups that no product of a version depends on: those of whoever asks."""
SUMMED = ("threads", "device")
"""What of the runtime decides in which order numbers are summed: as the version has it."""
LAST = "adapter"
REPLIES = "replies.sqlite"


def reproduce(origin: Origin, asked: config.Config, to: Path, events: fleet.Events) -> Iterator[Came | Failed]:
    """Makes the products of a version up to its adapter in the runs folder `to`, each held against the version's own.

    What an earlier try left in the folder is gone on with. NotReproduced names the first product that differs, and why:
    where it is asked for otherwise than then, before anything is made. Failed is yielded where one cannot be made.
    """
    if to.resolve() == Path(asked.runtime.runs).resolve():
        raise Mistake(f"--to {to}", "the products of this machine are there", "name a fresh folder")
    again = configured(origin, asked, to)
    planned(origin, list(pipeline.steps(again, LAST)))
    bring_replies(again, Path(asked.runtime.runs), to)
    for came in fleet.run({again.specialist.name: again}, LAST, events):
        if isinstance(came, Came):
            compared(origin, came.made)
        yield came
        if isinstance(came, Failed):
            return
    registered(origin, asked, came.made, to / "fetched")


def configured(origin: Origin, asked: config.Config, to: Path) -> config.Config:
    """The configuration of the version, typed by the classes of today, on this machine; its products go to `to`."""
    mine = asked.dump()
    runtime = mine["runtime"] | {name: origin.config["runtime"][name] for name in SUMMED} | {"runs": str(to), "jobs": 1}
    plain = {**origin.config, **{name: mine[name] for name in CALLERS}, "runtime": runtime}
    try:
        return config.typed(plain, asked._said)
    except ConfigMistake as error:
        then = origin.products[LAST].made_with.get("factory-slm", "that made it")
        what = f"its configuration is none of this factory's: {error.where}: {error.what}"
        raise NotReproduced(origin.name, what, f"take the factory {then}") from None


def planned(origin: Origin, steps: list[Step]) -> None:
    """NotReproduced where a product is asked for otherwise than it was: then it is another one, whatever is made."""
    version = specialist.find(origin.config["specialist"]["name"]).version
    for step in steps:
        recorded = origin.products.get(step.made.stage)
        if recorded is None:
            raise NotReproduced(differs(step.made.stage), "the version was made without it", "")
        if recorded.key != step.made.key:
            why = "; ".join(changes(step, recorded, version))
            raise NotReproduced(differs(step.made.stage), why, "nothing was made: the product would be another one")


def differs(stage: str) -> str:
    """The head of the line that names a product."""
    return f"{stage} differs"


def changes(step: Step, recorded: Recorded, version: int) -> list[str]:
    """What is asked otherwise than then: the stage's version, a source, a setting, or the specialist's version."""
    then, now = recorded.manifest, step.stage.version
    if then["version"] != now:
        return [f"the stage has version {now} and had {then['version']}"]
    found: list[str] = []
    for name in dict.fromkeys([*then["asked"], *step.stage.asked(step.given)]):
        if name not in step.given or name not in then["asked"]:
            found.append(f"{name} is {'new' if name in step.given else 'gone'} among what the stage is given")
            continue
        thing = step.given[name]
        old, new = then["asked"][name], json.loads(json.dumps(store.asked_for(thing)))
        if old != new:
            subject = f"{name}, the content of {thing.path}," if isinstance(thing, Source) else name
            found += [f"{subject}{one}" for one in otherwise(old, new)]
    return found or [by_version(step, recorded, version)]


def otherwise(old: Any, new: Any) -> list[str]:
    """What of a value is another one."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [f" is {shown(new)} and was {shown(old)}"]
    one, two = dotted(old), dotted(new)
    names = [name for name in dict.fromkeys([*one, *two]) if one.get(name) != two.get(name)]
    return [f".{name} is {shown(two.get(name))} and was {shown(one.get(name))}" for name in names] or [
        " has another order"
    ]


def by_version(step: Step, recorded: Recorded, version: int) -> str:
    """The specialist's version then, found by trying: a key says that it is another one, not which."""
    asked = recorded.manifest["asked"]
    tried = (old for old in range(version + 1) if store.key_of(step.stage, asked, {"specialist": old}) == recorded.key)
    old = next(tried, None)
    if old is None:
        return "the same is asked, and its key is made otherwise"
    return f"the specialist has version {version} and had {old}"


def bring_replies(again: config.Config, runs: Path, to: Path) -> None:
    """The stored answers of a server come along: it would give others, and be paid for them."""
    served = again.teacher.kind == "endpoint" or "judge" in again.filter
    if served and (runs / REPLIES).exists() and not (to / REPLIES).exists():
        to.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(runs / REPLIES) as old, sqlite3.connect(to / REPLIES) as new:
            old.backup(new)
        old.close()
        new.close()


def compared(origin: Origin, made: Made) -> None:
    """NotReproduced where the bytes of a product are others than the version's."""
    recorded = origin.products[made.stage]
    others = unlike(recorded.manifest["payload"], made.manifest["payload"])
    if others:
        why = f"{', '.join(others)} in {made.folder}: {libraries(recorded.made_with, made.facts['made_with'])}"
        raise NotReproduced(differs(made.stage), why, "docs/decisions/products-by-key.md says what is promised")


def unlike(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """The files that are not the same."""
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def libraries(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What made a product otherwise than then."""
    if not old:
        return "what made it then is not on record"
    changed = [f"{name} is {new.get(name)} and was {was}" for name, was in old.items() if new.get(name) != was]
    return ", ".join(changed) or "the same libraries and CPU: the code of the stage changed and kept its number"


def registered(origin: Origin, asked: config.Config, adapter: Made, folder: Path) -> None:
    """NotReproduced where the files that the registry gives out are not those of the adapter."""
    given, _ = registry.fetch(asked.registry, origin.number, folder)
    mine = {Path(name).name: sha for name, sha in adapter.manifest["payload"].items() if name.startswith("adapter/")}
    theirs = {name: store.sha256(given / name) for name in mine if (given / name).exists()}
    if others := unlike(mine, theirs):
        what = f"{', '.join(others)}: the registry gives out other files than were registered"
        raise NotReproduced(differs("registered version"), what, "register the adapter again")
