"""Suites: golds score 1 and all-wrong answers 0, whatever is left out is named, and what is missing is one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from factory import cli, config, human, suites
from factory.errors import Mistake
from factory.records import Score
from factory.rows import read_jsonl, read_table, write_jsonl
from factory.suites import Row, Untold, figures, spider
from factory.suites.asking import Said
from factory.suites.sitting import Sitter, graded, sat, sit, summary
from factory.suites.who import sitter

WORDS = ("base=tiny", "profile=smoke")
OUTSIDE = ("spider", "spider_syn", "spider_realistic", "spider_dk", "defog", "mts_dialog", "mts_notes", "aci_bench")
OUTSIDE += ("pubmedqa", "meqsum", "collie", "commongen", "blimp", "arc_easy", "piqa")
SPEAKING = ("VERSION", "ASKED", "rows", "grade", "floors")


@pytest.fixture
def sets(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of evaluation sets, as the environment names it."""
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(shared_data))
    return shared_data


Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`factory suite`, and what it says as data."""

    def run(*words: str, code: int = 0) -> list[dict[str, Any]]:
        capsys.readouterr()
        assert cli.main(["suite", *words, "--json", *WORDS, f"runtime.runs={tmp_path}"]) == code
        return json.loads(capsys.readouterr().out)

    return run


@pytest.mark.usefixtures("sets")
@pytest.mark.parametrize("name", OUTSIDE)
def test_golds_come_to_one_and_wrong_answers_to_nought(run: Run, name: str) -> None:
    count = 2 if name in ("aci_bench", *OUTSIDE[1:4]) else 4
    gold, wrong = run(name, "gold,wrong", f"suite.rows={count}")
    assert (gold["value"], wrong["value"]) == (1.0, 0.0)
    for one in (gold, wrong):
        assert one["rows"] + len(one["left"]["not told"]) == count and not one["left"]["not asked"]
        assert 1 <= one["effective_rows"] <= one["groups"] <= one["rows"]
        lines = read_table(Path(one["product"]) / "answers.parquet")
        assert [line["verdict"] for line in lines] == [{"gold": "right", "wrong": "wrong"}[one["who"]]] * count
        assert all(line["prompt"] is not None and line["answer"] is not None for line in lines)
    assert gold["sets"] == wrong["sets"] and all(one["floors"] for one in (gold, wrong))


@pytest.mark.parametrize("specialist", ["sql", "medical", "creative"])
@pytest.mark.parametrize("name", ["exam", "held_out"])
def test_the_exam_and_held_out_templates_are_suites_too(run: Run, name: str, specialist: str) -> None:
    gold, wrong = run(name, "gold,wrong", "suite.rows=4", f"specialist={specialist}")
    assert (gold["value"], wrong["value"], gold["rows"]) == (1.0, 0.0, 4)
    if name == "held_out":
        assert list(gold["slices"]["rendering"]) == ["held out"]
        exam = {row["id"] for row in read_jsonl(Path("factory/specialists") / specialist / "exam.jsonl")}
        assert not exam & {line["id"] for line in read_table(Path(gold["product"]) / "answers.parquet")}


def test_a_second_call_finds_what_the_first_made(run: Run) -> None:
    first, again = run("exam", "gold", "suite.rows=4")[0], run("exam", "gold", "suite.rows=4")[0]
    assert not first.pop("found") and again.pop("found") and first == again
    other = run("exam", "gold", "suite.rows=5")[0]
    assert other["product"] != first["product"]


def test_where_no_sets_are_it_says_how_they_lie(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(tmp_path / "nowhere"))
    assert run("spider", "gold", code=2) == []
    folder = tmp_path / "sets"
    folder.mkdir()
    assert cli.main(["suite", "spider,exam", "gold", f"suite.folder={folder}", "suite.rows=2", *WORDS,
                     f"runtime.runs={tmp_path}"]) == 2  # fmt: skip
    said = capsys.readouterr()
    assert "sql/spider/dev.jsonl: suite spider has no such file - docs/decisions/suites.md" in said.err
    assert len(said.err.splitlines()) == 1 and "exam" in said.out  # the others go on


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "which suites, and who sits them?"),
        (("a", "b", "c"), "which suites"),
        (("spidr",), "did you mean 'spider'?"),
        (("exam", "gold", "suite.samples=3"), "temperature"),
        (("exam", "gold", "suite.pass_at=[2]"), "needs as many samples"),
        (("exam", "nobody"), "nobody of that name, and no registry at"),
        (("exam", "adapter"), "no adapter of this configuration yet"),
        (("own_text", "gold", "suite.file=none.jsonl"), "has no such file"),
        (("held_out", "gold", "suite.rows=null"), "drawn rows have no end"),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["suite", *words, *WORDS, f"runtime.runs={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert line in said and len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{not json", "is not laid out as suite meqsum reads it: JSONDecodeError"),
        ('{"id": "1", "question": "how"}', "is not laid out as suite meqsum reads it: KeyError: 'summary'"),
        ('["a list"]', "is not laid out as suite meqsum reads it: TypeError"),
        ('{"id": "1", "question": 3, "summary": "s"}', "is not laid out as suite meqsum reads it: AttributeError"),
        ("", "has no rows"),
        ('{"id": "1", "question": "q", "summary": "s"}\n' * 2, "has two rows 1"),
    ],
)
def test_a_set_that_is_written_otherwise_is_one_line(
    text: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "medical/meqsum").mkdir(parents=True)
    (tmp_path / "medical/meqsum/meqsum_first700.jsonl").write_text(text)
    words = ["suite", "meqsum", "gold", f"suite.folder={tmp_path}", f"runtime.runs={tmp_path}/runs", *WORDS]
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert line in said and len(said.splitlines()) == 1 and not list(tmp_path.rglob("suite.json"))


@pytest.mark.usefixtures("sets")
def test_a_set_without_right_answers_says_so(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ifeval", "gold", "suite.rows=3", code=2) == []
    (wrong,) = run("ifeval", "wrong", "suite.rows=12")
    assert wrong["value"] == 0 and set(wrong["survey"].values()) == {0.0} and "instructions" in wrong["survey"]


def test_a_check_that_does_not_come_out_is_no_success(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from factory.suites import exam

    monkeypatch.setattr(exam, "grade", lambda rows, answers: [[Score(0.5, "so so")] for _ in rows])
    (gold,) = run("exam", "gold", "suite.rows=3", code=2)
    assert gold["value"] == 0.5 and gold["wrong_because"] == {"so so": 3}


def test_every_suite_is_named_as_its_file_and_its_kind_answers() -> None:
    assert len(suites.names()) >= 18
    for name in suites.names():
        suite = yaml.safe_load((config.conf_dir() / "suite" / f"{name}.yaml").read_text())
        assert suite["name"] == name
        kind = suites.find(suite["kind"])
        assert [word for word in SPEAKING if not hasattr(kind, word)] == ["grade"] * (kind.ASKED == "loss")
        assert suite.get("file") or hasattr(kind, "files")
        assert kind.ASKED in ("answers", "choices", "loss")


def suite_of(**changed: Any) -> config.Suite:
    return config.load(list(WORDS)).suite.model_copy(update=changed)


def scored(values: list[float], groups: list[str], samples: int = 1) -> list[figures.Scored]:
    return [figures.Scored(str(n), group, {}, [Score(value)] * samples) for n, (value, group) in
            enumerate(zip(values, groups, strict=True))]  # fmt: skip


def test_effective_rows_are_between_groups_and_rows() -> None:
    groups = [str(n // 2) for n in range(40)]
    alike, apart = [float(n // 2 % 2) for n in range(40)], [float(n % 2) for n in range(40)]
    assert figures.effective(alike, groups) == pytest.approx(20)  # twins: 20 independent rows
    assert figures.effective(apart, groups) == pytest.approx(40)
    assert figures.effective([1.0] * 40, groups) == pytest.approx(20)  # nothing seen: the worst
    assert figures.effective([1.0] * 40, [str(n) for n in range(40)]) == pytest.approx(40)


def test_none_of_a_hundred_is_not_certainly_none() -> None:
    found = figures.estimate(
        scored([0.0] * 100, [str(n) for n in range(100)]), [0.0] * 100, suite_of(confidence=0.95), 0
    )
    assert (found["value"], found["low"]) == (0.0, 0.0) and found["high"] == pytest.approx(0.0362, abs=1e-4)
    every = figures.unanimous(1.0, 100, 0.95)
    assert every.low == pytest.approx(1 - 0.0362, abs=1e-4) and every.high == 1.0


@pytest.mark.parametrize(("n", "right", "k"), [(5, 2, 1), (5, 2, 3), (6, 1, 4), (4, 0, 2), (4, 4, 2), (5, 4, 3)])
def test_pass_at_k_is_the_share_of_choices_with_a_right_one(n: int, right: int, k: int) -> None:
    row = figures.Scored("a", "a", {}, [Score(float(i < right)) for i in range(n)])
    drawn = list(combinations(range(n), k))
    assert row.passed(k) == pytest.approx(sum(any(i < right for i in one) for one in drawn) / len(drawn))


def test_rows_that_nobody_can_be_graded_on_are_named_and_no_part_of_the_score() -> None:
    rows = [Row(str(n), str(n), "q", "yes", "no") for n in range(3)]

    class Kind:
        ASKED = "answers"

        @staticmethod
        def grade(rows: list[Row], answers: list[list[str]]) -> list[list[Any]]:
            def one(row: Row, text: str) -> Any:
                return (
                    Untold("a tie") if row.id == "1" else Score(float(text == "yes"), "" if text == "yes" else "no: no")
                )

            return [[one(row, text) for text in texts] for row, texts in zip(rows, answers, strict=True)]

    said = [Said(["yes"], [1], [True]), Said(["yes"], [1], [True]), Said(["no"], [1], [True])]
    floors = {"never": ["no"] * 3, "chance": [0.25] * 3}
    grades = graded(Kind, rows, said, floors, lambda *_, **__: None)
    found = summary(Kind, suite_of(), rows, said, grades, 0)
    assert (found["rows"], found["value"], found["set_rows"]) == (2, 0.5, 3)
    assert found["left"] == {"not asked": {}, "not told": {"1": "a tie"}}
    assert {name: floor["value"] for name, floor in found["floors"].items()} == {"never": 0.0, "chance": 0.25}
    assert found["wrong_because"] == {"no": 1}


def test_a_set_of_which_nothing_could_be_asked_has_no_score() -> None:
    refused = Said([], [], [], refused="too long")
    found = summary(suites.find("exam"), suite_of(), [Row("1", "1", "q", "a", "b")], [refused], [([], {})], 0)
    assert found["value"] is None and found["left"]["not asked"] == {"1": "too long"}


def test_spider_schemas_are_told_in_our_format(sets: Path) -> None:
    rows = spider.rows(sets, config.load(["suite=spider"]).suite, None, 0)
    prompts = {row.about[2]: row.prompt for row in rows}
    assert len(rows) == 561 and len(prompts) == 10
    assert prompts["pets_1"].startswith("Tables:\n- student ( stuid key , lname text , ")
    assert "- has_pet ( stuid -> student . stuid , petid -> pets . petid )" in prompts["pets_1"]
    assert rows[0].prompt.endswith("\nQuestion: How many singers do we have?")
    by_gold, by_database = ({row.group for row in spider.rows(sets, suite, None, 0)} for suite in (
        suite_of(name="spider", file="sql/spider/dev.jsonl", by=by) for by in ("gold", "database")))  # fmt: skip
    assert len(by_database) == 10 and 280 < len(by_gold) < 310


@pytest.mark.parametrize(
    ("query", "kind", "hardness"),
    [
        ("SELECT count(*) FROM singer", "single table", "1 easy"),
        ("SELECT name , age FROM singer ORDER BY age DESC", "single table", "2 medium"),
        ("SELECT a FROM t WHERE b BETWEEN 1 AND 2", "single table", "1 easy"),
        ("SELECT T1.a FROM t AS T1 JOIN u AS T2 ON T1.i = T2.i WHERE T2.b = 'or'", "join", "2 medium"),
        ("SELECT c , count(*) FROM t GROUP BY c", "single table, grouped", "2 medium"),
        ("SELECT a FROM t WHERE b > (SELECT avg(b) FROM t)", "nested", "3 hard"),
        ("SELECT a FROM t WHERE b = 1 UNION SELECT a FROM t WHERE b = 2", "set operation", "3 hard"),
    ],
)
def test_spider_slices(query: str, kind: str, hardness: str) -> None:
    assert (spider.kind(query), spider.hardness(query)) == (kind, hardness)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("SELECT 1", "SELECT 1"),
        ("Here:\n```sql\nSELECT 1;\n```\nIt counts.", "SELECT 1;"),
        ("```\nSELECT 2", "SELECT 2"),
    ],
)
def test_a_query_is_found_between_fences(text: str, query: str) -> None:
    assert spider.query_of(text) == query


def test_a_folder_with_an_adapter_is_one_who_sits(tmp_path: Path) -> None:
    from tests.products import products

    folder = products(tmp_path)["adapter"].folder / "adapter"
    asked = config.load([*WORDS, f"runtime.runs={tmp_path}"])
    one, other = sitter(asked, str(folder)), sitter(asked, "base")
    assert one.adapter is not None and str(one.adapter.path) == str(folder) and other.adapter is None
    assert human.PLACE.parts[-1] == "data" and isinstance(one, Sitter)


def test_conversations_of_ones_own_are_read_turn_by_turn(tmp_path: Path) -> None:
    from factory.suites import own_text

    turns = [{"role": role, "content": role[0] + str(n)} for n in range(2) for role in ("user", "assistant")]
    write_jsonl(tmp_path / "own.jsonl", [{"lesson": "l", "messages": turns}])
    suite = suite_of(file=str(tmp_path / "own.jsonl"))
    rows = own_text.rows(Path(), suite, None, 0)
    assert [len(row.chat) for row in rows] == [2, 4] and {row.group for row in rows} == {"0"}
    write_jsonl(tmp_path / "own.jsonl", [{"text": "none"}])
    with pytest.raises(Mistake, match="has no answers"):
        own_text.rows(Path(), suite, None, 0)


def test_a_sitting_has_one_key_whatever_folder_its_sets_are_in(tmp_path: Path) -> None:
    asked = config.load([*WORDS, f"runtime.runs={tmp_path}", "suite.rows=2"])
    other = asked.model_copy(update={"suite": asked.suite.model_copy(update={"folder": str(tmp_path)})})
    made = [
        sat(one, suites.source(one), Sitter("gold", check="gold"), lambda *_, **__: None)[0] for one in (asked, other)
    ]
    assert made[0] == made[1] and replace(made[0]).stage == "exam" and callable(sit)
