"""The program of the external sets: lines as computed by hand, suites through the one door, and what lacks says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from factory import cli, config, models
from factory.errors import Mistake
from factory.rows import read_jsonl
from tests.external import __main__ as program
from tests.external import mts_dialog
from tests.external.scored import Scored, lines


def test_lines_have_the_floor_the_lead_and_the_slices() -> None:
    rows = [
        Scored(str(n), str(n // 2), {"adapter": 1.0, "floor": float(n < 5)}, {"kind": "ab"[n % 2]}) for n in range(40)
    ]
    found = {(line.slice, line.arm): line for line in lines("set", rows, "floor", ["adapter", "floor"])}
    assert list(found) == [(s, a) for s in ("all", "kind: a", "kind: b") for a in ("adapter", "floor")]
    whole = found["all", "adapter"]
    assert (whole.rows, whole.floor, whole.score.value) == (40, 5 / 40, 1.0)
    assert whole.lead.value == pytest.approx(35 / 40) and whole.beaten
    assert not found["all", "floor"].beaten
    assert json.loads(json.dumps(whole.plain()))["beaten"] is True


def test_mts_dialogs_training_rows_are_told_as_the_suite_tells_them(shared_data: Path) -> None:
    asked = config.load(["base=tiny", *mts_dialog.OVERRIDES])
    words = models.load_tokenizer(models.tokenizer_source(asked.base))
    rows = list(mts_dialog.examples(shared_data, asked.suite, words, "dev"))
    assert len(rows) == 200 and all(row.state is None and row.split == "dev" for row in rows)
    long = next(row for row in rows if row.tags["shortened"] == "yes")
    assert long.prompt.startswith("Doctor:") and long.prompt.endswith(mts_dialog.mts_dialog.QUESTION)


def test_the_program_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(tmp_path / "nowhere"))
    assert program.main([]) == 3
    assert "no evaluation sets" in capsys.readouterr().err


def test_suites_go_through_the_command_line_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(tmp_path))
    called: list[list[str]] = []
    monkeypatch.setattr(cli, "main", lambda words: called.append(words) or 0)

    def lacking(*_: Any) -> Path:
        raise Mistake("adapter", "not made", "make it")

    monkeypatch.setattr(mts_dialog, "trained", lacking)
    shown = list(lines("set", [Scored("1", "1", {"adapter": 1.0, "floor": 0.0})], "floor", ["adapter"]))
    monkeypatch.setattr(program.private_data, "run", lambda *_: (shown, ["a note"]))
    words = f"runtime.runs={tmp_path}/runs"
    assert program.main(["spider", "commongen", "mts-dialog", "private-data", words]) == 2
    assert called == [
        ["suite", "spider", "specialist=sql", words],
        ["suite", "commongen", "specialist=creative", words],
    ]
    said = capsys.readouterr()
    assert "mts-dialog is not run: adapter: not made" in said.err and "a note" in said.out and "yes" in said.out
    (record,) = read_jsonl(tmp_path / "runs/external/private-data.jsonl")
    assert record["lines"][0]["beaten"] is True and record["notes"] == ["a note"]
