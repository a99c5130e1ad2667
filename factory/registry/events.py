"""Moves of aliases, each an event: who, when, why, from which version to which, on what evidence.

An event is one tag of the registered model: two processes never write the same one, and all come with the model. It is
written before the alias moves and completed after, so that a kill leaves no move without an event.

    candidate    the newest version that is not champion by its own evidence: somebody has to look at it
    challenger   somebody wants it tried beside the champion
    champion     (`registry.alias`) is used; the gate gives it, or a person, with a reason where the gate said no

A version holds one of them at most.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from factory import config
from factory.errors import Mistake, Unavailable, closest
from factory.registry.door import KEY, chosen, client, held_by, model_of, versions, writing
from factory.registry.gating import stored_verdict

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

EVENT = "factory.event."
RETIRED = "factory.retired"
CANDIDATE, CHALLENGER = "candidate", "challenger"
BEGUN, DONE = "begun", "done"
REASON = 1000
"""Characters of a reason, at most: every MLflow takes a tag of that length."""


@dataclass(frozen=True)
class Event:
    """A move of an alias from one version to another, or a version's retirement."""

    when: str  #: UTC
    who: str  #: user@host
    what: str  #: register, promote, rollback or retire
    alias: str  #: that moved; empty for a retirement
    before: str | None  #: version that held it
    after: str  #: version it moved to, or that is retired
    why: str
    evidence: Mapping[str, Any]  #: of `after`: report key, what the gate said, difference to the base with interval
    outcome: str = BEGUN  #: done, begun (a kill came in between), or "overtaken by version N"


def promote(settings: config.Registry, wanted: str, to: str, why: str) -> Event:
    """Gives an alias to a version, chosen by number or alias.

    Mistake where the version is retired, holds it already, or was refused by the gate and no reason is given for making it
    champion. Unavailable where another process moves the alias at the same time: its event says that it was overtaken.
    """
    ladder = (settings.alias, CHALLENGER, CANDIDATE)
    if to not in ladder:
        raise Mistake(f"--to {to}", "no such alias", closest(to, ladder))
    with client(settings) as ours:
        version = chosen(ours, settings, wanted)
        where, number = f"{version.name} version {version.version}", str(version.version)
        held, verdict = held_by(ours, version.name, to), stored_verdict(version)
        if RETIRED in version.tags:
            raise Mistake(where, "is retired", "promote another: factory registry shows them")
        if held == number:
            raise Mistake(where, f"holds {to} already")
        if to != settings.alias and held_by(ours, version.name, settings.alias) == number:
            raise Mistake(where, f"holds {settings.alias}", "promote another, or roll back, first")
        if to == settings.alias and not verdict.passed and not why:
            raise Mistake(
                where, f"the gate said no: {'; '.join(verdict.reasons)}", 'say why it counts all the same: --why "..."'
            )
        with writing(settings):
            return move(ours, version, "promote", to, held, why or "the gate passes" * verdict.passed)


def rollback(settings: config.Registry, why: str) -> Event:
    """Gives `registry.alias` back to the version that held it before; Mistake where there is none."""
    with client(settings) as ours:
        now = chosen(ours, settings, settings.alias)
        gone = {str(one.version) for one in versions(ours, now.name) if RETIRED in one.tags}
        there = {str(one.version) for one in versions(ours, now.name)} - gone
        before = predecessor(history(ours, now.name), settings.alias, str(now.version), there)
        if before is None:
            raise Mistake(
                f"{now.name}@{settings.alias}",
                f"no version held it before version {now.version}",
                "promote another: factory promote VERSION",
            )
        with writing(settings):
            version = ours.get_model_version(now.name, before)
            return move(ours, version, "rollback", settings.alias, str(now.version), why)


def retire(settings: config.Registry, wanted: str, why: str) -> Event:
    """Marks a version: it loses its alias and is never given one. Mistake while it is champion."""
    with client(settings) as ours, writing(settings):
        version = chosen(ours, settings, wanted)
        where = f"{version.name} version {version.version}"
        if RETIRED in version.tags:
            raise Mistake(where, "is retired already")
        if held_by(ours, version.name, settings.alias) == str(version.version):
            raise Mistake(where, f"holds {settings.alias}", "promote another, or roll back, first")
        event = begun(version, "retire", "", None, why)
        key = write(ours, version.name, event)
        ours.set_model_version_tag(version.name, version.version, RETIRED, event.when)
        drop(ours, version, keep="")
        return finish(ours, version.name, key, event, DONE)


def move(ours: MlflowClient, version: ModelVersion, what: str, alias: str, seen: str | None, why: str) -> Event:
    """Moves an alias, as an event; to be called `alone`.

    `seen` is the version that held it when this was decided. Where another holds it by now, or takes it in between (from
    another machine, through a server that knows no lock), the event says so, and Unavailable.
    """
    model, number = version.name, str(version.version)
    event = begun(version, what, alias, seen, why)
    key = write(ours, model, event)
    now = held_by(ours, model, alias)
    if now == seen:
        ours.set_registered_model_alias(model, alias, number)
        now = held_by(ours, model, alias)
    if now != number:
        finish(ours, model, key, event, f"overtaken by version {now}" if now else "overtaken: nobody holds it")
        what_now = f"moved to version {now}" if now else "was taken away"
        raise Unavailable(
            f"{model}@{alias}", f"{what_now} while this was asked", "look at `factory registry`, then ask again"
        )
    drop(ours, version, keep=alias)
    return finish(ours, model, key, event, DONE)


def drop(ours: MlflowClient, version: ModelVersion, keep: str) -> None:
    """Takes the aliases below champion from a version, but for the one it keeps."""
    for alias in (CHALLENGER, CANDIDATE):
        if alias != keep and held_by(ours, version.name, alias) == str(version.version):
            ours.delete_registered_model_alias(version.name, alias)


def begun(version: ModelVersion, what: str, alias: str, before: str | None, why: str) -> Event:
    """The event as it is written before anything happens."""
    if len(why) > REASON:
        raise Mistake("--why", f"{len(why)} characters, at most {REASON}", "say it shorter, or say where it is written")
    verdict = stored_verdict(version)
    evidence = {
        "report": version.tags[KEY],
        "gate": {"word": verdict.word, "reasons": list(verdict.reasons)},
        "difference": version.tags["difference"],
    }
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    return Event(now, who(), what, alias, before, str(version.version), why, evidence)


def who() -> str:
    """The user of this process and its machine."""
    user = os.environ.get("LOGNAME") or os.environ.get("USER") or f"uid {os.getuid()}"
    return f"{user}@{os.uname().nodename}"


def write(ours: MlflowClient, model: str, event: Event) -> str:
    """Writes a new event; the key of its tag, which sorts by time."""
    key = f"{EVENT}{event.when.replace('+00:00', 'Z')}-{secrets.token_hex(3)}"
    ours.set_registered_model_tag(model, key, json.dumps(asdict(event)))
    return key


def finish(ours: MlflowClient, model: str, key: str, event: Event, outcome: str) -> Event:
    """Completes an event with what came of it."""
    ended = replace(event, outcome=outcome)
    ours.set_registered_model_tag(model, key, json.dumps(asdict(ended)))
    return ended


def history(ours: MlflowClient, model: str) -> list[Event]:
    """The events of a model, the oldest first."""
    found = model_of(ours, model)
    return events_of(found.tags if found else {})


def events_of(tags: Mapping[str, str]) -> list[Event]:
    """The events among a registered model's tags, the oldest first."""
    return [Event(**json.loads(tags[name])) for name in sorted(tags) if name.startswith(EVENT)]


def predecessor(events: Iterable[Event], alias: str, now: str, there: set[str]) -> str | None:
    """The version that held an alias before the present one, among those that are there; a second rollback goes further back."""
    held: list[str] = []
    for event in events:
        if event.alias != alias or event.outcome not in (BEGUN, DONE):
            continue
        if event.before and event.before not in held[-1:]:  # a move that no event knows, or one that was interrupted
            held.append(event.before)
        if event.outcome == DONE and event.what == "rollback" and event.after in held:
            while held[-1] != event.after:
                held.pop()
        elif event.outcome == DONE:
            held.append(event.after)
    return next((number for number in reversed(held) if number != now and number in there), None)
