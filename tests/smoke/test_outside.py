"""A specialist that is only a conf file and two files of rows: from nothing to a registered version, no Python written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random

import pytest

from factory.cli import main
from factory.config import load
from factory.pipeline import products
from factory.rows import read_exam, read_examples
from factory.specialist import find, names

CONF = """# @package _global_
# Which desk a letter goes to, from letters that were sorted before.

defaults:
  - override /source: file

specialist:
  name: desks
  settings: {}

source:
  train: train.jsonl
  exam: exam.jsonl
  prompt: "{letter}\\nWhich desk?"
  answer: "{desk}"
  score: {kind: label, pattern: null}

generate:
  rows: null

filter:
  near_duplicate: {threshold: 0.95}
"""
THINGS = {
    "post": ("parcel", "stamp", "letter"),
    "garden": ("tree", "hedge", "lawn"),
    "street": ("lamp", "kerb", "sign"),
}
SMALL = [
    "specialist=desks",
    "base=tiny",
    "profile=smoke",
    "runtime.workers=1",
    "runtime.threads=1",
    "~compare.arms.full",
]


def letters(path: Path, count: int, seed: int) -> None:
    """Letters about a thing, each with its desk; one in forty is broken."""
    rng, rows = Random(seed), []
    for number in range(count):
        desk = rng.choice(list(THINGS))
        words = " ".join(rng.choice("abcdefghijklmnopqrstuvwxyz") * 3 for _ in range(8))
        rows.append(json.dumps({"letter": f"{number} {words} the {rng.choice(THINGS[desk])}", "desk": desk}))
        if number % 40 == 39:
            rows.append('{"letter": "cut of')
    path.write_text("\n".join(rows))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the conf file and the rows."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf/specialist").mkdir(parents=True)
    (tmp_path / "conf/specialist/desks.yaml").write_text(CONF)
    letters(tmp_path / "train.jsonl", 160, 1)
    letters(tmp_path / "exam.jsonl", 40, 2)
    return tmp_path


def test_from_rows_to_a_version(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "desks" in names() and find("desks").name == "desks"
    assert main(["run", *SMALL]) == 2
    assert "factory exam specialist=desks" in capsys.readouterr().err
    assert main(["exam", *SMALL]) == 2
    assert re.search(r"exam\.jsonl, line 41: no JSON.*source\.malformed=drop", capsys.readouterr().err)
    lenient = [*SMALL, "source.malformed=drop"]
    assert main(["exam", *lenient]) == 0
    assert len(read_exam(find("desks").exam)) == 40
    assert main(["run", *lenient]) in (0, 4, 5)  # 24 steps on random weights: the gate may say no
    made = products(load(lenient))
    counts = made["examples"].manifest["counts"]
    assert counts["rows"] == 120 and counts["candidates"] == 164 == counts["rows"] + counts["refused"]
    assert counts["refused_by"]["more than generate.rows=120"] == 40
    assert sum(count for why, count in counts["refused_by"].items() if why.startswith("malformed: no JSON")) == 4
    kept = read_examples(made["kept"].file("kept.parquet"))
    assert {row.answer for row in kept} == set(THINGS)
    cuts = json.loads(made["report"].file("report.json").read_text())["cuts"]
    assert set(cuts["label"]) <= set(THINGS)
    assert main(["registry", *lenient]) == 0
    assert "factory.desks.tiny" in capsys.readouterr().out
