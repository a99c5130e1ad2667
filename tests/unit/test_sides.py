"""Versions side by side, over a real registry: figures by hand, what is not recorded is said, and no answer speaks HTML."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from factory import registry
from factory.cli import main
from factory.config import Config, load
from factory.errors import Mistake
from factory.lineage import origin
from factory.pages.sides_page import cells, page
from factory.rows import write_table
from factory.sides import of_length, picked, priced, sides, usual
from factory.store import write
from tests.products import WORDS, made, products

HOSTILE = "<script>alert(1)</script>"
FIRST, SECOND = [1, 1, 0, 0, 0.5, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
"""Scores of two versions, by row."""


def answer(who: str, score: float, row: int, logprob: float | None) -> dict[str, Any]:
    """A side's part of a line: wrong answers are refused in even rows, and have wrong rows in odd ones."""
    reason = "" if score >= 1 else "refused: no such column" if row % 2 == 0 else "wrong rows on copy 3"
    told = {"answer": HOSTILE, "score": float(score), "reason": reason, "tokens": 4 + row, "stopped": row < 10}
    told |= {} if logprob is None else {"logprob": logprob}
    return {f"{who}_{name}": value for name, value in told.items()}


def line(row: int, score: float, logprobs: bool) -> dict[str, Any]:
    """A row of answers.parquet: the surer the earlier."""
    sure = -0.1 * (row + 1) if logprobs else None
    plain = {"id": str(row), "family": f"shop {row % 6}", "difficulty": ("hard", "easy")[row < 6], "balance": "x"}
    plain |= {"prompt": "Who?" * (row + 1), "gold": "SELECT 1 < 2"}
    return plain | answer("base", row == 11, row, sure) | answer("adapter", score, row, sure)


def grow(asked: Config, *scores: list[float], exams: str = "ee", rows: int = 12) -> Config:
    """Registers reports whose answers score so, the last is champion; two by default, the first without log-probabilities."""
    for number, each in enumerate(scores or (FIRST, SECOND)):
        there = products(Path(asked.runtime.runs), f"n{number}", adapter=0.4 + 0.1 * number)
        folder = there["report"].folder
        report = json.loads((folder / "report.json").read_text()) | {"exam": exams[number % len(exams)] * 64}
        (folder / "report.json").write_text(json.dumps(report))
        few = range(rows if number else 12)
        write_table(folder / "answers.parquet", [line(row, each[row], number > 0) for row in few])
        for left in ("manifest.json", "facts.json"):
            (folder / left).unlink()
        there["report"] = made(folder, "report", there["report"].key, {})
        if number:
            write(folder / "facts.json", json.dumps({"seconds_per_answer": {"base": 0.25, "adapter": 0.5}}))
        last = registry.register(there, asked, lambda *_, **__: None).version
    with registry.client(asked.registry) as ours:
        for alias in ours.get_registered_model(asked.registry.model).aliases:
            ours.delete_registered_model_alias(asked.registry.model, alias)
        ours.set_registered_model_alias(asked.registry.model, "champion", last)
    return asked


@pytest.fixture(scope="module")
def two(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A registry with two versions, which no test changes."""
    runs = tmp_path_factory.mktemp("two")
    (runs / "mlflow.db").write_bytes(empty.read_bytes())
    return grow(load([*WORDS, f"runtime.runs={runs}"]))


@pytest.fixture(scope="module")
def found(two: Config) -> dict[str, Any]:
    return sides(two, ["1", "2"])


def test_scores_differences_and_cuts_are_those_of_the_answers(found: dict[str, Any]) -> None:
    assert list(found["sides"]) == ["base", "version 1", "champion"]
    assert [one["value"] for one in found["scores"].values()] == pytest.approx([1 / 12, 2.5 / 12, 4 / 12])
    pairs = {(one["first"], one["second"]): one for one in found["differences"]}
    assert list(pairs) == [("base", "version 1"), ("base", "champion"), ("version 1", "champion")]
    last = pairs["version 1", "champion"]
    assert last["difference"]["value"] == pytest.approx(1.5 / 12)
    assert last["difference"]["low"] < last["difference"]["value"] < last["difference"]["high"]
    assert (last["mcnemar"]["gained"], last["mcnemar"]["lost"]) == (2, 0)
    assert list(found["cuts"]) == ["difficulty"] and list(found["cuts"]["difficulty"]) == ["easy", "hard"]
    easy = found["cuts"]["difficulty"]["easy"]
    assert (easy["rows"], easy["families"], easy["scores"]["champion"]["value"]) == (6, 6, pytest.approx(4 / 6))


def test_errors_are_counted_by_kind_with_samples_of_different_families(found: dict[str, Any]) -> None:
    kinds = {one["kind"]: one for one in found["errors"]}
    assert {name: one["counts"] for name, one in kinds.items()} == {
        "refused": {"base": 6, "version 1": 5, "champion": 4},
        "wrong rows": {"base": 5, "version 1": 5, "champion": 4},
    }
    samples = kinds["refused"]["samples"]
    assert [row["id"] for row in samples] == ["4", "6", "8"] and len({row["family"] for row in samples}) == 3
    assert set(samples[0]["answers"]) == {"base", "version 1", "champion"} and samples[0]["gold"] == "SELECT 1 < 2"
    assert samples[0]["answers"]["version 1"]["score"] == 0.5


def test_how_sure_it_was_is_held_against_how_right(found: dict[str, Any]) -> None:
    calibration = found["calibration"]["champion"]
    sure = [math.exp(-0.1 * (row + 1)) for row in range(12)]
    assert calibration["confidence"] == pytest.approx(sum(sure) / 12)
    assert calibration["auroc"] == 1, "the four right answers are the surest"
    assert calibration["error"] > 0 and sum(one["rows"] for one in calibration["bins"]) == 12
    assert found["calibration"]["base"]["auroc"] == 0, "its right answer is the least sure"


def test_what_older_evidence_lacks_is_said_and_never_a_number(found: dict[str, Any]) -> None:
    assert found["calibration"]["version 1"] is None
    assert found["costs"]["version 1"]["seconds_per_answer"] is None
    assert (
        found["costs"]["base"]["seconds_per_answer"] == 0.25 and found["costs"]["champion"]["seconds_per_answer"] == 0.5
    )
    assert page(found).count("not recorded") == 7  # three of calibration, one of seconds, and no machine is known
    assert "not recorded" not in page(found | {"calibration": {}, "costs": {}})


def test_length_is_told_by_fifths_and_by_rank() -> None:
    found = of_length([5, 1, 4, 2, 3, 6, 7, 8, 9, 10], [0, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    assert [(one["low"], one["high"], one["rows"], one["score"]) for one in found["fifths"]][:2] == [
        (1, 2, 2, 1),
        (3, 4, 2, 0),
    ]
    assert found["correlation"] == pytest.approx(-0.696, abs=1e-3)
    assert of_length([3, 3, 3], [0, 1, 0])["correlation"] is None
    assert [one["rows"] for one in of_length([1, 2], [0, 1])["fifths"]] == [1, 1]


def test_costs_are_counted(found: dict[str, Any]) -> None:
    cost = found["costs"]["champion"]
    assert (cost["tokens"], cost["tokens_per_answer"], cost["cut_off"]) == (114, 9.5, 2)
    assert cost["adapter_bytes"] == 2048 and found["costs"]["base"]["adapter_bytes"] is None


def test_money_is_seconds_at_a_price(two: Config, found: dict[str, Any]) -> None:
    """0.5 and 0.25 seconds at 3.60 an hour are 0.50 and 0.25 for a thousand; who has no seconds costs nothing that is known."""
    runtime = two.runtime.model_copy(update={"price_per_hour": 3.6})
    priced = sides(two.model_copy(update={"runtime": runtime}), ["1", "2"])
    cost = {name: one["cost_per_1000"] for name, one in priced["costs"].items()}
    assert cost == {"base": pytest.approx(0.25), "version 1": None, "champion": pytest.approx(0.5)}
    assert [cells(priced, name)[-1] for name in priced["sides"]] == ["0.25", "-", "0.5"]
    assert "Money for 1,000 answers" in page(priced) and "at 3.6 an hour" in page(priced)
    assert {one["cost_per_1000"] for one in found["costs"].values()} == {None}
    assert "Money for" not in page(found) and "no <code>runtime.price_per_hour</code> is set" in page(found)


def test_one_price_for_two_machines_is_said(two: Config) -> None:
    first, second = (origin(two, number) for number in ("1", "2"))
    assert priced([first, second]) == [], "none is recorded of either"
    report = replace(first.products["report"], made_with={"cpu": "another", "threads": 1})
    other = replace(first, products={**first.products, "report": report})
    assert priced([other, second]) == ["they were evaluated on different machines, and runtime.price_per_hour is one"]


def test_the_champion_and_the_one_beside_it_are_meant_where_none_is_named(asked: Config) -> None:
    grow(asked, FIRST, SECOND, SECOND)
    assert usual(asked.registry) == ["3", "2"]
    registry.promote(asked.registry, "1", "challenger", "a look")
    assert usual(asked.registry) == ["3", "1"] and list(sides(asked)["sides"]) == ["base", "champion", "challenger"]
    registry.retire(asked.registry, "1", "enough")
    assert usual(asked.registry) == ["3", "2"]


def test_where_nobody_is_registered_the_registry_says_so(asked: Config) -> None:
    with pytest.raises(Mistake, match="no such registered model"):
        sides(asked)


def test_another_exam_is_no_comparison(asked: Config) -> None:
    grow(asked, exams="ef")
    with pytest.raises(
        Mistake, match="different exams cannot be held side by side: version 1 sat eeeeeeeeee and version 2"
    ):
        sides(asked, ["1", "2"])
    assert usual(asked.registry) == ["2"], "what was not asked for is left out"
    with pytest.raises(Mistake, match="is named twice"):
        sides(asked, ["2", "champion"])


def test_rows_that_one_did_not_answer_are_left_out_and_it_is_said(asked: Config) -> None:
    found = sides(grow(asked, rows=8), ["1", "2"])
    assert found["rows"] == 8 and found["scores"]["version 1"]["value"] == pytest.approx(2.5 / 8)
    assert found["notes"] == ["factory.sql.tiny version 1 answered 12 rows, of which 8 are compared"]


def test_samples_come_from_other_families_as_far_as_there_are(found: dict[str, Any]) -> None:
    rows = [{"family": name} for name in "aaabc"]
    assert picked(rows, "x", [["x"] * 5]) == [0, 3, 4]
    assert picked(rows[:3], "x", [["x"] * 3]) == [0, 1, 2]
    assert picked(rows, "x", [["x"] * 5, [None, "x", None, None, "x"]]) == [1, 4, 3]


class Tags(HTMLParser):
    """Elements that are still open, and every attribute."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_an_answer_cannot_speak_html(found: dict[str, Any]) -> None:
    text = page(found)
    tags = Tags(text)
    assert not tags.open and not tags.attributes & {"src", "href", "onclick", "onload"}
    assert "url(" not in text and "@import" not in text and "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text and "SELECT 1 &lt; 2" in text
    plain = text.replace("\u00a0", " ")
    for figure in ("8.3 %", "20.8 %", "33.3 %", "+12.5", "champion − version 1", "66.7 %", "0.250", "9.5"):
        assert figure in plain
    assert text == page(json.loads(json.dumps(found))), "the data alone makes the page"


def test_the_verb_writes_the_page_or_says_the_data(two: Config, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["base=tiny", "profile=smoke", f"runtime.runs={two.runtime.runs}"]
    assert main(["report", *words]) == 0
    said = capsys.readouterr().out
    assert "champion" in said and "not recorded" in said
    assert (Path(two.runtime.runs) / "sql" / "versions-tiny-2-1.html").read_text().startswith("<!DOCTYPE html>")
    assert main(["report", "1", *words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert list(data["sides"]) == ["base", "version 1"] and data["calibration"]["version 1"] is None
    place = Path(two.runtime.runs) / "mine" / "page.html"
    assert main(["report", "champion", *words, "--to", str(place)]) == 0 and place.exists()
    assert main(["report", "1", "2", "3", *words]) == 2
    assert main(["report", "9", *words]) == 2
    assert "no such version - have: 1, 2" in capsys.readouterr().err
