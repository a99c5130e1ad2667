"""Wrong words on the real command line: exit 2, one line, what would be right; and quick to say so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from factory.cli import main

MISTAKES = {
    "verb": (["runn"], "no such verb - did you mean 'run'?"),
    "key": (["plan", "train.lora.rnak=8"], "train.lora.rnak: no such key - did you mean 'rank'? keys: rank, alpha"),
    "group of keys": (["plan", "trian.steps=8"], "trian: no such group - did you mean 'train'?"),
    "value": (["plan", "train.steps=many"], "train.steps=many: should be a valid integer"),
    "value out of range": (["plan", "train.lora.dropout=2"], "train.lora.dropout=2: should be less than 1"),
    "option": (["plan", "profile=smok"], "profile=smok: no such profile - did you mean 'smoke'? have: full, smoke"),
    "option of a key": (
        ["plan", "train.precision=float31"],
        "train.precision=float31: no such option - did you mean 'float32'?",
    ),
    "specialist": (["plan", "specialist=sqll"], "specialist=sqll: no such specialist - did you mean 'sql'? have:"),
    "base": (["plan", "base=nanno"], "base=nanno: no such base - did you mean 'nano'? have:"),
    "folder": (
        ["run", "base=tiny", "profile=smoke", "base.weights.path=/no/such/base"],
        "base.weights.path=/no/such/base: no such folder - give a folder",
    ),
    "group to show": (["show", "trains"], "trains: no such group - did you mean 'train'? have:"),
    "word": (["plan", "smoke"], "smoke: not an override - write key=value"),
    "half an override": (["plan", "train.steps="], "train.steps="),
    "override": (["plan", "train.lora={rank"], "train.lora={rank: not an override - write key=value"),
    "filter": (
        ["plan", "~filter.near_duplicates"],
        "filter.near_duplicates: no such key - did you mean 'near_duplicate'? keys: length",
    ),
    "filter that must stay": (["plan", "~filter.split"], "filter.split: no value given"),
    "several values": (["run", "seed=1,2"], "seed=1,2: more than one value - only `factory sweep` takes several"),
    "no question": (["ask"], "ask: 0 questions - write one, in quotes"),
    "setting of a specialist": (["plan", "specialist.settings.nulable=0.1"], "nulable"),
}


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mistakes leave nothing behind, so nothing is written here either."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_that_says_what_is_right(name: str, tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    words, said = MISTAKES[name]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("factory: ") and said in line
    assert " - " in line or " should be " in line, "no hint of what is right"
    assert [path.name for path in tmp_path.glob("runs/*/*")] == []


def test_an_alias_that_nobody_holds(full, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", *full.words, "registry.alias=nobody", "How many?"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "factory.sql.tiny@nobody: no version holds this alias - the gate let none pass yet" in line


def test_a_model_that_nobody_registered(full, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", *full.words, "registry.model=factory.sql.tyni", "How many?"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "factory.sql.tyni: no such registered model - did you mean 'factory.sql.tiny'?" in line


@pytest.mark.parametrize("words", [["--help"], ["plan", "base=tiny"], ["show"], ["plan", "base=nanno"]], ids=" ".join)
def test_what_makes_nothing_starts_at_once(words: list[str]) -> None:
    """Under 3 CPU-seconds (alone 1.5 to 1.8), and none of the libraries that take longer than that to import."""
    code = (
        "import sys; from factory.cli import main; main(sys.argv[1:]); "
        "print([name for name in ('torch', 'mlflow', 'transformers', 'peft', 'trl', 'datasets') if name in sys.modules])"
    )
    before = os.times()
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    after = os.times()
    assert done.stdout.splitlines()[-1] == "[]"
    assert after.children_user + after.children_system - before.children_user - before.children_system < 3
