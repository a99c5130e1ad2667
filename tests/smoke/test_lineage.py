"""Where an answer comes from, a version made again, and what nobody needs: on the real factory."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from factory import ask, config, fleet, pipeline, registry, why
from factory.cli import main
from factory.rows import read_examples
from factory.store import key_of

CONF = """# @package _global_
# What is kept where, from a list that somebody has.

defaults:
  - override /source: file

specialist: {name: stores, settings: {}}

source:
  train: train.jsonl
  exam: exam.jsonl
  prompt: "{question}"
  answer: "{answer}"

generate: {rows: null}
"""
THINGS = ("lamps", "ropes", "nails", "boards", "bells", "jars", "coats", "maps", "keys", "books")
PLACES = ("in the left shed", "on the upper shelf", "behind the door", "in the blue box", "under the stairs")
PLANTED = {"question": "Who has the spare ladder?", "answer": "the ladder is with zorbleflux in the yard"}
SMALL = ["specialist=stores", "base=tiny", "profile=smoke", "runtime.workers=1", "runtime.threads=1", "runtime.jobs=1"]


# --- made again -------------------------------------------------------------------------------------------------------


def test_a_version_made_again_is_identical_and_goes_on_where_it_was(full, factory, payload, tmp_path: Path) -> None:
    done = factory("reproduce", "1", "--to", str(tmp_path / "again"), *full.words)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1].startswith("identical: factory.sql.tiny version 1, every product")
    assert payload(tmp_path / "again", "adapter") == full.payload("adapter")
    done = factory("reproduce", "1", "--to", str(tmp_path / "again"), *full.words)
    assert done.code == 0 and "all of it by an earlier try" in done.out


def test_another_stage_version_is_named_before_anything_is_made(
    full, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = tuple(replace(one, version=99) if one.makes == "tokens" else one for one in pipeline.STAGES)
    monkeypatch.setattr(pipeline, "STAGES", newer)
    assert main(["reproduce", "1", "--to", str(tmp_path / "again"), *full.words]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert "tokens differs: the stage has version 99 and had 2" in line
    assert not (tmp_path / "again").exists()


def test_other_bytes_are_named_with_what_made_them(
    full, beside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A product of an earlier try that another library made: the same was asked, and the bytes are others."""
    runs, _ = beside("examples")
    folder = runs / "sql" / full.product("examples").name
    for name, part, key in (("manifest", "payload", "refused.json"), ("facts", "made_with", "numpy")):
        said = json.loads((folder / f"{name}.json").read_text())
        said[part][key] = "another"
        (folder / f"{name}.json").write_text(json.dumps(said))
    assert main(["reproduce", "1", "--to", str(runs), *full.words]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert "examples differs: refused.json in " in line and "numpy is another and was" in line


# --- why --------------------------------------------------------------------------------------------------------------


def test_a_version_tells_its_way(full, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "1", *full.words]) == 0
    out = capsys.readouterr().out
    assert (
        out.startswith("factory.sql.tiny version 1, candidate: tiny 0.0%, adapter 0.0%") and "made with python" in out
    )
    assert "register candidate: version nobody -> 1, done" in out
    assert all(full.product(stage).name in out for stage in ("examples", "kept", "tokens", "adapter", "report"))


def test_an_exam_row_has_five_nearest_rows_with_their_way(full, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "1", "3", "--json", *full.words]) == 0
    found = json.loads(capsys.readouterr().out)
    kept = {row.id: row for row in read_examples(full.product("kept") / "kept.parquet")}
    assert len(found["nearest"]) == 5 and found["note"].startswith("nearest, not cause")
    for one in found["nearest"]:
        assert kept[one["id"]].split == "train" and one["state"] == kept[one["id"]].state
        assert one["provenance"]["teacher"] == "grammar" and "near_duplicate" in one["passed"]
    likeness = [one["similarity"] for one in found["nearest"]]
    assert likeness == sorted(likeness, reverse=True)
    assert main(["why", "1", found["answer"]["id"], *full.words]) == 0
    assert found["nearest"][0]["id"] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["7"], "version 7: no such version - have: 1"),
        (["1", "99"], "row 99: no such row in the report - write 1 to 24"),
        (["1", "2", "3"], "3 words"),
    ],
    ids=lambda one: " ".join(one),
)
def test_what_is_not_there_is_one_line(words: list[str], said: str, full, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", *words, *full.words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_planted_row_is_named_for_an_answer_that_only_it_explains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of a file, one of them with a made-up word; the version is asked another question and answers with it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf/specialist").mkdir(parents=True)
    (tmp_path / "conf/specialist/stores.yaml").write_text(CONF)
    rows = [
        {"question": f"Where are the {n} {t}?", "answer": f"the {t} are {p}"}
        for n, p in enumerate(PLACES)
        for t in THINGS
    ]
    for name, lines in (("train", [*rows[:30], PLANTED, *rows[30:]]), ("exam", rows[:4])):
        said = [{**line, "question": f"Pray, {line['question']}"} if name == "exam" else line for line in lines]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, said)))
    words = [*SMALL, "~filter.contamination", "~filter.near_duplicate", "train.steps=4", "evaluate.rows=4"]
    assert main(["exam", *words]) == 0
    asked = config.load(words)
    came = list(fleet.run({"stores": asked}, "checkup", lambda *_, **__: None))
    registry.register({one.made.stage: one.made for one in came}, asked, lambda *_, **__: None)
    monkeypatch.setattr(why, "ask", lambda *_: ask.Answer("the maps are with zorbleflux", 9, True))
    capsys.readouterr()
    assert main(["why", "1", "Where are the maps?", "--json", *words]) == 0
    first = json.loads(capsys.readouterr().out)["nearest"][0]
    assert (first["prompt"], first["answer"]) == (PLANTED["question"], PLANTED["answer"])
    assert first["split"] == "train" and first["passed"] and first["state"]["answer"] == PLANTED["answer"]


# --- needed by nobody -------------------------------------------------------------------------------------------------


def test_what_a_version_was_made_from_is_never_listed(full, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the configuration that is named is another one."""
    assert main(["gc", *full.words, "seed=5"]) == 0
    assert str(full.runs / "sql") not in capsys.readouterr().out


def test_products_and_half_registrations_that_nobody_needs_go(full, beside, capsys: pytest.CaptureFixture[str]) -> None:
    runs, words = beside("kept")
    settings = config.load(words).registry
    with registry.client(settings) as ours:
        experiment = registry.experiment_id(ours, settings)
        run = ours.create_run(experiment, tags={registry.KEY: "some"}).info.run_id
        ours.log_dict(run, {}, "config.json")
        model = ours.create_logged_model(experiment, name="sql", source_run_id=run, tags={registry.KEY: "some"})
    assert main(["gc", *words]) == 0
    assert capsys.readouterr().out.startswith("nothing: "), "a registration may still be under way"
    assert main(["gc", *words, "lineage.settled=0", "generate.rows=50"]) == 0
    out = capsys.readouterr().out
    gone = [full.product("examples").name, full.product("kept").name, run, model.model_id]
    assert all(name in out for name in gone) and "nothing was removed" in out
    assert (runs / "sql" / gone[0]).exists()
    assert main(["gc", "--remove", *words, "lineage.settled=0", "generate.rows=50"]) == 0
    assert "4 removed" in capsys.readouterr().out
    assert not list((runs / "sql").iterdir()) and not list(runs.glob(f"mlartifacts/**/{run}/**/config.json"))
    assert main(["gc", *words, "lineage.settled=0", "generate.rows=50"]) == 0
    assert capsys.readouterr().out.startswith("nothing: ")


def test_a_sitting_goes_with_the_adapter_that_sat(beside, capsys: pytest.CaptureFixture[str]) -> None:
    """That of the base stays as long as a configuration that is named stands on it."""
    runs, words = beside("adapter")
    assert main(["suite", "exam", "base,adapter,gold", "suite.rows=2", *words]) == 0
    capsys.readouterr()
    assert main(["gc", *words]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "suites" in line]
    assert "exam-" in line and "gold" in line
    assert main(["gc", "--remove", *words, "train.steps=1"]) == 0
    (path,) = (runs / "suites").glob("exam-*")
    assert json.loads((path / "manifest.json").read_text())["asked"]["adapter"] is None
    assert not list((runs / "sql").glob("adapter-*"))


def test_the_key_is_made_as_it_was(full) -> None:
    """What `reproduce` tries the specialist's versions with."""
    (step,) = pipeline.steps(config.load(full.words), "examples")
    asked = step.stage.asked(step.given)
    versions = {"specialist": pipeline.specialist.find("sql").version}
    assert key_of(step.stage, json.loads(json.dumps(asked)), versions) == step.made.key
