"""The command line: the only module that reads argv or prints.

`main(argv)` returns the exit code: 0 done, 2 a user's mistake, 3 something outside failed, 4 the gate said REJECT or a version
made again is another one, 5 the gate said HOLD, 70 a bug (with its traceback), 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence

from factory import __version__
from factory.display import complain, plain
from factory.errors import FactoryError, Mistake, closest
from factory.verbs import beginnings, browsing, data, judging, making, proving, suites, versions
from factory.verbs.words import loaded, split

FREE = (
    "ask",
    "suite",
    "judge",
    "show",
    "new",
    "diff",
    "export",
    "part",
    "plan",
    "registry",
    "interference",
    "gate",
    "promote",
    "rollback",
    "retire",
    "bundle",
    "import",
    "report",
    "why",
    "reproduce",
    "gc",
)
"""Verbs with words that are no overrides."""
INTERRUPTED = 130
"""Exit code."""
HELP = """factory VERB [KEY=VALUE ...]     configuration in, specialists out

  run          all stages, making only what is missing, then register
  generate     specialist's sources -> examples, each verified
  filter       examples -> kept + dropped, every drop with its reason
  tokenize     kept -> token arrays, every trained span verified
  train        tokens -> adapter (QLoRA), resumable
  evaluate     adapter and base answer the exam -> report
  checkup      what the adapter lost of the base's own text and of other exams, what it remembers, whether it refuses
  compare      other ways to the same answers, on the same rows -> comparison
  register     adapter and report -> an MLflow version; the alias when the gate passes

  plan         what would be made and what is found; makes nothing. --probe: one real step and the longest answers,
               what they take, whether they fit, how long the training would be
  show [GROUP] the composed, typed configuration
  preview      rendered rows with the trained span marked
  part I/N     every N-th shard of the candidates, from the I-th on, for machines that share a folder; then generate
  sweep        one run per point of a grid: train.lora.rank=8,16. Points that differ by seed=0,1,2 alone are summed up
  suite NAME[,NAME] [WHO[,WHO]]   real sets and the exam, asked of anyone: base, adapter, the alias or number of a version, a
               folder with an adapter; gold and wrong check the grading: 100 % and 0. No WHO: base,adapter. --json: as data
  judge [A B]  which answers to the exam a model behind a server thinks better, in both orders, with control for length, and
               its agreement with the verifier, with planted wrong answers and with people: no win rate without it.
               A, B: adapter (the default), base, gold, wrong, or a version. --plan: what it may cost; --json: as data
  gate         PROMOTE (0), REJECT (4) or HOLD (5): every check on this configuration's report; registers nothing.
               --markdown: as a table for a pull request
  interference every champion on every specialist's exam and on the base's own text: a table and a page. --json: as data
  noise        the adapter sits the exam again, in other batches and on other threads: how many answers change
  registry [FILTER ...]  the fleet, a line per model; where one is left, its versions and what happened to its aliases.
               FILTER: specialist=sql, base=nano, a part of a name, @champion, gate=promote, "score>0.5". --json: as data;
               --markdown: as a table
  registry version A     a version with its evidence; compare A B: two side by side, with the rows that flipped; data: the sets
               of rows and who was trained on them; runs; ask "TEXT" A [B]: base and adapters side by side. --json: as data.
               A, B: a number or alias of the configured model, or MODEL:NUMBER, MODEL@ALIAS of any
  registry ui  the same pages in a browser, on this machine alone; they only read. --port N, --host ADDRESS
  promote N    version N, or the one with that alias, becomes champion. --to challenger, --to candidate: or that;
               --why "TEXT": must be said where the gate said no
  rollback     champion is again the version that was it before; --why "TEXT"
  retire N     version N is marked, and never gets an alias again; --why "TEXT"
  bundle N FILE.zip      that version with its evidence as one file; import FILE.zip registers it in another registry
  report [A [B]]         a page of base, champion and challenger (or of versions A and B) side by side on one exam: scores,
               differences, every cut, errors by kind, calibration, length, cost. --to FILE.html; --json: as data
  why [VERSION [ROW]]    where a version comes from, or the training rows nearest to its answer to an exam row (an id, or its
               number in the report) or to a prompt; VERSION is a number or an alias. --json: the same as data
  reproduce [VERSION]    makes it again from what the registry holds, and says identical or what differs. --to FOLDER
  gc           products, measurements and copies that no version, alias or named configuration needs, with their size.
               --remove: removes them
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
        return INTERRUPTED
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


def sweep(verb: str, overrides: list[str], rest: list[str]) -> int:
    """One run per point of a grid; then a table of what the seed does, where points differ by nothing else."""
    from factory.sweep import points
    from factory.sweep import sweep as launch

    def run(point: list[str]) -> int:
        if (code := main(["run", *point])) == INTERRUPTED:
            raise KeyboardInterrupt
        return code

    every = points(overrides)
    asked = [loaded(point) for point in every]
    code = launch(overrides, run)
    making.summed(every, asked)
    return code


Verb = Callable[[str, list[str], list[str]], int]
MADE = ("run", "generate", "filter", "tokenize", "train", "evaluate", "checkup", "compare", "register")
VERBS: dict[str, Verb] = {
    **dict.fromkeys(MADE, making.stage_verb),
    "plan": making.plan,
    "show": making.show,
    "preview": making.preview,
    "part": making.part,
    "sweep": sweep,
    "suite": suites.suite,
    "judge": judging.judge,
    "gate": proving.gate,
    "interference": proving.interference,
    "noise": proving.noise,
    "registry": browsing.registry_verb,
    **dict.fromkeys(("promote", "rollback", "retire"), versions.alias_verb),
    **dict.fromkeys(("bundle", "import"), versions.bundle),
    "report": versions.report,
    "why": versions.why,
    "reproduce": versions.reproduce,
    "gc": versions.gc,
    "ask": versions.ask,
    "data": data.data,
    "diff": data.diff,
    "export": data.export,
    "overlap": data.overlap,
    "pretrain": beginnings.pretrain,
    "growth": beginnings.growth,
    "exam": beginnings.exam,
    "new": beginnings.new,
}
