"""The metrics of the external sets: golds score 1, known wrong answers less, floors as computed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from factory.errors import Mistake
from factory.rows import read_jsonl
from tests.external import __main__ as program
from tests.external import collie, commongen, mts_dialog, spider
from tests.external.scored import Scored, lines


@pytest.fixture(scope="module")
def dev(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[spider.Question]]:
    databases, schemas = spider.load(shared_data, tmp_path_factory.mktemp("spider"))
    return databases, spider.questions(shared_data, databases, schemas)


def test_lines_have_the_floor_the_lead_and_the_slices() -> None:
    rows = [
        Scored(str(n), str(n // 2), {"adapter": 1.0, "floor": float(n < 5)}, {"kind": "ab"[n % 2]}) for n in range(40)
    ]
    found = {(line.slice, line.arm): line for line in lines("set", rows, "floor", ["adapter", "floor"])}
    assert list(found) == [(s, a) for s in ("all", "kind: a", "kind: b") for a in ("adapter", "floor")]
    whole = found["all", "adapter"]
    assert (whole.rows, whole.floor, whole.score.value) == (40, 5 / 40, 1.0)
    assert whole.lead.value == pytest.approx(35 / 40) and whole.beaten
    assert not found["all", "floor"].beaten
    assert json.loads(json.dumps(whole.plain()))["beaten"] is True


def test_spider_golds_score_one_and_others_do_not(dev) -> None:
    databases, every = dev
    assert len(every) == 561
    part = every[::40]
    said = {
        "gold": [one.gold for one in part],
        "floor": [spider.trivial(one, databases[one.db]) for one in part],
        "nothing": ["" for _ in part],
    }
    rows = spider.scored(part, databases, said)
    means = {arm: sum(row.scores[arm] for row in rows) / len(rows) for arm in said}
    assert means["gold"] >= 0.9 and means["nothing"] == 0.0 and means["floor"] < 0.4
    assert {row.group for row in rows} == {f"{one.db}/{one.gold}" for one in part}


def test_spider_schemas_are_told_in_our_format(dev) -> None:
    prompts = {one.db: one.prompt for one in dev[1]}
    assert len(prompts) == 10
    assert prompts["pets_1"].startswith("Tables:\n- student ( stuid key , lname text , ")
    assert "- has_pet ( stuid -> student . stuid , petid -> pets . petid )" in prompts["pets_1"]
    assert "\nQuestion: How many singers do we have?" in prompts["concert_singer"] + next(
        one.prompt for one in dev[1] if one.id == "dev-0"
    )


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


def test_sections_have_names_and_are_told_by_the_turns_that_fit(shared_data: Path, words: Any) -> None:
    rows = list(mts_dialog.examples(shared_data, "test1", words))
    assert len(rows) == 200 and all(row.state is None for row in rows)
    said = {"gold": [row.answer for row in rows], "floor": ["history of present illness"] * 200}
    scores = mts_dialog.scored(rows, said)
    assert sum(row.scores["gold"] for row in scores) == 200
    published = json.loads((shared_data / "published-results/trivial_baselines.json").read_text())
    assert sum(row.scores["floor"] for row in scores) / 200 == published["mts_header_majority_test1"]
    long = next(row for row in rows if row.tags["shortened"] == "yes")
    assert long.prompt.endswith(f"\nQuestion: {mts_dialog.QUESTION}") and long.prompt.startswith("Doctor:")
    heads = {row["section_header"] for row in read_jsonl(shared_data / "medical/mts-dialog/train.jsonl")}
    assert heads == set(mts_dialog.SECTIONS) and len(set(mts_dialog.SECTIONS.values())) == 20


@pytest.fixture
def words() -> Any:
    from factory import config, models

    return models.load_tokenizer(models.tokenizer_source(config.load(["base=tiny"]).base))


def test_concepts_are_found_in_their_forms_and_a_bare_list_is_no_prose(shared_data: Path) -> None:
    of = ["catch", "dog", "run", "carry", "ride"]
    assert commongen.coverage("The dogs caught it, running; he carries what she rides.", of) == 1.0
    assert commongen.coverage("A catchy doggy runner.", of) == 0.0
    assert commongen.coverage("The dog is here.", of) == 0.2
    assert not commongen.prose(" ".join(of), of) and not commongen.prose(f"The {'dog ' * 9}.", of)
    assert commongen.prose(commongen.template(of), of)
    sets = commongen.concept_sets(shared_data)
    assert len(sets) == 200 and all(commongen.coverage(commongen.template(of), of) == 1.0 for of in sets)


def test_every_collie_example_meets_its_constraint_and_others_do_not(shared_data: Path) -> None:
    rows = list(read_jsonl(shared_data / "creative/collie/collie_english.jsonl"))
    assert all(collie.satisfied(row["example"], row) for row in rows) and len(rows) == 205
    assert not any(collie.satisfied(row["example"][:-1] + "q9", row) for row in rows)
    assert not any(collie.satisfied(f"{row['example']} {row['example']}", row) for row in rows)
    exact = [row for row in rows if row["kind"] != "english_c01"]
    assert not any(collie.satisfied(f"{row['example']}s", row) for row in exact)
    assert collie.WORD in collie.dictionary(shared_data)
    with pytest.raises(ValueError, match="no kind"):
        collie.satisfied("word", {"kind": "english_c99", "targets": [1]})


def test_the_program_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(tmp_path / "nowhere"))
    assert program.main([]) == 3
    assert "no evaluation sets" in capsys.readouterr().err


def test_a_set_without_its_adapter_says_so_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys
) -> None:
    monkeypatch.setenv("FACTORY_EVAL_DATA", str(tmp_path))
    shown = list(lines("set", [Scored("1", "1", {"adapter": 1.0, "floor": 0.0})], "floor", ["adapter"]))

    class Lacking:
        SPECIALIST = "sql"

        @staticmethod
        def run(asked: Any, place: Path, work: Path) -> tuple[list, list[str]]:
            raise Mistake("adapter", "not made", "make it")

    class There(Lacking):
        @staticmethod
        def run(asked: Any, place: Path, work: Path) -> tuple[list, list[str]]:
            return shown, ["a note"]

    monkeypatch.setattr(program, "SETS", {"lacking": Lacking, "there": There})
    assert program.main([f"runtime.runs={tmp_path}/runs"]) == 3
    said = capsys.readouterr()
    assert "lacking is not run: adapter: not made" in said.err and "a note" in said.out and "yes" in said.out
    (record,) = read_jsonl(tmp_path / "runs/external/there.jsonl")
    assert record["lines"][0]["beaten"] is True and record["notes"] == ["a note"]
    assert program.main(["there", f"runtime.runs={tmp_path}/runs"]) == 0
    assert len(list(read_jsonl(tmp_path / "runs/external/there.jsonl"))) == 2
