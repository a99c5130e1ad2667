"""The command line: the only module that reads argv or prints.

`main(argv)` returns the exit code: 0 done, 2 a user's mistake, 3 something outside failed, 4 the gate said REJECT or a version
made again is another one, 5 the gate said HOLD, 70 a bug (with its traceback), 130 interrupted.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from factory import __version__, config
from factory.display import Display, complain, plain
from factory.errors import FactoryError, GateHeld, GateRefused, Mistake, Unavailable, closest
from factory.store import Made

OVERRIDE = re.compile(r"(\+{0,2}[A-Za-z_][\w./]*=.*|~[A-Za-z_][\w./]*)", re.DOTALL)

FREE = (
    "ask",
    "show",
    "new",
    "diff",
    "export",
    "part",
    "plan",
    "registry",
    "promote",
    "rollback",
    "retire",
    "bundle",
    "import",
    "why",
    "reproduce",
    "gc",
)
"""Verbs with words that are no overrides."""
VALUED = ("--to", "--why")
"""Options with a value."""

HELP = """factory VERB [KEY=VALUE ...]     configuration in, specialists out

  run          all stages, making only what is missing, then register
  generate     specialist's sources -> examples, each verified
  filter       examples -> kept + dropped, every drop with its reason
  tokenize     kept -> token arrays, every trained span verified
  train        tokens -> adapter (QLoRA), resumable
  evaluate     adapter and base answer the exam -> report
  compare      other ways to the same answers, on the same rows -> comparison
  register     adapter and report -> an MLflow version; the alias when the gate passes

  plan         what would be made and what is found; makes nothing. --probe: one real step and the longest answers,
               what they take, whether they fit, how long the training would be
  show [GROUP] the composed, typed configuration
  preview      rendered rows with the trained span marked
  part I/N     every N-th shard of the candidates, from the I-th on, for machines that share a folder; then generate
  sweep        one run per point of a grid: train.lora.rank=8,16
  gate         PROMOTE (0), REJECT (4) or HOLD (5): every check on this configuration's report; registers nothing
  registry [FILTER ...]  the fleet, a line per model; where one is left, its versions and what happened to its aliases.
               FILTER: specialist=sql, base=nano, a part of a name, @champion, gate=promote, "score>0.5". --json: as data
  promote N    version N, or the one with that alias, becomes champion. --to challenger, --to candidate: or that;
               --why "TEXT": must be said where the gate said no
  rollback     champion is again the version that was it before; --why "TEXT"
  retire N     version N is marked, and never gets an alias again; --why "TEXT"
  bundle N FILE.zip      that version with its evidence as one file; import FILE.zip registers it in another registry
  why [VERSION [ROW]]    where a version comes from, or the training rows nearest to its answer to an exam row (an id, or its
               number in the report) or to a prompt; VERSION is a number or an alias. --json: the same as data
  reproduce [VERSION]    makes it again from what the registry holds, and says identical or what differs. --to FOLDER
  gc           what no version, alias or named configuration needs, with its size. --remove: removes it
  ask "TEXT"   an answer from the registered champion (- reads the text from standard input)
  pretrain     make an embedded base from conf/pretrain
  growth       an adapter on each snapshot of that training, and the exam: a table on the base's card
  exam         draw a specialist's exam, or read it from source.exam, where it has none
  data         up to the kept rows, then their page: counts, reasons, coverage, diversity, search
  diff KEY     what is different between the kept rows of that key and those of this configuration
  export TO    the kept rows as conversations: to FILE.jsonl, or hub:OWNER/NAME
  overlap      what the exam shares with the base's corpus and the training rows
  new specialist NAME    the folder, the conf file, the tests and the exam of a new one, in the folder you work in

  --help, --version

Examples
  factory run specialist=sql base=nano
  factory run specialist=sql,medical,creative
  factory plan profile=smoke
  factory run train.learning_rate=1e-3 ~filter.near_duplicate
  factory registry specialist=sql base=nano
"""


def program() -> None:
    """The console script. SIGTERM ends it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Runs one verb; every error a user can meet is one line."""
    try:
        return dispatch(list(argv))
    except FactoryError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        complain("interrupted: nothing half-made counts, the same command goes on where it was")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception:
        traceback.print_exc()
        complain("this is a bug in the factory: please report it with the lines above")
        return 70


def dispatch(argv: list[str]) -> int:
    """Finds the verb and gives it its words."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        plain(HELP)
        return 0
    if argv[0] == "--version":
        plain(__version__)
        return 0
    verb, words = argv[0], argv[1:]
    if verb not in VERBS:
        raise Mistake(verb, "no such verb", closest(verb, list(VERBS)))
    if {"-h", "--help"} & set(words):
        plain(HELP)
        return 0
    overrides, rest = split(words)
    if rest and verb not in FREE:
        raise Mistake(rest[0], "not an override", "write key=value, e.g. train.steps=100")
    return VERBS[verb](verb, overrides, rest)


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """The overrides, and all other words in their order; what follows an option that takes a value stays with it."""
    overrides, rest = [], []
    for before, word in zip(["", *words], words, strict=False):
        (overrides if OVERRIDE.fullmatch(word) and before not in VALUED else rest).append(word)
    return overrides, rest


def options(verb: str, rest: list[str], *names: str) -> tuple[list[str], dict[str, str]]:
    """The words that are no options, and the value of each option that is given."""
    words, found, left = [], dict.fromkeys(names, ""), iter(rest)
    for word in left:
        if word in names:
            found[word] = next(left, "")
            if not found[word]:
                raise Mistake(
                    f"{verb} {word}", "has no value", f"write it behind {word}, in quotes where it has spaces"
                )
        elif word.startswith("--"):
            raise Mistake(word, "no such option", closest(word, names))
        else:
            words.append(word)
    return words, found


def stage_verb(verb: str, overrides: list[str], rest: list[str]) -> int:
    """`run`, `register` and the verb of every stage, for one specialist or several."""
    from factory import fleet, pipeline

    asked = several(overrides)
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
        if verb not in pipeline.VERBS:
            whole = {name: asked[name] for name in asked if name not in failures}
            versions, refused = registered(whole, made, display)
            failures |= refused
            if len(asked) > 1 and whole:
                display.compared({name: made[name]["comparison"].manifest["counts"] for name in whole})
            if len(asked) > 1 and versions:
                runs = Path(whole[next(iter(versions))].runtime.runs)
                plain(f"page: {fleet.summarise(runs, made, versions)}")
    return max([told(name, why, len(asked) > 1) for name, why in failures.items()], default=0)


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


def no(verdict: Any, where: str, hint: str) -> GateRefused:
    """The gate's REJECT or HOLD as an error."""
    kind = GateHeld if verdict.word == "HOLD" else GateRefused
    return kind(where, "; ".join(verdict.reasons), hint)


def told(name: str, why: Any, many: bool) -> int:
    """One line about what went wrong with a specialist, or a bug's trace; the exit code it is worth."""
    error = why if isinstance(why, FactoryError) else why.error
    if error is None:
        sys.stderr.write(why.trace)
        complain(f"{why.made.folder}: this is a bug in the factory: please report it with the lines above")
        return 70
    complain(f"{name}: {error}" if many else str(error))
    return error.exit_code


def several(overrides: list[str]) -> dict[str, config.Config]:
    """The configuration of every specialist that is named: `specialist=sql,medical` are two that share all else."""
    chosen = [word for word in overrides if word.startswith("specialist=") and "," in word]
    if not chosen:
        one = loaded(overrides)
        return {one.specialist.name: one}
    others = [word for word in overrides if not word.startswith("specialist=")]
    names = dict.fromkeys(filter(None, chosen[-1].removeprefix("specialist=").split(",")))
    return {name: loaded([*others, f"specialist={name}"]) for name in names}


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


def registry_verb(verb: str, overrides: list[str], rest: list[str]) -> int:
    """The fleet, a line per model; the versions and events of one, where only one is left; or all of it as JSON."""
    from factory.registry import index

    for word in rest:
        if word.startswith("--") and word != "--json":
            raise Mistake(word, "no such option", closest(word, ["--json"]))
    columns = [word for word in overrides if word.split("=")[0] in {*index.COLUMNS, "alias"} - {"specialist", "base"}]
    asked = loaded([word for word in overrides if word not in columns])
    own = {"specialist": asked.specialist.name, "base": asked.base.name, "registry.model": asked.registry.model}
    said = [
        f"{key.split('.')[-1]}={value}" for key, value in own.items() if any(w.startswith(f"{key}=") for w in overrides)
    ]
    words = [*columns, *said, *(word for word in rest if word != "--json")]
    try:
        whole = index.fleet(asked.registry)
    except Unavailable as error:
        if not Path(asked.registry.index).exists():
            raise
        whole = index.read(Path(asked.registry.index))
        complain(f"{error.where}: {error.what} - this is what it held at {index.stamped(whole.read)}")
    found = index.filtered(whole, words)
    if "--json" in rest:
        plain(json.dumps(found.plain(), indent=1))
    elif words and len(found.models()) == 1:
        Display(asked).versions(found)
    else:
        Display(asked).fleet(found, bool(words))
    return 0


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


def gate(verb: str, overrides: list[str], rest: list[str]) -> int:
    """The gate's verdict alone, check by check."""
    from factory import pipeline, registry

    asked = loaded(overrides)
    with registry.client(asked.registry) as ours:
        verdict = registry.gate(ours, pipeline.products(asked, "report"), asked)
    Display(asked).findings(verdict)
    if not verdict.passed:
        raise no(verdict, asked.registry.model, "see the report, or the limits in registry.gate")
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
    from factory.gc import left, removed

    if rest not in ([], ["--remove"]):
        raise Mistake(rest[0], "not an override", "write key=value, or --remove")
    asked = several(overrides)
    with Display(next(iter(asked.values()))) as display:
        found = left(asked)
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


def sweep(verb: str, overrides: list[str], rest: list[str]) -> int:
    """One run per point of a grid."""
    from factory.sweep import points
    from factory.sweep import sweep as launch

    for point in points(overrides):
        loaded(point)
    return launch(overrides, lambda point: main(["run", *point]))


def pretrain(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Makes an embedded base."""
    from factory import models
    from factory.base.pretrain import make

    asked = loaded(overrides)
    models.go_offline(asked.runtime)
    with Display(asked) as display:
        folder = make(asked.pretrain, asked.runtime, display.event)
    plain(f"{folder} is made")
    return 0


def growth(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Adapters on every snapshot of the base's training, each with its report, and the table on the base's card."""
    from factory.base.pretrain import grown
    from factory.growth import COLUMNS, line, on_the_card

    first, lines = next(iter(several(overrides).values())), []
    for tokens, weights in grown(first.pretrain, first.runtime):
        words = [*overrides, f"base.weights.path={weights}"]
        plain(f"the base after {tokens:,} tokens")
        if failed := stage_verb("evaluate", words, []):
            return failed
        lines += [line(asked, tokens) for asked in several(words).values()]
    Display(first).table(COLUMNS, lines)
    plain(f"card: {on_the_card(first, lines)}")
    return 0


def exam(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Draws the exam of a new specialist."""
    from factory.exam import draw_exam

    asked = loaded(overrides)
    with Display(asked) as display:
        path, rows = draw_exam(asked, display.event)
    plain(f"{path}: {rows} rows, to be frozen in git")
    return 0


def new(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Makes a specialist that works, to be replaced piece by piece."""
    from factory.new import new_specialist

    if overrides or len(rest) != 2 or rest[0] != "specialist":
        raise Mistake("new", "what is to be made?", "write: factory new specialist NAME")
    made = new_specialist(rest[1])
    for path in made:
        plain(f"made  {path}")
    plain(f"next  factory preview specialist={rest[1]}")
    plain(f"      factory run specialist={rest[1]} profile=smoke")
    plain(f"      {made[0].parent / 'README.md'} says how to make it yours")
    return 0


def data(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Makes what is missing up to the kept rows, then the card of the data, of one specialist or several."""
    from factory.data_card import data_card
    from factory.pages.data_page import cells, heads

    if failed := stage_verb("filter", overrides, rest):
        return failed
    for asked in several(overrides).values():
        card = data_card(asked)
        Display(asked).table(heads(), cells(card.diversity))
        plain(f"page: {card.page}")
    return 0


def diff(verb: str, overrides: list[str], rest: list[str]) -> int:
    """Two versions of a specialist's data: what was asked, what came of it, and which rows they share."""
    from factory.difference import difference

    if len(rest) != 1:
        raise Mistake("diff", "which version?", "write the beginning of its key: factory diff kept-0123 specialist=sql")
    asked = loaded(overrides)
    found, display = difference(asked, rest[0]), Display(asked)
    versions = [found.old.folder.name, found.new.folder.name]
    display.table(["asked", *versions], found.asked or [("the same", "", "")])
    display.table(["rows", *versions], [(name, f"{old:,}", f"{new:,}") for name, old, new in found.counts])
    return 0


def export(verb: str, overrides: list[str], rest: list[str]) -> int:
    """The kept rows for others."""
    from factory.export import export as written

    if len(rest) != 1:
        raise Mistake(
            "export", "where to?", "write FILE.jsonl or hub:OWNER/NAME: factory export sql.jsonl specialist=sql"
        )
    plain(f"{rest[0]}: {written(loaded(overrides), rest[0]):,} rows")
    return 0


def part(verb: str, overrides: list[str], rest: list[str]) -> int:
    """One part of the candidates."""
    from factory import pipeline

    found = re.fullmatch(r"(\d+)/(\d+)", rest[0]) if len(rest) == 1 else None
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise Mistake("part", "which part of how many?", "write I/N, e.g. factory part 3/8 specialist=sql")
    rows = pipeline.part(loaded(overrides), int(found[1]), int(found[2]))
    plain(f"part {rest[0]}: {rows:,} rows" if rows else f"part {rest[0]}: the examples are all made")
    return 0


def overlap(verb: str, overrides: list[str], rest: list[str]) -> int:
    """What the exam shares with what was read before it; the gate's exit code where it must share nothing and does."""
    from factory.base.card import HEADS, cells, overlap_with
    from factory.overlap import leaks

    asked = loaded(overrides)
    with Display(asked) as display:
        lines = overlap_with(asked)
    display.table(HEADS, map(cells, lines))
    if found := leaks(lines):
        raise GateRefused(f"the exam of {asked.specialist.name}", "; ".join(found), "draw what leaks from another side")
    return 0


def loaded(overrides: list[str]) -> config.Config:
    """The configuration, and its specialist's settings typed."""
    from factory import specialist

    asked = config.load(overrides)
    specialist.find(asked.specialist.name).typed(asked.specialist.settings)
    return asked


Verb = Callable[[str, list[str], list[str]], int]
VERBS: dict[str, Verb] = {
    **dict.fromkeys(("run", "generate", "filter", "tokenize", "train", "evaluate", "compare", "register"), stage_verb),
    "plan": plan,
    "show": show,
    "preview": preview,
    "sweep": sweep,
    "bundle": bundle,
    "import": bundle,
    "gate": gate,
    "registry": registry_verb,
    **dict.fromkeys(("promote", "rollback", "retire"), alias_verb),
    "why": why,
    "reproduce": reproduce,
    "gc": gc,
    "ask": ask,
    "pretrain": pretrain,
    "growth": growth,
    "exam": exam,
    "data": data,
    "diff": diff,
    "part": part,
    "export": export,
    "overlap": overlap,
    "new": new,
}
