"""`pip install .` somewhere else: the wheel holds all it needs, and works in an empty folder outside the clone."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
WHERE = """
import sys
from factory import config, new, specialist
print(config.__file__, config.conf_dir(), config.data_dir(), new.TEMPLATE, specialist.OWN, *sys.path, sep='\\n')
"""
Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this working tree, built as pip builds it but without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it. Its libraries are ours, read where they are; the editable factory is not:
    a folder named in a .pth file is searched for modules, but its own .pth files are not followed."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = str(folder / "bin/python")
    install = ["--python", python, "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", *install, str(wheel)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture(scope="module")
def elsewhere(venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder outside the clone."""
    folder = tmp_path_factory.mktemp("mine")
    assert ROOT not in folder.parents
    return folder


@pytest.fixture(scope="module")
def program(venv: Path, elsewhere: Path) -> Program:
    """Runs a command of that environment in that folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(command: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [venv / "bin" / command, *words], cwd=elsewhere, env=environment, capture_output=True, text=True
        )

    return run


def test_the_wheel_holds_every_file_that_is_used(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        ("" if top == "factory" else "factory/") + path.relative_to(ROOT).as_posix()
        for top in ("factory", "conf", "data")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - held == set()
    assert {name for name in held if not name.startswith(("factory/", "factory_slm-"))} == set()
    assert {"factory/conf/config.yaml", "factory/data/base/nano/model.safetensors"} <= held
    assert {"factory/pages/report.html", "factory/templates/specialist/conf.yaml"} <= held


def test_it_is_the_installed_factory_that_runs(program: Program, venv: Path) -> None:
    places = program("python", "-P", "-c", WHERE).stdout.splitlines()
    assert len(places) > 5 and all(Path(place).is_relative_to(venv) for place in places[:5])
    assert str(ROOT) not in places, "the clone is on the path"


def test_what_makes_nothing_works_in_an_empty_folder(program: Program, elsewhere: Path) -> None:
    assert "configuration in, specialists out" in program("factory", "--help").stdout
    assert "name: sql" in program("factory", "show", "specialist").stdout
    planned = program("factory", "plan", "profile=smoke", "base=tiny")
    assert planned.returncode == 0 and planned.stdout.count("to make") >= 5, planned.stderr
    assert list(elsewhere.iterdir()) == []


def test_a_new_specialist_goes_all_the_way_with_nothing_else_touched(program: Program, elsewhere: Path) -> None:
    """Random weights learn nothing, so the gate holds: exit 5, with the version registered as evidence."""
    made = program("factory", "new", "specialist", "legal")
    assert made.returncode == 0, made.stderr
    few = ("train.steps=6", "train.log_every=6", "evaluate.rows=8", "runtime.workers=1", "runtime.threads=1")
    done = program("factory", "run", "specialist=legal", "profile=smoke", "base=tiny", *few)
    assert done.returncode == 5, done.stderr
    assert "factory.legal.tiny version 1" in done.stdout and "120 rows of 120 candidates" in done.stdout
    assert done.stderr.startswith("factory: factory.legal.tiny version 1: 8 exam rows, at least 100 wanted"), (
        done.stderr
    )
    assert len(list(elsewhere.glob("runs/legal/report-*/report.html"))) == 1
    assert {path.name for path in elsewhere.iterdir()} == {"specialists", "conf", "tests", "runs"}
