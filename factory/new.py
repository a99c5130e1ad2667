"""Makes a new specialist that works at once: its folder, its conf file, its tests and its exam.

In the factory's own clone they become part of the package; anywhere else they go into the folder one works in.
"""

from __future__ import annotations

import importlib
import keyword
import re
from pathlib import Path
from typing import Any

import yaml

from factory import config
from factory.errors import Mistake, Unavailable
from factory.exam import draw_exam
from factory.specialist import OWN

TEMPLATE = Path(__file__).parent / "templates" / "specialist"
"""A specialist that works, called NAME."""


def new_specialist(name: str) -> list[Path]:
    """Writes the specialist's files below the working folder and draws its exam; the files, the exam last.

    Mistake where the name will not do or a file is there already, Unavailable where the folder cannot be written to;
    nothing is written then.
    """
    check_name(name)
    config.load([])  # a conf/ here that does not compose would leave the work half done
    targets = places(name)
    for path in targets.values():
        if path.exists():
            raise Mistake(str(path), "is there already", "choose another name, or move it away first")
    try:
        for source, path in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(filled(source, name, targets))
    except OSError as error:
        raise Unavailable(str(error.filename), str(error.strerror), "work in a folder you can write to") from None
    importlib.invalidate_caches()
    exam, _ = draw_exam(config.load([f"specialist={name}"]), unwatched)
    return [*targets.values(), exam.relative_to(Path.cwd())]


def check_name(name: str) -> None:
    """Refuses what cannot be a folder, a Python module and a plain word in YAML at once, and what is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or yaml.safe_load(name) != name:
        hint = "lower-case letters, digits and _, a letter first, and no word of Python or YAML: legal, tax_forms"
        raise Mistake(name, "not a name for a specialist", hint)
    if (OWN / name).exists():
        raise Mistake(name, "the factory has a specialist of this name", "choose another")


def in_clone() -> bool:
    """Whether one works in the factory's own repository."""
    return config.conf_dir().parent == Path.cwd() == Path(__file__).resolve().parent.parent


def places(name: str) -> dict[str, Path]:
    """File of the template -> where it goes, from the working folder."""
    clone = in_clone()
    folder = Path("factory" if clone else "", "specialists", name)
    lists = Path("data", name) if clone else folder / "data"
    return {
        "__init__.py": folder / "__init__.py",
        "README.md": folder / "README.md",
        "train.yaml": lists / "train.yaml",
        "exam.yaml": lists / "exam.yaml",
        "conf.yaml": Path("conf", "specialist", f"{name}.yaml"),
        "test.py": Path("tests", "unit" if clone else "", f"test_{name}.py"),
    }


def filled(source: str, name: str, targets: dict[str, Path]) -> str:
    """A file of the template with its words in capitals filled in."""
    words = {
        "NAME": name,
        "LISTS": targets["train.yaml"].parent.as_posix(),
        "CONF": targets["conf.yaml"].as_posix(),
        "TEST": targets["test.py"].as_posix(),
    }
    return re.sub(r"\b(NAME|LISTS|CONF|TEST)\b", lambda found: words[found[1]], (TEMPLATE / source).read_text())


def unwatched(*_: Any, **__: Any) -> None:
    """Drawing an exam of this size takes about a second: there is no progress to show."""
