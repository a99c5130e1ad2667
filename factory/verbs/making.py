"""Verbs that make products, or say what would be made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from factory import config
from factory.display import Display, plain
from factory.errors import FactoryError, Mistake, closest
from factory.store import Made
from factory.verbs.words import loaded, no, several, told


def stage_verb(verb: str, overrides: list[str], rest: list[str]) -> int:
    """`run`, `register` and the verb of every stage, for one specialist or several."""
    from factory import fleet, pipeline

    asked, registers = several(overrides), verb not in pipeline.VERBS
    if registers:
        able_to_register(asked)
    failures: dict[str, fleet.Failed | FactoryError] = {}
    made: dict[str, dict[str, Made]] = {name: {} for name in asked}
    with Display(next(iter(asked.values())), len(asked) > 1) as display:
        for came in fleet.run(asked, pipeline.VERBS.get(verb, "comparison"), display.of):
            if isinstance(came, fleet.Failed):
                failures.setdefault(came.specialist, came)
                display.failed(came.specialist, came.made)
                continue
            display.product(came.specialist, came.made, came.found)
            made[came.specialist][came.made.stage] = came.made
        if registers:
            whole = {name: asked[name] for name in asked if name not in failures}
            versions, refused = registered(whole, made, display)
            failures |= refused
            if len(asked) > 1 and whole:
                display.compared({name: made[name]["comparison"].manifest["counts"] for name in whole})
            if len(asked) > 1 and versions:
                runs = Path(whole[next(iter(versions))].runtime.runs)
                plain(f"page: {fleet.summarise(runs, made, versions)}")
    return max([told(name, why, len(asked) > 1) for name, why in failures.items()], default=0)


def able_to_register(asked: Mapping[str, config.Config]) -> None:
    """Mistake or Unavailable before anything is made that could not be registered."""
    from factory import registry

    for one in asked.values():
        registry.ready(one.registry)


def summed(points: list[list[str]], asked: list[config.Config]) -> None:
    """What the seed does, a line per setting, where points of a sweep differ by it alone."""
    from factory import over_seeds

    found = over_seeds.settings(points, asked)
    if rows := list(over_seeds.lines(found)):
        Display(asked[0]).table(over_seeds.HEADS, rows)
    for note in over_seeds.notes(found) if found else ():
        plain(f"  {note}")


def registered(
    asked: Mapping[str, config.Config], made: Mapping[str, Mapping[str, Made]], display: Display
) -> tuple[dict[str, str], dict[str, FactoryError]]:
    """Registers what was made: the versions, and what was refused or could not be registered, by specialist."""
    from factory import registry

    versions: dict[str, str] = {}
    refused: dict[str, FactoryError] = {}
    for name, one in asked.items():
        try:
            found = registry.register(made[name], one, display.event)
        except FactoryError as error:
            refused[name] = error
            continue
        display.registered(name, found)
        versions[name] = " ".join([f"{found.model} {found.version}", *found.aliases])
        if not found.verdict.passed:
            hint = f"it is registered as evidence, {one.registry.alias} stays where it is"
            refused[name] = no(found.verdict, f"{found.model} version {found.version}", hint)
    return versions, refused


def part(verb: str, overrides: list[str], rest: list[str]) -> int:
    """One part of the candidates."""
    from factory import pipeline

    found = re.fullmatch(r"(\d+)/(\d+)", rest[0]) if len(rest) == 1 else None
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise Mistake("part", "which part of how many?", "write I/N, e.g. factory part 3/8 specialist=sql")
    rows = pipeline.part(loaded(overrides), int(found[1]), int(found[2]))
    plain(f"part {rest[0]}: {rows:,} rows" if rows else f"part {rest[0]}: the examples are all made")
    return 0


def plan(verb: str, overrides: list[str], rest: list[str]) -> int:
    """What would be made and what is found, of one specialist or several; with `--probe` a look at the real thing."""
    from factory import pipeline
    from factory.forecast import forecast, judging, proving, teaching

    if rest not in ([], ["--probe"]):
        raise Mistake(rest[0], "not an override", "write key=value, or --probe")
    for asked in several(overrides).values():
        until = "report" if asked.train.method == "full" else "comparison"
        steps = list(pipeline.steps(asked, until))
        Display(asked).plan(forecast(asked, steps))
        for line in filter(None, (teaching(asked), judging(asked), proving(asked))):
            plain(f"{line}\n")
        if rest:
            probed(asked, steps)
    return 0


def probed(asked: config.Config, steps: list[Any]) -> None:
    """Probes the training, and says what it takes; Mistake where it does not fit."""
    from factory.probe import probe

    made = {step.made.stage: step.made for step in steps}
    if not made["tokens"].complete:
        raise Mistake(
            "plan --probe", "there are no tokens of this configuration yet", "make them first: factory tokenize"
        )
    (step,) = [step for step in steps if step.made.stage == ("start" if "start" in made else "adapter")]
    with Display(asked):
        found = probe(asked, step)
    Display(asked).probe(found, step.given["train"])


def show(verb: str, overrides: list[str], rest: list[str]) -> int:
    """The typed configuration as YAML, or one group of it."""
    import yaml

    tree = loaded(overrides).dump()
    for group in rest:
        if group not in tree:
            raise Mistake(group, "no such group", closest(group, list(tree)))
    chosen = {group: tree[group] for group in rest} if rest else tree
    plain(yaml.safe_dump(chosen, sort_keys=False, width=110))
    return 0


def preview(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Rows as the model sees them."""
    from factory.preview import previewed

    asked = loaded(overrides)
    Display(asked).preview(previewed(asked, rows=6))
    return 0
