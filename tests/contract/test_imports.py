"""Imports run one way, and nothing heavy is imported before it is needed: read from the source by `ast`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import factory

LAYERS = (
    {
        "store",
        "records",
        "rows",
        "config",
        "group",
        "groups",
        "filtering",
        "training",
        "proving",
        "errors",
        "log",
        "made_with",
        "rouge",
        "text",
        "queries",
    },
    {
        "specialist",
        "filters",
        "names",
        "surrogates",
        "teachers",
        "answering",
        "models",
        "packing",
        "registry",
        "gate",
        "sandbox",
        "agreement",
        "chat",
        "coverage",
        "fits",
        "kernels",
        "stats",
        "calibration",
        "nearest",
        "copies",
        "canaries",
        "pages",
        "overlap",
        "diversity",
        "human",
        "outside",
    },
    {"stages"},
    {
        "pipeline",
        "fleet",
        "exam",
        "forecast",
        "probe",
        "preview",
        "suites",
        "ask",
        "data_card",
        "difference",
        "export",
        "growth",
        "interference",
        "judging",
        "noise",
        "over_seeds",
        "new",
        "lineage",
        "sides",
        "why",
        "reproduce",
        "gc",
        "browse",
    },
    {"verbs", "display", "sweep"},
    {"cli"},
    {"__main__"},
)
"""The parts of the package from the ground up; a part imports its own layer and those below."""
APART = {"specialists", "base", "templates"}
"""Parts with rules of their own."""
SPECIALISTS_MAY = {"specialist", "records", "filters", "sandbox", "agreement", "errors", "rouge", "text"}
BASE_MAY_NOT = {"stages", "pipeline", "registry", "verbs", "cli", "display"}
HEAVY = {"torch", "transformers", "mlflow", "peft", "trl", "datasets", "bitsandbytes"}
HEAVY_HERE = {"factory.stages.watch", "factory.base.muon"}
"""Modules that may import heavy libraries at once, because they are themselves imported late."""


def sources(package: Path) -> dict[str, str]:
    """Module name to source, of a package."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found


def violations(tree: Mapping[str, str]) -> list[str]:
    """Every import that runs the wrong way or too early, one line each."""
    found = []
    for module, source in tree.items():
        for name, early in imported(source, tree):
            top = name.split(".")[0]
            if early and (top in HEAVY or name in HEAVY_HERE) and module not in HEAVY_HERE:
                found.append(f"{module}: {name} is heavy, import it inside the function that needs it")
            if top == "factory" and (why := refused(module, name)):
                found.append(f"{module}: {name}: {why}")
        if part(module) and rank(module) is None and part(module) not in APART:
            found.append(f"{module}: stands in no layer, name it in tests/contract/test_imports.py")
    return found


def imported(source: str, tree: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """What a module imports, and whether it does so as soon as it is imported itself."""
    parsed = ast.parse(source)
    late = {
        id(node)
        for scope in ast.walk(parsed)
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(scope, ast.If) and "TYPE_CHECKING" in ast.unparse(scope.test))
        for node in ast.walk(scope)
    }
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "." * node.level + (node.module or ""), id(node) not in late
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if whole in tree else node.module), id(node) not in late


def part(module: str) -> str:
    """The part of the package a module belongs to; nothing for the package itself."""
    return module.split(".")[1] if "." in module else ""


def rank(module: str) -> int | None:
    """The layer of a module."""
    return next((i for i, layer in enumerate(LAYERS) if part(module) in layer), None)


def refused(module: str, name: str) -> str:
    """Why a module may not import another of the package, or nothing."""
    own, other = part(module), part(name)
    if not other or not own:
        return "" if not other else "the package itself imports none of its parts"
    if own == "specialists":
        folder = ".".join(module.split(".")[:3])
        fine = other in SPECIALISTS_MAY or name == folder or name.startswith(f"{folder}.")
        return "" if fine else f"a specialist imports only its own folder and {', '.join(sorted(SPECIALISTS_MAY))}"
    if own == "base":
        return "making a base is no part of the data path" if other in BASE_MAY_NOT else ""
    if other == "base":
        return "" if own == "verbs" else "nothing but the command line's verbs imports how a base is made"
    if other == "cli":
        return "" if own == "__main__" else "nothing imports the command line"
    if other == "specialists":
        return "specialists are found by name"
    there, here = rank(name), rank(module)
    return "runs upwards" if there is not None and here is not None and there > here else ""


def test_the_factory_has_no_violation() -> None:
    tree = sources(Path(factory.__file__).parent)
    assert len(tree) > 30
    assert violations(tree) == []


def test_relative_imports_are_not_used() -> None:
    """They would be read past by the rules above."""
    tree = sources(Path(factory.__file__).parent)
    assert [
        module for module, source in tree.items() for name, _ in imported(source, tree) if name.startswith(".")
    ] == []


BROKEN = {
    "factory": "",
    "factory.cli": "",
    "factory.verbs.making": "",
    "factory.store": "",
    "factory.filters": "",
    "factory.base.pretrain": "",
    "factory.registry": "",
    "factory.stages.train": "",
    "factory.stages.watch": "import transformers",
    "factory.records": "",
    "factory.pipeline": "",
    "factory.specialists.sql": "",
    "factory.specialists.sql.draw": "",
    "factory.specialists.medical": "",
    "factory.models": "",
}
PLANTED = {
    ("factory.store", "from factory.stages.train import train"): "factory.stages.train: runs upwards",
    ("factory.models", "from factory import pipeline"): "factory.pipeline: runs upwards",
    ("factory.models", "def f():\n    from factory import pipeline"): "factory.pipeline: runs upwards",
    ("factory.records", "import factory.models"): "factory.models: runs upwards",
    ("factory.pipeline", "from factory.cli import main"): "factory.cli: nothing imports the command line",
    (
        "factory.stages.train",
        "from factory.base.pretrain import make",
    ): "nothing but the command line's verbs imports how a base is made",
    ("factory.base.pretrain", "from factory.stages.train import train"): "making a base is no part of the data path",
    ("factory.stages.train", "import factory.specialists.sql"): "specialists are found by name",
    ("factory.specialists.sql.draw", "from factory.store import run"): "a specialist imports only its own folder",
    (
        "factory.specialists.sql.draw",
        "from factory.specialists.medical import draw",
    ): "a specialist imports only its own folder",
    ("factory.models", "import torch"): "torch is heavy",
    ("factory.models", "import torch.nn as nn"): "torch.nn is heavy",
    ("factory.models", "from transformers import AutoModel"): "transformers is heavy",
    ("factory.models", "class A:\n    import mlflow"): "mlflow is heavy",
    ("factory.models", "try:\n    import peft\nexcept ImportError:\n    pass"): "peft is heavy",
    ("factory.stages.train", "from factory.stages.watch import Watch"): "factory.stages.watch is heavy",
    ("factory", "from factory.store import run"): "the package itself imports none of its parts",
    ("factory.helpers", "x = 1"): "stands in no layer",
}
FINE = {
    ("factory.models", "def f():\n    import torch"),
    ("factory.models", "if TYPE_CHECKING:\n    import torch"),
    ("factory.stages.train", "def f():\n    from factory.stages.watch import Watch"),
    ("factory.stages.train", "from factory import models"),
    ("factory.specialists.sql.draw", "from factory.specialists.sql import patterns\nfrom factory.records import Score"),
    ("factory.verbs.making", "def f():\n    from factory.base.pretrain import make"),
    ("factory.__main__", "from factory.cli import main"),
    ("factory.models", "import numpy"),
}


def test_the_tree_that_is_broken_below_is_whole_at_first() -> None:
    assert violations(BROKEN) == []


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: f"{planted[0]}: {planted[1].splitlines()[-1].strip()}")
def test_every_planted_violation_is_seen_and_only_it(planted: tuple[str, str]) -> None:
    found = violations({**BROKEN, planted[0]: planted[1]})
    assert len(found) == 1
    assert found[0].startswith(f"{planted[0]}: ") and PLANTED[planted] in found[0]


@pytest.mark.parametrize("fine", sorted(FINE), ids=lambda fine: f"{fine[0]}: {fine[1].splitlines()[-1].strip()}")
def test_what_is_allowed_is_not_seen(fine: tuple[str, str]) -> None:
    assert violations({**BROKEN, fine[0]: fine[1]}) == []
