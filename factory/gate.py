"""The gate: whether a report earns the alias. A list of checks, each a small function that gives findings.

    the exam        enough rows and families; better than the base; not worse than the champion
    the data        no family, text or mark of the exam among what was trained on
    the adapter     alive, its weights named as PEFT loads them, on the base of this configuration
    what it costs   bytes, tokens and seconds of an answer, where there is a budget

REJECT where a finding speaks against the version, else HOLD where one is too little to tell, else PROMOTE. It knows no
registry: who holds the alias is given (docs/decisions/gate.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from factory import config, models, stats
from factory.errors import ContractMismatch
from factory.filters.contamination import check as contaminated
from factory.records import Example
from factory.rows import TOLD, read_exam, read_examples, read_jsonl, read_table
from factory.specialist import find
from factory.stats import Design, Interval
from factory.store import Made, Source

Says = Literal["ok", "hold", "reject"]
Word = Literal["PROMOTE", "HOLD", "REJECT"]
TENSOR = re.compile(
    r"base_model\.model\.(?P<module>.+)\.lora_((?P<factor>[AB])\.weight|embedding_(?P<embedding>[AB])|magnitude_vector(\.weight)?)"
)
"""How PEFT names an adapter's tensors in a file; it loads any others onto nothing, without a word."""
ENOUGH = 50_000
"""Resamples behind one interval, at most: of 34 families they take 40 MB."""
NAMED = 3
"""Names in one reason."""


@dataclass(frozen=True)
class Finding:
    """What one check found: what it says, its number and the limit it is held against, and the reason in words."""

    check: str
    says: Says
    number: float | None
    limit: float | None
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the gate says, with a reason for every no, those that speak against the version first."""

    word: Word
    reasons: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the alias may move."""
        return self.word == "PROMOTE"


@dataclass(frozen=True)
class Champion:
    """Who holds the alias: the version, the digest of the exam it sat, and its score for every row."""

    version: str
    exam: str
    scores: Mapping[str, float] = field(repr=False)


@dataclass(frozen=True)
class Sat:
    """A report with its rows, and how far its intervals are believed: `tries` models share the error of one."""

    report: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    wanted: config.Gate
    tries: int
    resamples: int
    seed: int

    @property
    def confidence(self) -> float:
        """Of each interval, so that all tries together keep the report's."""
        return stats.shared(self.report["confidence"], self.tries)

    def lead(self, over: Mapping[str, float]) -> tuple[Interval, Design]:
        """The adapter's lead over other scores of some of its rows, and what an exam like this can tell."""
        rows = [row for row in self.rows if row["id"] in over]
        three = (
            [over[row["id"]] for row in rows],
            [row["adapter_score"] for row in rows],
            [row["family"] for row in rows],
        )
        resamples = max(self.resamples, min(self.resamples * self.tries, ENOUGH))  # as many in each tail as of one try
        found = stats.paired_bootstrap(*three, resamples, self.confidence, self.seed)
        return found, stats.seen(*three)


def gate(
    planned: Mapping[str, Made], asked: config.Config, champion: Champion | None = None, before: int = 0
) -> Verdict:
    """Whether this report earns the alias held by `champion`, after `before` versions that sat the same exam."""
    report = json.loads(planned["report"].file("report.json").read_text())
    counts = planned["adapter"].manifest["counts"]
    wanted = asked.registry.gate
    sat = Sat(
        report,
        read_table(planned["report"].file("answers.parquet")),
        wanted,
        wanted.tries or before + counts.get("tries", 1),
        asked.evaluate.bootstrap,
        asked.seed,
    )
    folder = planned["adapter"].file("adapter/adapter_model.safetensors").parent
    weights = models.weights_source(asked.base)
    return verdict(
        [
            *enough(sat),
            against_base(sat),
            *against_champion(sat, champion),
            *apart(planned, asked),
            alive(report["alive"], wanted),
            *sound(folder, weights),
            matching(folder, weights, asked),
            *affordable(counts["adapter_bytes"], report, planned["report"].facts, wanted),
        ]
    )


def verdict(findings: Sequence[Finding]) -> Verdict:
    """The one word that all findings come to."""
    against = [finding.reason for finding in findings if finding.says == "reject"]
    unsure = [finding.reason for finding in findings if finding.says == "hold"]
    word: Word = "REJECT" if against else "HOLD" if unsure else "PROMOTE"
    return Verdict(word, (*against, *unsure), tuple(findings))


def written(verdict: Verdict) -> str:
    """A verdict as the text of a tag."""
    return json.dumps({"passed": verdict.passed, **asdict(verdict)})


def read(text: str) -> Verdict:
    """The verdict of a tag; one from before there were three words was a yes or a no."""
    said = json.loads(text)
    word = said.get("word") or ("PROMOTE" if said["passed"] else "REJECT")
    return Verdict(word, tuple(said["reasons"]), tuple(Finding(**one) for one in said.get("findings", ())))


# --- the exam ---------------------------------------------------------------------------------------------------------


def enough(sat: Sat) -> Iterator[Finding]:
    """Whether the exam is large enough to say anything."""
    for what, least in (("rows", sat.wanted.min_rows), ("families", sat.wanted.min_families)):
        number = sat.report[what]
        short = f"{number} exam {what}, at least {least} wanted"
        yield finding(f"exam {what}", "ok" if number >= least else "hold", number, least, short)


def against_base(sat: Sat) -> Finding:
    """Whether the adapter is better than the base by more than the margin, beyond the interval."""
    found, design = sat.lead({row["id"]: row["base_score"] for row in sat.rows})
    return beyond("better than the base", f"over the base {told(found, sat)}", found, design, sat.wanted.margin, sat)


def against_champion(sat: Sat, champion: Champion | None) -> Iterator[Finding]:
    """Whether it is not worse than the champion by more than the margin, beyond the interval, on the rows both sat."""
    if champion is None:
        return
    name, limit = "not worse than the champion", -sat.wanted.champion_margin
    who = f"version {champion.version}, which holds the alias"
    if champion.exam != sat.report["exam"]:
        yield Finding(name, "ok", None, limit, f"not compared: {who}, sat another exam")
        return
    rows = sum(row["id"] in champion.scores for row in sat.rows)
    if not rows:
        yield Finding(name, "hold", None, limit, f"shares no exam row with {who}")
        return
    found, design = sat.lead(champion.scores)
    yield beyond(name, f"over {who}, {told(found, sat)} on {rows} rows", found, design, limit, sat)


def beyond(name: str, told: str, found: Interval, design: Design, limit: float, sat: Sat) -> Finding:
    """Above the limit, below it, or neither: then how large an exam would tell."""
    if found.low > limit:
        return Finding(name, "ok", found.low, limit, told)
    if found.high < limit:
        return Finding(name, "reject", found.high, limit, f"{told}: all of it below {limit:+g}")
    return Finding(
        name, "hold", found.low, limit, f"{told}: must start above {limit:+g}; {larger(found, design, limit, sat)}"
    )


def told(found: Interval, sat: Sat) -> str:
    """A lead with its interval, and what its confidence was corrected for."""
    tries = f" of {100 * sat.confidence:.4g} % for {sat.tries} tries" if sat.tries > 1 else ""
    return f"{found.value:+.4f}, interval{tries} {found.low:+.4f} to {found.high:+.4f}"


def larger(found: Interval, design: Design, limit: float, sat: Sat) -> str:
    """The exam that would tell, were the truth as it seems; and where it seems none, the least that this exam can tell."""
    power = sat.wanted.power
    exam = design.wanted(found.value - limit, sat.confidence, power) if found.value > limit and design.spread else None
    if exam and exam.families > design.families:
        return f"if so, some {exam.rows:,} rows of {exam.families:,} families would tell ({power:.0%} power)"
    if exam:
        return f"this exam tells so much with {power:.0%} power: it fell short by chance, or is less"
    usual = (
        design
        if design.spread
        else stats.foreseen([row["family"] for row in sat.rows], sat.wanted.spread, sat.wanted.correlation)
    )
    least = usual.detectable(sat.confidence, power)
    return f"no number of rows would tell if that is all; this exam sees {least:+.4f} or more ({power:.0%} power)"


# --- the data ---------------------------------------------------------------------------------------------------------


def apart(planned: Mapping[str, Made], asked: config.Config) -> Iterator[Finding]:
    """Whether what was trained on shares a family, a text or a mark with the exam."""
    task, settings = find(asked.specialist.name), asked.registry.gate.contamination
    exam = read_exam(task.exam)
    path = planned["kept"].file("kept.parquet")
    kept = read_examples(path) if settings.marks else read_examples(path, TOLD)
    families = sorted({row.family for row in exam} & {row.family for row in kept})
    listed = f"families of the exam are in the training data: {', '.join(families[:NAMED])}"
    yield finding("exam families apart", "reject" if families else "ok", len(families), 0, listed)
    marked = {"marked": task.marked} if settings.marks and task.marks else {}
    look = partial(contaminated, settings=settings, exam=exam, say=lambda *_, **__: None, **marked)
    near = {name: found for name, found in look(kept).items() if found.reason != "family of the exam"}
    near |= look(replayed(asked))
    reasons = sorted({found.reason for found in near.values()})
    told = f"{len(near)} training rows nearly are rows of the exam ({', '.join(reasons)}): {', '.join(sorted(near)[:NAMED])}"
    yield finding("exam rows apart", "reject" if near else "ok", len(near), 0, told)


def replayed(asked: config.Config) -> list[Example]:
    """The conversations mixed into the training."""
    if asked.train.replay is None:
        return []
    lines = enumerate(read_jsonl(Path(asked.train.replay.file).expanduser()), 1)
    return [Example(f"replay line {number}", tuple(line["messages"]), "", None, "replay") for number, line in lines]


# --- the adapter ------------------------------------------------------------------------------------------------------


def alive(moved: float, wanted: config.Gate) -> Finding:
    """Whether it changed the logits when the report was made."""
    reason = f"the adapter changes no logit by more than {wanted.alive:g}"
    return finding("moves the logits", "ok" if moved > wanted.alive else "reject", moved, wanted.alive, reason)


def sound(folder: Path, weights: Source) -> Iterator[Finding]:
    """A look at the file itself: names that PEFT loads, numbers that are finite, outer factors (B) that are not all zero."""
    from safetensors.torch import load_file

    settings = json.loads((folder / "adapter_config.json").read_text())
    tensors = load_file(folder / "adapter_model.safetensors")
    lost = strangers(tensors, settings, modules(weights))
    names = f"{len(lost)} of {len(tensors)} tensors have names that PEFT loads onto nothing: {', '.join(lost[:NAMED])}"
    yield finding("names as PEFT loads them", "reject" if lost or not tensors else "ok", len(lost), 0, names)
    broken = sorted(name for name, values in tensors.items() if not bool(values.isfinite().all()))
    said = f"{len(broken)} tensors hold what is no number: {', '.join(broken[:NAMED])}"
    yield finding("finite", "reject" if broken else "ok", len(broken), 0, said)
    outer = [values for name, values in tensors.items() if re.search(r"\.lora_(embedding_)?B\b", name)]
    moving = sum(bool(values.any()) for values in outer)
    yield finding(
        "outer factors", "ok" if moving else "reject", moving, 1, "every outer factor (B) is zero: the adapter is inert"
    )


def modules(weights: Source) -> set[str]:
    """The modules of a base in a local folder, by the names of its weights; none of one that is elsewhere."""
    from safetensors import safe_open

    found: set[str] = set()
    for path in sorted(weights.path.glob("*.safetensors")) if isinstance(weights.path, Path) else ():
        with safe_open(path, framework="np") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                parts = name.split(".")
                found |= {".".join(parts[:end]) for end in range(1, len(parts))}
    return found


def strangers(tensors: Mapping[str, Any], settings: Mapping[str, Any], modules: set[str]) -> list[str]:
    """Names that are of no module the adapter's own config targets, or none of the base, or lack the other factor."""
    holders = [name.rpartition(".")[0] for name in settings.get("target_parameters") or ()]
    targets = [*(settings.get("target_modules") or ()), *holders]
    factors: dict[str, set[str]] = {}
    fitting = {}
    for name in tensors:
        found = TENSOR.fullmatch(name)
        module = found["module"].replace(".base_layer", "") if found else ""
        if (
            found
            and (not modules or module in modules)
            and any(module == target or module.endswith(f".{target}") for target in targets)
        ):
            fitting[name] = found["module"]
            factors.setdefault(found["module"], set()).add(found["factor"] or found["embedding"])
    return sorted(name for name in tensors if name not in fitting or not {"A", "B"} <= factors[fitting[name]])


def matching(folder: Path, weights: Source, asked: config.Config) -> Finding:
    """Whether its contract is that of this configuration: the base's weights, tokenizer, quantisation; its shapes the file's."""
    offered = models.base_contract(weights, models.tokenizer_source(asked.base), asked.adapted)
    try:
        models.check_contract(folder, offered)
    except ContractMismatch as error:
        field = error.where.rpartition(", ")[2]
        return Finding("contract", "reject", None, None, f"the contract's {field}: {error.what}")
    return Finding("contract", "ok", None, None, "")


# --- what it costs ----------------------------------------------------------------------------------------------------


def affordable(
    size: int, report: Mapping[str, Any], facts: Mapping[str, Any], wanted: config.Gate
) -> Iterator[Finding]:
    """Whether it keeps within the budgets that there are; a figure that no report has yet is too little to tell."""
    seconds = facts.get("seconds_per_answer", {}).get("adapter")
    spent = {
        "MiB": (size / 2**20, wanted.mib),
        "tokens an answer": (report["tokens"]["adapter"] / report["rows"], wanted.tokens_per_answer),
        "seconds an answer": (seconds, wanted.seconds_per_answer),
    }
    for what, (number, most) in spent.items():
        if most is None:
            continue
        if number is None:
            yield Finding(what, "hold", None, most, f"the report does not say its {what}: evaluate again")
        else:
            reason = f"{number:.4g} {what}, at most {most:g} wanted"
            yield finding(what, "ok" if number <= most else "reject", number, most, reason)


def finding(check: str, says: Says, number: float, limit: float, reason: str) -> Finding:
    """A finding that has a reason only where it is a no."""
    return Finding(check, says, number, limit, "" if says == "ok" else reason)
