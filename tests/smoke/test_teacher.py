"""`factory generate` with a teacher behind HTTP: killed again and again it asks for nothing twice that was stored."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from factory.cli import main
from factory.config import load
from factory.pipeline import products
from factory.rows import read_examples
from factory.specialist import Inapplicable, find
from tests.server import Server, serving

ROOT = Path(__file__).resolve().parent.parent.parent
KILLS = 4
AT_ONCE = 8


class Retelling:
    """Tells the grammar's own rows once more, found by their question."""

    def __init__(self) -> None:
        self.task = find("sql")
        typed = self.task.typed(load(["specialist=sql"]).specialist.settings)
        self.known = {}
        for index in range(700):
            try:
                row = self.task.example(index, 0, typed, "train")
            except Inapplicable:
                continue
            self.known[self.task.telling(row.prompt)] = row

    def __call__(self, asked: dict) -> str:
        row = self.known[asked["messages"][0]["content"].rpartition("Question: ")[2].strip()]
        told = self.task.render(self.task.state(**row.state), Random(row.id), True)
        return json.dumps({"text": self.task.telling(told.messages[0]["content"])})


def words(server: Server, place: Path) -> list[str]:
    return [
        "specialist=sql",
        "teacher=endpoint",
        f"teacher.url={server.url}",
        "teacher.model=retelling",
        "+runtime.calls.prices.retelling={input: 1.0, output: 2.0}",
        f"runtime.calls.at_once={AT_ONCE}",
        "runtime.workers=1",
        f"runtime.runs={place}",
        "generate.rows=200",
        "generate.shard=64",
    ]


def test_no_stored_answer_is_asked_for_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Retelling(), faults={"slow": 1.0}, slow=0.02) as server:
        command = [sys.executable, "-m", "factory", "generate", *words(server, tmp_path)]
        for kill in range(KILLS):
            goal = len(server.asked) + 25
            child = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
            )
            while len(server.asked) < goal and child.poll() is None:
                time.sleep(0.01)
            child.send_signal(signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL, f"it ended before kill {kill}"
            time.sleep(0.2)
        assert main(["generate", *words(server, tmp_path)]) == 0
        said = capsys.readouterr().out
        asked, different = len(server.asked), len({json.dumps(one, sort_keys=True) for one in server.asked})
        assert asked - different <= KILLS * AT_ONCE
        assert main(["generate", *words(server, tmp_path)]) == 0 and len(server.asked) == asked
    made = products(load(words(server, tmp_path)), "examples")["examples"]
    counts, rows = made.manifest["counts"], read_examples(made.file("examples.parquet"))
    assert len(rows) == 200 and {row.tags["origin"] for row in rows} == {"paraphrase"}
    assert counts["candidates"] == counts["rows"] + sum(counts["refused_by"].values())
    assert "teacher: " in said and " calls, " in said


def test_a_plan_says_what_it_may_cost_and_a_budget_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Retelling()) as server:
        assert main(["plan", *words(server, tmp_path)]) == 0
        assert "teacher: 200 calls or more" in capsys.readouterr().out
        assert server.asked == []
        assert main(["generate", *words(server, tmp_path), "runtime.calls.budget=0.003"]) == 2
        assert "runtime.calls.budget=0.003" in capsys.readouterr().err
        paid = len(server.asked)
        assert 0 < paid < 200
        assert main(["generate", *words(server, tmp_path)]) == 0
        assert len(server.asked) <= 200 + 60  # refused rows are replaced; nothing that was paid for is asked again
