"""MTS-Dialog's section headers: which section of a note a dialogue belongs to, after training on its train split.

The rows come from outside: they have a family (their own id: no two are of one visit that we know of) and no state. They
are tokenized and trained by the factory's own stages. A dialogue that does not fit is told by its first turns that do;
how many, the notes say. Evaluated on test1; the floor is the one section that would score best there if it were always
said, as in the published figure, and beside it stands the published TF-IDF classifier.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from factory import models, pipeline, store
from factory.chat import prompt_ids
from factory.config import Config
from factory.made_with import made_with
from factory.records import Example
from factory.rows import read_jsonl, write_examples
from factory.store import Events, Source, Stage
from tests.external.arms import ARMS, answers
from tests.external.scored import Line, Scored, lines

SPECIALIST = "medical"
OVERRIDES = ("train.steps=300", "train.checkpoint_every=50")
"""Eight passes over 1,201 rows; what is typed on the command line comes after and wins."""
FITS = 480
"""Tokens of a prompt; the answer is a few words."""
MOST = 16
FLOOR = "the best single section"
QUESTION = "Which section of the note is this part of the visit for?"
SECTIONS = {
    "ALLERGY": "allergies",
    "ASSESSMENT": "assessment",
    "CC": "chief complaint",
    "DIAGNOSIS": "diagnosis",
    "DISPOSITION": "disposition",
    "EDCOURSE": "emergency course",
    "EXAM": "exam",
    "FAM/SOCHX": "family and social history",
    "GENHX": "history of present illness",
    "GYNHX": "gynecologic history",
    "IMAGING": "imaging",
    "IMMUNIZATIONS": "immunizations",
    "LABS": "labs",
    "MEDICATIONS": "medications",
    "OTHER_HISTORY": "other history",
    "PASTMEDICALHX": "past medical history",
    "PASTSURGICAL": "past surgical history",
    "PLAN": "plan",
    "PROCEDURES": "procedures",
    "ROS": "review of systems",
}
"""The set's section headers in words."""


def run(asked: Config, place: Path, work: Path) -> tuple[list[Line], list[str]]:
    """The lines of the table, and what to say about the rows."""
    words = models.load_tokenizer(models.tokenizer_source(asked.base))
    parts = {part: list(examples(place, part, words)) for part in ("train", "valid", "test1")}
    adapter = trained(asked, place)
    test = parts["test1"]
    said = answers(asked, adapter, [row.prompt for row in test], MOST)
    said[FLOOR] = [Counter(row.answer for row in test).most_common(1)[0][0]] * len(test)
    shortened = {part: sum(row.tags["shortened"] == "yes" for row in rows) for part, rows in parts.items()}
    found = list(lines("MTS-Dialog section headers", scored(test, said), FLOOR, ARMS))
    published = json.loads((place / "published-results/trivial_baselines.json").read_text())["mts_header_tfidf_test1"]
    notes = [
        f"dialogues told by the first turns that fit {FITS} tokens: "
        + ", ".join(f"{number} of {len(parts[part])} in {part}" for part, number in shortened.items()),
        f"published TF-IDF classifier on the same rows: {published:.1%}; "
        f"beaten by the adapter: {'yes' if found[ARMS.index('adapter')].score.low > published else 'no'}",
    ]
    return found, notes


def examples(place: Path, part: str, words: Any) -> Iterator[Example]:
    """The rows of one part as Examples without a state."""
    for row in read_jsonl(place / f"medical/mts-dialog/{part}.jsonl"):
        turns = [" ".join(line.split()) for line in row["dialogue"].splitlines() if line.strip()]
        kept = fitting(turns, words)
        tags = {"shortened": "yes" if kept < len(turns) else "no", "section": row["section_header"]}
        messages = ({"role": "user", "content": prompt(turns[:kept])},)
        answer = SECTIONS[row["section_header"]]
        yield Example(row["id"], messages, answer, None, row["id"], tags, {"teacher": "outside", "renderings": []})


def prompt(turns: Sequence[str]) -> str:
    """Dialogue and question."""
    return "\n".join([*turns, f"Question: {QUESTION}"])


def fitting(turns: Sequence[str], words: Any) -> int:
    """How many turns from the first fit into `FITS` tokens."""
    sizes = list(accumulate(len(words(f"{turn}\n")["input_ids"]) for turn in turns))
    for kept in range(sum(size <= FITS for size in sizes), 0, -1):
        if len(prompt_ids(words, [{"role": "user", "content": prompt(turns[:kept])}])) <= FITS:
            return kept
    raise ValueError(f"the first turn alone is over {FITS} tokens")


def trained(asked: Config, place: Path) -> Path:
    """The adapter trained on the train split by the stages tokenize and train, its products found again by their keys."""
    models.go_offline(asked.runtime)
    root = Path(asked.runtime.runs) / "external" / "mts-dialog"
    files = [place / f"medical/mts-dialog/{part}.jsonl" for part in ("train", "valid")]
    given: dict[str, Any] = {
        "sections": Source(place, store.digest([store.sha256(file) for file in files])),
        "tokenizer": models.tokenizer_source(asked.base),
        "weights": models.weights_source(asked.base),
        "base": asked.adapted,
        "specialist": asked.specialist,
        **dict.fromkeys(("start", "pairs", "replay")),
        "tokenize": asked.tokenize,
        "train": asked.train,
        "seed": asked.seed,
    }
    own = [stage for stage in pipeline.STAGES if stage.makes in ("tokens", "adapter")]
    for stage in (Stage("kept", from_outside, version=1), *own):
        made = store.plan(stage, given, {}, root)
        store.run(stage, given, made, asked.runtime, quiet, made_with(asked.runtime))
        given[stage.makes] = made
    return given["adapter"].folder / "adapter"


def from_outside(sections: Source, tokenizer: Source, *, out: Path, events: Events) -> dict[str, Any]:
    """Writes `kept.parquet` of the train split, the validation split as dev."""
    words = models.load_tokenizer(tokenizer)
    rows = [
        Example(**vars(row) | {"split": split})
        for part, split in (("train", "train"), ("valid", "dev"))
        for row in examples(Path(sections.path), part, words)
    ]
    write_examples(out / "kept.parquet", rows)
    return {"rows": len(rows), "kept": len(rows), "dropped": 0}


def quiet(*_: object, **__: object) -> None:
    """Progress nobody watches."""


def scored(rows: Sequence[Example], said: dict[str, list[str]]) -> list[Scored]:
    """1 where an arm names the section, else 0; each row is a group of its own."""
    return [
        Scored(row.id, row.id, {arm: float(texts[place].strip().lower() == row.answer) for arm, texts in said.items()})
        for place, row in enumerate(rows)
    ]
