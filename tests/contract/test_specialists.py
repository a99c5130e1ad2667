"""What every specialist owes: a graded verifier, a frozen exam of families of its own; and how one is added."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from factory.config import load
from factory.errors import ConfigMistake, DataMistake
from factory.records import Example
from factory.rows import read_exam
from factory.specialist import Inapplicable, find, names
from factory.store import sha256
from tests.drawn import drawn

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
NAMES = names()


@cache
def exam(name: str) -> list[Example]:
    return read_exam(find(name).exam)


def test_sql_is_among_them() -> None:
    assert "sql" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_gold_scores_one_and_every_corrupted_gold_less(name: str) -> None:
    task, wrong = find(name), []
    for row in exam(name):
        corrupted = task.corrupt(task.state(**row.state))
        gold, *others = task.grade(row, [row.answer, *corrupted])
        wrong += [(row.id, "gold", gold.reason)] if gold.value != 1 else []
        wrong += [
            (row.id, answer, "passes") for answer, score in zip(corrupted, others, strict=True) if score.value >= 1
        ]
        wrong += [(row.id, "", "has no corrupted gold")] if not corrupted else []
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_and_an_answer_to_something_else_score_less_than_one_with_a_reason(name: str) -> None:
    task, rows = find(name), exam(name)
    others = {row.id: rows[i - 1].answer for i, row in enumerate(rows) if rows[i - 1].answer != row.answer}
    for row in rows:
        for score in task.grade(row, ["", "   ", "I do not know.", *([others[row.id]] if row.id in others else [])]):
            assert score.value < 1 and score.reason, row.id


@pytest.mark.parametrize("name", NAMES)
def test_the_exam_is_the_one_that_was_frozen(name: str) -> None:
    pinned = json.loads((GOLDEN / "exams.json").read_text())
    assert pinned.get(name) == sha256(find(name).exam), (
        f"the exam of {name} is not the one that results hang on: restore it from git, "
        "or pin a new one with `python tests/golden/pin.py --exams` and say so in the report"
    )


@pytest.mark.parametrize("name", NAMES)
def test_exam_families_are_in_no_training_row(name: str) -> None:
    held = {row.family for row in exam(name)}
    assert held
    assert not held & {row.family for row in drawn(name)}
    assert {row.family for row in drawn(name, "exam")} & held, "the exam's side draws the exam's families"


@pytest.mark.parametrize("name", NAMES)
def test_exam_rows_are_whole(name: str) -> None:
    task, rows = find(name), exam(name)
    assert len({row.id for row in rows}) == len(rows) >= 100
    for row in rows:
        about = task.describe(task.state(**row.state))
        assert (row.split, row.family) == ("exam", about.family)
        assert about.tags.items() <= row.tags.items() and row.tags["balance"] == about.balance
        assert row.messages[-1]["role"] == "user" and row.answer.strip()


@pytest.mark.parametrize("name", NAMES)
def test_no_question_of_the_exam_is_asked_twice(name: str) -> None:
    prompts = [row.prompt for row in exam(name)]
    assert len(set(prompts)) == len(prompts)


@pytest.mark.parametrize("name", NAMES)
def test_a_state_comes_back_from_plain_data_and_a_stream_repeats(name: str) -> None:
    task = find(name)
    settings = task.typed(load([f"specialist={name}"]).specialist.settings)
    for row in drawn(name)[:40]:
        assert json.loads(json.dumps(row.state)) == task.state(**row.state).model_dump(mode="json")
    again = []
    for index in range(40):
        try:
            again.append(task.example(index, 0, settings, "train"))
        except Inapplicable:
            continue
    assert again == drawn(name)[: len(again)]


@pytest.mark.parametrize("name", NAMES)
def test_an_id_is_of_the_stream_and_never_of_the_position(name: str) -> None:
    rows = [*drawn(name), *drawn(name, "exam"), *exam(name)]
    assert len({row.id for row in drawn(name)}) == len(drawn(name))
    assert not {row.id for row in drawn(name)} & {row.id for row in exam(name)}
    assert all(len(row.id) == 16 and int(row.id, 16) >= 0 for row in rows)


@pytest.mark.parametrize("name", NAMES)
def test_settings_that_it_does_not_know_are_refused_by_name(name: str) -> None:
    given = load([f"specialist={name}"]).specialist.settings
    with pytest.raises(ConfigMistake, match="specialist.settings.colour: "):
        find(name).typed({**given, "colour": 3})


def test_a_name_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigMistake, match="specialist=sqll: no such specialist - did you mean 'sql'"):
        find("sqll")


def test_the_users_own_comes_first_and_is_found_by_name(in_sums_folder: Path) -> None:
    assert names() == sorted({*NAMES, "sums"})
    assert find("sums").folder == in_sums_folder / "specialists" / "sums"
    assert load(["specialist=sums"]).specialist.settings == {"most": 99}


def test_a_specialist_that_lacks_something_is_refused_by_name(in_sums_folder: Path) -> None:
    file = in_sums_folder / "specialists/sums/__init__.py"
    file.write_text(file.read_text().replace("def corrupt", "def spoil"))
    with pytest.raises(DataMistake, match="the specialist lacks corrupt"):
        find("sums")


@pytest.fixture
def factory(sums_folder: Path) -> Callable[..., str]:
    """The program as a person starts it, in the user's folder."""

    def program(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "factory", *words], cwd=sums_folder, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return program


def test_a_new_specialist_is_one_folder_and_one_conf_file(factory: Callable[..., str], sums_folder: Path) -> None:
    """Nothing else is changed: its exam is drawn, its plan composes, and two workers make and filter its rows."""
    assert "300 rows" in factory("exam", "specialist=sums")
    assert "examples-" in factory("plan", "specialist=sums", "profile=smoke", "base=tiny")
    said = factory("filter", "specialist=sums", "profile=smoke", "base=tiny", "runtime.workers=2", "generate.shard=40")
    assert "120 rows of" in said
    made = {folder.name.split("-")[0]: folder for folder in (sums_folder / "runs/sums").iterdir() if folder.is_dir()}
    assert set(made) == {"examples", "kept"}
    counts = json.loads((made["kept"] / "manifest.json").read_text())["counts"]
    assert counts["kept"] + counts["dropped"] == counts["rows"] == 120
    assert counts["train"] > 0 and counts["dev"] > 0
