"""`factory judge` on the real report and the registered version: killed again and again it pays for nothing twice."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from factory.cli import main
from factory.rows import read_table
from tests.server import serving

KILLS, AT_ONCE = 2, 4


def first(asked: dict) -> str:
    """Whichever answer is told first."""
    text = asked["messages"][0]["content"]
    pair = json.loads(text.rpartition("\n<pair>\n")[2].partition("\n</pair>")[0])
    return json.dumps({"better": pair["answers"][0]["id"]})


def test_a_killed_judge_pays_for_nothing_twice(full, start, chosen: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(first, faults={"slow": 1.0}, slow=0.02) as server:
        words = [
            *full.words,
            f"judge.url={server.url}",
            "judge.model=first",
            "judge.known=32",
            "+runtime.calls.prices.first={input: 1.0, output: 2.0}",
            f"runtime.calls.at_once={AT_ONCE}",
        ]
        for _ in range(KILLS):
            goal = len(server.asked) + 20
            running = start("judge", *words)
            running.waits_for(lambda goal=goal: len(server.asked) >= goal)
            os.killpg(running.process.pid, signal.SIGKILL)
            assert running.done().code == -signal.SIGKILL
        assert main(["judge", *words, "--json"]) == 0
        found, asked = json.loads(capsys.readouterr().out), len(server.asked)
        different = len({json.dumps(one, sort_keys=True) for one in server.asked})
        assert different == 2 * (found["asked"] + 32) and asked - different <= KILLS * AT_ONCE
        assert found["calls"]["found"] >= 20 and found["rows"] == 24

        assert main(["judge", chosen, "base", *words, "--json"]) == 0
        version = json.loads(capsys.readouterr().out)
        assert len(server.asked) == asked, "the same answers, whoever is said to have given them"
    assert version["a"]["name"] == f"version {version['a']['place'].rpartition(' ')[2]}", "not by an alias, which moves"
    texts = [
        [(one["id"], one["a"], one["b"], one["verdict"]) for one in read_table(Path(each["product"]) / "pairs.parquet")]
        for each in (found, version)
    ]
    assert texts[0] == texts[1] and found["product"] != version["product"]
    assert found["says_nothing"] and found["position"]["leans"] == "first" and found["win_rate"] is None

    assert main(["judge", "adapter", chosen, *words]) == 2
    assert "gave the same answer to every row that both answered: there is nothing" in capsys.readouterr().err.replace(
        " - ", ": "
    )
