"""The example workflow: it parses, uses no third party, and the commands of its steps run here, on the smoke profile."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
WORKFLOW = yaml.safe_load((ROOT / "docs/ci/workflow.yaml").read_text())
STEPS: list[dict[str, Any]] = WORKFLOW["jobs"]["specialists"]["steps"]
OFFICIAL = {"actions/checkout", "actions/setup-python", "actions/cache", "actions/github-script"}
SHORT = (
    "generate.rows=24",
    "train.steps=2",
    "evaluate.rows=4",
    "checkup.rows=2",
    "~compare.arms.random",
    "~compare.arms.full",
    "~compare.arms.other",
    "runtime.jobs=1",
    "runtime.workers=1",
    "runtime.threads=1",
)
"""Of `make smoke`: all stages and a version, in seconds."""


def test_it_uses_nobody_elses_actions() -> None:
    used = {step["uses"].partition("@")[0] for step in STEPS if "uses" in step}
    assert used == OFFICIAL
    assert {step["name"] for step in STEPS if "run" in step} == {
        "set up",
        "smoke",
        "train",
        "gate",
        "promote",
        "table",
        "verdict",
    }


def test_every_name_it_asks_for_is_given() -> None:
    text = (ROOT / "docs/ci/workflow.yaml").read_text()
    asked = set(re.findall(r"\$\{?([A-Z_]{3,})", text))
    assert asked <= {*WORKFLOW["env"], "RUNNER_TEMP", "GITHUB_OUTPUT"}


def here(command: str, outputs: Path) -> str:
    """A step's command as it runs here: this Python's factory, an environment that is set up, the outputs of earlier steps."""
    said = dict(line.split("=") for line in outputs.read_text().splitlines())
    program = f"{sys.executable} -m factory"
    command = command.replace(".venv/bin/factory", program)
    command = re.sub(r"\bmake ", f'make -o .venv/.complete FACTORY="{program}" ', command)
    return re.sub(r"\$\{\{ steps\.gate\.outputs\.(\w+) \}\}", lambda found: said[found[1]], command)


@pytest.fixture(scope="module")
def ran(full, tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    """Every step that has a command, in order, as GitHub runs them: `bash -e`."""
    place = tmp_path_factory.mktemp("ci")
    outputs = place / "outputs"
    outputs.touch()
    given = {
        "SPECIALISTS": "sql",
        "WORDS": " ".join(full.words),
        "REGISTRY": f"runtime.runs={full.runs}",
        "RUNNER_TEMP": str(place),
        "GITHUB_OUTPUT": str(outputs),
        "ARGS": " ".join(SHORT),
    }
    found = {}
    for step in STEPS:
        if "run" in step:
            command = ["bash", "-e", "-c", here(step["run"], outputs)]
            found[step["name"]] = subprocess.run(
                command, cwd=ROOT, env={**os.environ, **given}, capture_output=True, text=True, check=False
            )
    found["comment"] = (place / "comment.md").read_text()
    return found


def test_its_steps_run_here_and_end_as_they_say(ran) -> None:
    codes = {name: one.returncode for name, one in ran.items() if name != "comment"}
    assert codes == dict.fromkeys(codes, 0) | {"verdict": 5}, {name: ran[name].stderr for name in codes if codes[name]}
    assert "registered made  factory.sql.tiny version 1" in ran["smoke"].stdout
    assert "checkup    found" in ran["train"].stdout and "registered found" in ran["promote"].stdout


def test_the_comment_has_both_tables_and_the_reasons(ran) -> None:
    change, registered = ran["comment"].split("Registered:")
    for table in (change, registered):
        assert "| specialist | base | version |" in table and "| sql | tiny |" in table and "**HOLD**" in table
        assert "- sql: 24 exam rows, at least 100 wanted" in table
    assert "| 1 candidate |" in registered
