"""What the README shows, the program understands: every command is a verb with words that compose."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory import cli
from factory.sweep import points

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()
START = re.compile(r"^    (?:\.venv/bin/)?factory ", re.MULTILINE)


def commands(text: str) -> Iterator[tuple[str, ...]]:
    """The words of every `factory ...`: indented lines, to the end of their quotes, and whole code spans."""
    for begin in START.finditer(text):
        lines = text[begin.end() :].split("\n")
        for count in range(1, len(lines) + 1):
            try:
                yield tuple(shlex.split("\n".join(lines[:count]), comments=True))
            except ValueError:  # no closing quotation yet
                continue
            break
    for span in re.findall(r"`factory ([^`]+)`", text):
        yield tuple(shlex.split(span))


SHOWN = sorted(set(commands(README)))
CONFS = dict(re.findall(r"`(conf/specialist/\w+\.yaml)`[^`]*:\n\n```yaml\n(.*?)```", README, re.DOTALL))
"""The conf files that it shows whole."""
NEW = [words for words in SHOWN if words[0] == "new"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Works in a folder in which what the README makes is made; forgets its modules afterwards."""
    place = tmp_path_factory.mktemp("readme")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.syspath_prepend(place)
        for words in NEW:
            assert cli.main(words) == 0
        for name, conf in CONFS.items():
            (place / name).write_text(conf)
        yield
    for name in [name for name in sys.modules if name.split(".")[0] == "specialists"]:
        del sys.modules[name]


@pytest.fixture
def understood(folder: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """In that folder, a program whose verbs compose what they are given and stop."""

    def composed(verb: str, overrides: list[str], rest: list[str]) -> int:
        for point in points(overrides):
            cli.loaded(point)
        return 0

    for verb in cli.VERBS:
        monkeypatch.setitem(cli.VERBS, verb, composed)


def test_the_commands_are_found() -> None:
    text = '    factory run a=1  # why\n    .venv/bin/factory ask "two\n    - lines" b=2\n\nor `factory plan c=3`, not factory d'
    assert list(commands(text)) == [("run", "a=1"), ("ask", "two\n    - lines", "b=2"), ("plan", "c=3")]
    assert len(SHOWN) > 10 and NEW and CONFS


@pytest.mark.usefixtures("understood")
@pytest.mark.parametrize("words", SHOWN, ids=lambda words: " ".join(words)[:60])
def test_every_command_is_understood(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0, capsys.readouterr().err


@pytest.mark.usefixtures("understood")
@pytest.mark.parametrize("words", [("rum",), ("run", "train.stepz=3"), ("run", "loudly"), ("sweep", "train.steps=1,x")])
def test_a_command_that_is_not_would_be_seen(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    capsys.readouterr()


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = set(re.findall(r"(?:^    |`)make ([a-z-]+)", README, re.MULTILINE))
    assert len(shown) > 3 and shown <= targets


@pytest.mark.parametrize(
    "path", sorted({*re.findall(r"`((?:factory|conf|data|docs|tests|notebooks)/[\w./-]*)`", README)} - set(CONFS))
)
def test_every_path_exists(path: str) -> None:
    assert (ROOT / path).exists()
