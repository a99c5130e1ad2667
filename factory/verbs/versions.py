"""Verbs of registered versions: promote, carry, trace, make again, clean up, ask."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from factory.display import Display, complain, plain
from factory.errors import Mistake
from factory.verbs.words import loaded, options, several, told


def alias_verb(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Gives an alias to a version, gives it back to the one before, or retires a version; each an event."""
    from factory import registry

    words, given = options(verb, rest, *(("--to", "--why") if verb == "promote" else ("--why",)))
    if len(words) != (verb != "rollback"):
        which = (
            "which version?" if verb != "rollback" else f"{words[0]}: it goes to the version before, whichever that is"
        )
        raise Mistake(verb, which, "write its number or alias, e.g. factory promote 3 specialist=sql")
    settings = loaded(overrides).registry
    if verb == "promote":
        event = registry.promote(settings, words[0], given["--to"] or settings.alias, given["--why"])
    elif verb == "rollback":
        event = registry.rollback(settings, given["--why"])
    else:
        event = registry.retire(settings, words[0], given["--why"])
    became = f"holds {event.alias}, before it {f'version {event.before}' if event.before else 'nobody'}"
    plain(f"{settings.model} version {event.after} {became if event.alias else 'is retired'}")
    return 0


def bundle(verb: str, overrides: list[str], rest: list[str]) -> int:
    """A version as a file, or a file as a version."""
    from factory import registry

    settings = loaded(overrides).registry
    if verb == "bundle":
        if len(rest) != 2:
            raise Mistake(
                "bundle", "which version, and where to?", "write: factory bundle champion sql.zip specialist=sql"
            )
        plain(f"{rest[1]}: {settings.model} version {registry.export(settings, rest[0], Path(rest[1]))}")
        return 0
    if len(rest) != 1:
        raise Mistake("import", "which file?", "write: factory import sql.zip")
    made = registry.import_bundle(settings, Path(rest[0]))
    plain(f"{rest[0]}: {made.model} version {made.version}, {'found' if made.found else 'made'}")
    return 0


def why(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Where a version comes from, or the training rows nearest to one of its answers."""
    from factory import lineage
    from factory import why as reasons

    words = [word for word in rest if word != "--json"]
    if len(words) > 2:
        raise Mistake("why", f"{len(words)} words", "write factory why VERSION ROW, a prompt in quotes")
    asked = loaded(overrides)
    with Display(asked) as display:
        origin = lineage.origin(asked, words[0] if words else asked.registry.alias)
        found = reasons.why(origin, asked, words[1]) if len(words) == 2 else None
    if "--json" in rest:
        plain(json.dumps(found.plain() if found else reasons.lineage(origin), indent=1))
        return 0
    for line in reasons.told(found, asked.lineage.shown) if found else reasons.about(origin):
        plain(line)
    if not found:
        display.lineage(origin.products)
    return 0


def report(verb: str, overrides: list[str], rest: list[str]) -> int:
    """The page of base, champion and challenger, or of two named versions, side by side on one exam; or its data."""
    from factory.pages import sides_page
    from factory.sides import sides

    words, given = options(verb, rest, "--to", flags=("--json",))
    if len(words) > 2:
        raise Mistake("report", f"{len(words)} versions", "write one or two beside the base: factory report 2 3")
    asked = loaded(overrides)
    with Display(asked) as display:
        found = sides(asked, words)
    if given["--json"]:
        plain(json.dumps(found, indent=1))
        return 0
    plain(f"{found['model']}, {found['rows']} rows of the exam {found['exam'][:10]}")
    display.table(sides_page.HEADS, [sides_page.cells(found, name) for name in found["sides"]])
    for note in found["notes"]:
        complain(note)
    numbers = [str(side["version"]) for side in found["sides"].values() if side["version"] is not None]
    own = Path(asked.runtime.runs) / asked.specialist.name / f"versions-{asked.base.name}-{'-'.join(numbers)}.html"
    path = Path(given["--to"] or own)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sides_page.page(found), encoding="utf-8")
    plain(f"page: {path}")
    return 0


def reproduce(verb: str, overrides: list[str], rest: list[str]) -> int:
    """A version made again, and held against what was registered."""
    from factory import fleet, lineage
    from factory.reproduce import reproduce as again

    words, given = options(verb, rest, "--to")
    if len(words) > 1:
        raise Mistake("reproduce", f"{len(words)} words", "write factory reproduce VERSION --to FOLDER")
    asked, found = loaded(overrides), []
    with Display(asked) as display:
        origin = lineage.origin(asked, words[0] if words else asked.registry.alias)
        folder = Path(given["--to"]) if given["--to"] else lineage.reproduced(asked, origin.model, origin.number)
        for came in again(origin, asked, folder, display.of):
            if isinstance(came, fleet.Failed):
                return told(came.specialist, came, False)
            display.product(came.specialist, came.made, came.found)
            found.append(came.found)
    earlier = f"; all of it by an earlier try: delete {folder} to make it anew" if all(found) else ""
    plain(
        f"identical: {origin.name}, every product up to its adapter and the files that the registry gives out{earlier}"
    )
    return 0


def gc(verb: str, overrides: list[str], rest: list[str]) -> int:
    """What nobody needs; with `--remove` it goes."""
    from factory.base.pretrain import workplace
    from factory.gc import left, removed

    if rest not in ([], ["--remove"]):
        raise Mistake(rest[0], "not an override", "write key=value, or --remove")
    asked = several(overrides)
    with Display(next(iter(asked.values()))) as display:
        found = left(asked, [workplace(one.pretrain, one.runtime) for one in asked.values()])
    if not found:
        plain("nothing: versions, aliases or the named configuration need all there is")
        return 0
    sizes = ["-" if one.bytes is None else f"{one.bytes / 1024:,.0f} KiB" for one in found]
    display.table(("what", "why", "size"), [(one.what, one.why, at) for one, at in zip(found, sizes, strict=True)])
    total = f"in all {len(found)}, {sum(one.bytes or 0 for one in found) / 2**20:,.1f} MiB"
    if not rest:
        plain(f"{total}: nothing was removed, factory gc --remove does it")
        return 0
    lost = 0
    for one, why_not in removed(found, asked):
        if why_not:
            complain(f"{one.what}: left, {why_not}")
        lost += not why_not
    plain(f"{total}: {lost} removed")
    return 0


def ask(verb: str, overrides: list[str], rest: list[str]) -> int:
    """One answer from the version that holds the alias."""
    from factory import specialist
    from factory.ask import ask as answer

    if len(rest) != 1:
        raise Mistake("ask", f"{len(rest)} questions", 'write one, in quotes: factory ask specialist=sql "..."')
    text = sys.stdin.read() if rest[0] == "-" else rest[0]
    asked = loaded(overrides)
    with Display(asked):
        found = answer(asked, text)
    plain(found.text)
    if notice := specialist.find(asked.specialist.name).notice:
        complain(notice)
    if not found.stopped:
        complain(f"cut at evaluate.max_new_tokens={found.tokens}: the answer did not end by itself")
    return 0
