"""`factory new specialist NAME`: what it makes works as it is, and what it refuses leaves nothing behind."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from factory.cli import main
from factory.config import load
from factory.rows import read_exam
from factory.specialist import find
from factory.stages.generate import admit

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = {
    "specialists/legal/__init__.py",
    "specialists/legal/README.md",
    "specialists/legal/data/train.yaml",
    "specialists/legal/data/exam.yaml",
    "specialists/legal/exam.jsonl",
    "conf/specialist/legal.yaml",
    "tests/test_legal.py",
}


def files(folder: Path) -> set[str]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in; the module that is made there is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "specialists"]:
        monkeypatch.delitem(sys.modules, name)
    importlib.invalidate_caches()
    return tmp_path


@pytest.fixture
def legal(folder: Path) -> Path:
    """The folder with a new specialist in it."""
    assert main(["new", "specialist", "legal"]) == 0
    return folder


def python(folder: Path, *words: str) -> str:
    """What Python says in a folder, without this process's own path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_says_what_it_made_and_what_to_type_next(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "specialist", "legal"]) == 0
    said = capsys.readouterr().out
    assert set(re.findall(r"^made  (\S+)", said, re.MULTILINE)) == FILES
    assert {name for name in files(folder) if not name.endswith(".pyc")} == FILES
    for command in re.findall(r"factory (\w+) (.+)", said):
        assert load(command[1].split()).specialist.name == "legal"
    assert (folder / re.search(r"(\S+README.md) says", said)[1]).is_file()


def test_no_word_of_the_template_is_left(legal: Path) -> None:
    for name in FILES - {"specialists/legal/exam.jsonl"}:
        assert not re.search(r"\b(NAME|LISTS|CONF|TEST)\b", (legal / name).read_text()), name
    named = re.findall(r"^\| `(\S+/\S*)` ", (legal / "specialists/legal/README.md").read_text(), re.MULTILINE)
    assert len(named) == 3 and all((legal / path).exists() for path in named)


def test_its_own_tests_pass_and_can_fail(legal: Path) -> None:
    assert "7 passed" in python(legal, "-m", "pytest", "-q", "tests")
    module = legal / "specialists/legal/__init__.py"
    module.write_text(module.read_text().replace("lists(side: str)", 'lists(_: str, side: str = "exam")'))
    with pytest.raises(AssertionError, match="test_no_family_of_the_exam_is_in_a_training_row"):
        python(legal, "-m", "pytest", "-q", "tests")


def test_most_candidates_are_kept(legal: Path) -> None:
    """The balance cap leaves room for as many rows as the full profile asks for."""
    asked, task = load(["specialist=legal"]), find("legal")
    rows = [task.example(index, 0, task.typed(asked.specialist.settings), "train") for index in range(400)]
    assert all(admit(task, row).fate == "kept" for row in rows)
    assert len({row.prompt for row in rows}) == len(rows)
    kinds = {
        f"{family}: {thing}"
        for family, things in sys.modules["specialists.legal"].lists("train")["families"].items()
        for thing in things
    }
    assert len(kinds) * asked.filter["balance"].cap > asked.generate.rows
    assert {row.tags["difficulty"] for row in read_exam(task.exam)} == {"easy", "hard"}


def test_partly_right_answers_score_in_part(legal: Path) -> None:
    task = find("legal")
    row = next(row for row in read_exam(task.exam) if row.tags["amount"] == "named")
    lines = row.answer.splitlines()
    half, empty, more = task.grade(row, ["\n".join(lines[:2]), "", f"{row.answer}\nremark: urgent"])
    assert half.value == 0.5 and half.parts == {"who": 1, "what": 1, "amount": 0, "day": 0}
    assert (empty.value, empty.reason) == (0, "wrong who")
    assert (more.value, more.reason) == (0.8, "more lines than fields")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["specialist", "sql"], "sql: the factory has a specialist of this name"),
        (["specialist", "Legal"], "Legal: not a name for a specialist"),
        (["specialist", "9lives"], "9lives: not a name for a specialist"),
        (["specialist", "tax-forms"], "tax-forms: not a name for a specialist"),
        (["specialist", "../legal"], "../legal: not a name for a specialist"),
        (["specialist", "class"], "class: not a name for a specialist"),
        (["specialist", "yes"], "yes: not a name for a specialist"),
        (["specialist"], "new: what is to be made? - write: factory new specialist NAME"),
        (["base", "legal"], "new: what is to be made?"),
        (["specialist", "legal", "seed=1"], "new: what is to be made?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_writes_nothing(
    words: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"factory: {said}") and " - " in line
    assert files(folder) == set()


@pytest.mark.parametrize("name", sorted(FILES - {"specialists/legal/exam.jsonl"}))
def test_nothing_is_overwritten(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text("# mine\n\n{}\n")
    assert main(["new", "specialist", "legal"]) == 2
    assert capsys.readouterr().err.startswith(f"factory: {name}: is there already - ")
    assert files(folder) == {name} and (folder / name).read_text() == "# mine\n\n{}\n"


def test_two_specialists_of_ones_own_stand_side_by_side(legal: Path) -> None:
    assert main(["new", "specialist", "tax_forms"]) == 0
    assert find("legal").exam.read_bytes() != find("tax_forms").exam.read_bytes(), "each draws from its own streams"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the factory's own repository, as far as a specialist needs it."""
    shutil.copytree(ROOT / "factory", tmp_path / "factory", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    return tmp_path


def test_in_the_factorys_own_clone_it_becomes_part_of_the_package(clone: Path) -> None:
    before = files(clone)
    python(clone, "-m", "factory", "new", "specialist", "legal")
    assert files(clone) - before == {
        "factory/specialists/legal/__init__.py",
        "factory/specialists/legal/README.md",
        "factory/specialists/legal/exam.jsonl",
        "data/legal/train.yaml",
        "data/legal/exam.yaml",
        "conf/specialist/legal.yaml",
        "tests/unit/test_legal.py",
    }
    assert "7 passed" in python(clone, "-m", "pytest", "-q", "--import-mode=importlib", "tests")
