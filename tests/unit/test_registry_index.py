"""The index says what MLflow says, and says it at once; tables, filters and JSON are read from it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from factory import registry
from factory.cli import main
from factory.display import age, spark
from factory.errors import Mistake
from factory.registry import index
from factory.registry.index import Fleet, Row
from tests.products import WORDS

ROW = Row(
    model="factory.sql.tiny",
    version=1,
    specialist="sql",
    base="tiny",
    aliases=(),
    created="2026-01-01T00:00:00Z",
    score=0.4,
    score_base=0.1,
    difference=0.3,
    low=0.2,
    high=0.4,
    exam="e",
    rows=100,
    rank=8,
    method="QLoRA",
    bytes=2048,
    gate="promote",
    reasons=(),
    retired="",
    keys={"report": "ab"},
    run="r",
)


def test_it_says_what_mlflow_says(asked, register) -> None:
    for name, score in (("one", 0.4), ("two", 0.12), ("three", 0.5)):
        register(name, adapter=score)
    registry.promote(asked.registry, "1", "challenger", "a look")
    found = registry.fleet(asked.registry)
    with registry.client(asked.registry) as ours:
        tags = [version.tags for version in reversed(registry.versions(ours, asked.registry.model))]
        past = registry.history(ours, asked.registry.model)
    assert [row.version for row in found.rows] == [1, 2, 3]
    assert [row.aliases for row in found.rows] == [("challenger",), ("candidate",), ("champion",)]
    assert [row.gate for row in found.rows] == ["promote", "reject", "promote"]
    assert [one["validation_status"] for one in tags] == ["passed", "failed", "passed"]
    assert [f"{row.score:.6f}" for row in found.rows] == [one["score_adapter"] for one in tags]
    assert [f"{row.difference:+.6f} [{row.low:+.6f}, {row.high:+.6f}]" for row in found.rows] == [
        one["difference"] for one in tags
    ]
    assert [row.keys["report"] for row in found.rows] == [one["factory.key"] for one in tags]
    assert found.rows[1].reasons[0].startswith("over version 1, which holds the alias")
    assert (
        [one["after"] for one in found.events[asked.registry.model]]
        == [one.after for one in past]
        == ["1", "2", "3", "1"]
    )
    assert index.leader(found.rows, "champion").version == 3


def test_an_index_that_was_lost_is_made_anew_with_all_that_mlflow_says(asked, register) -> None:
    """Every column, from MLflow's own answers: a column that is forgotten here fails."""
    for name, score in (("one", 0.4), ("two", 0.12)):
        register(name, adapter=score)
    before = registry.fleet(asked.registry)
    Path(asked.registry.index).unlink()
    found = registry.fleet(asked.registry)
    assert found.rows == before.rows and found.events == before.events
    with registry.client(asked.registry) as ours:
        stored = [ours.get_model_version(asked.registry.model, number) for number in ("1", "2")]
        held = registry.aliases(ours, asked.registry.model)
        past = [vars(event) for event in registry.history(ours, asked.registry.model)]
    assert found.events == {asked.registry.model: past}
    for row, version in zip(found.rows, stored, strict=True):
        tags = version.tags
        said = {name: tags[name] for name in ("specialist", "base", "exam", "method")}
        figures = {"rows": "exam_rows", "rank": "rank", "bytes": "adapter_bytes"}
        wanted = said | {name: int(tags[tag]) for name, tag in figures.items()}
        wanted |= {
            "score": float(tags["score_adapter"]),
            "score_base": float(tags["score_base"]),
            "run": version.run_id,
        }
        wanted |= {"model": version.name, "version": int(version.version), "retired": ""}
        wanted |= {
            "aliases": tuple(held.get(str(version.version), ())),
            "created": index.stamped(version.creation_timestamp / 1000),
        }
        wanted |= dict(
            zip(("difference", "low", "high"), map(float, re.findall(r"[+-][\d.]+", tags["difference"])), strict=True)
        )
        wanted |= {"keys": {name.removesuffix("_key"): key for name, key in tags.items() if name.endswith("_key")}}
        verdict = registry.stored_verdict(version)
        assert row.plain() == wanted | {"gate": verdict.word.lower(), "reasons": verdict.reasons}


def test_it_is_made_anew_when_mlflow_knows_more_and_only_then(asked, register, monkeypatch: pytest.MonkeyPatch) -> None:
    register("one")
    assert len(registry.fleet(asked.registry).rows) == 1
    with monkeypatch.context() as patch:
        patch.setattr(index, "client", None)  # would be called
        assert len(registry.fleet(asked.registry).rows) == 1
    with registry.client(asked.registry) as ours:
        ours.set_registered_model_alias(asked.registry.model, "elsewhere", "1")
    assert registry.fleet(asked.registry).rows[0].aliases == ("champion", "elsewhere")
    Path(asked.registry.index).write_bytes(b"no database")
    assert registry.fleet(asked.registry).rows[0].aliases == ("champion", "elsewhere")


def test_no_database_is_an_empty_fleet_and_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["registry", *WORDS, f"runtime.runs={tmp_path}"]) == 0
    assert capsys.readouterr().out.endswith("mlflow.db: `factory run` registers one\n") and not list(tmp_path.iterdir())


def test_a_thousand_versions_are_read_at_once(tmp_path: Path) -> None:
    rows = [replace(ROW, version=n, score=n / 1000, aliases=("champion",) if n == 999 else ()) for n in range(1, 1001)]
    path = tmp_path / "index.db"
    index.save(path, {"scheme": index.SCHEME, "address": "x", "stamp": "", "read": 1.0}, rows, [])
    before = time.process_time()
    found = index.read(path)
    assert time.process_time() - before < 0.1
    assert found.rows == tuple(rows) and index.leader(found.rows, "champion").version == 999


def test_reading_needs_no_mlflow(tmp_path: Path) -> None:
    index.save(tmp_path / "index.db", {"address": "x", "read": 1.0}, [ROW], [])
    code = (
        "import sys; from pathlib import Path; from factory.registry import index; "
        "index.read(Path(sys.argv[1])); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "index.db")], capture_output=True, text=True, check=True
    )
    assert not {"mlflow", "torch", "sqlalchemy"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], [1, 2, 3]),
        (["sql"], [1, 2]),
        (["specialist=medical"], [3]),
        (["@champion"], [2]),
        (["alias=champion"], [2]),
        (["alias!=champion"], [1, 3]),
        (["gate=reject"], [1]),
        (["rank>=16"], [3]),
        (["rank<16", "score>0.4"], [2]),
        (["nothing"], []),
    ],
)
def test_filters(words: list[str], wanted: list[int]) -> None:
    rows = (
        replace(ROW, gate="reject"),
        replace(ROW, version=2, score=0.5, aliases=("champion",)),
        replace(ROW, version=3, model="factory.medical.tiny", specialist="medical", rank=16),
    )
    assert [row.version for row in index.filtered(Fleet("x", 0.0, rows, {}), words).rows] == wanted


@pytest.mark.parametrize(("alias", "stands"), [("champion", 1), ("best", 2), ("none", 3)])
def test_who_stands_for_a_model_is_who_holds_the_guarded_alias(alias: str, stands: int) -> None:
    rows = (
        replace(ROW, aliases=("champion",)),
        replace(ROW, version=2, aliases=("best",)),
        replace(ROW, version=3, aliases=("challenger",)),
        replace(ROW, version=4),
    )
    whole = Fleet("x", 0.0, rows, {})
    assert index.leader(rows, alias).version == whole.plain(alias)["models"][0]["shown"] == stands


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("scor>0.5", "scor>0.5: no such column - did you mean 'score'?"),
        ("score>much", "score>much: 'much' is no number"),
        ("base>3", "base>3: is a column of words - write = or != and the word"),
    ],
)
def test_a_filter_that_is_none(word: str, said: str) -> None:
    with pytest.raises(Mistake) as error:
        index.filtered(Fleet("x", 0.0, (ROW,), {}), [word])
    assert str(error.value).startswith(said)


def test_the_tables_and_the_same_as_json(asked, register, capsys: pytest.CaptureFixture[str]) -> None:
    for name, score in (("one", 0.3), ("two", 0.12), ("three", 0.5)):
        register(name, adapter=score)
    words = [*WORDS[1:], f"runtime.runs={asked.runtime.runs}"]
    assert main(["registry", *words]) == 0
    first, heads, line = capsys.readouterr().out.splitlines()
    assert first.endswith("mlflow.db, 3 versions of 1 models") and heads.split()[:3] == [
        "specialist",
        "base",
        "version",
    ]
    assert re.fullmatch(
        r"sql +tiny +3 champion +50\.0% +\+40\.0 \[\+35\.0, \+45\.0\] +16 +2 KiB +\d+ \w+ +promote +▄▁█ *", line
    )
    assert main(["registry", "base=tiny", *words]) == 0
    out = capsys.readouterr().out
    assert "factory.sql.tiny" in out and "register champion: 1 -> 3" in out and "the gate passes" in out
    assert [line.split()[:3] for line in out.splitlines()[2:5]] == [
        ["3", "champion", "promote"],
        ["2", "candidate", "reject"],
        ["1", "promote", "10.0%"],
    ]
    assert main(["registry", "--json", *words]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert model["shown"] == 3 and model["scores"] == [0.3, 0.12, 0.5] and len(model["events"]) == 3
    assert model["versions"][1]["aliases"] == ["candidate"] and model["versions"][1]["keys"]["report"]
    assert main(["registry", "gate=reject", "--json", *words]) == 0
    assert [one["version"] for one in json.loads(capsys.readouterr().out)["models"][0]["versions"]] == [2]


def test_a_server_that_is_away_leaves_what_was_read(asked, register, capsys: pytest.CaptureFixture[str]) -> None:
    away = "registry.tracking_uri=http://127.0.0.1:9"
    words = [*WORDS[1:], f"runtime.runs={asked.runtime.runs}", away]
    assert main(["registry", *words]) == 3
    assert "nothing is lost" in capsys.readouterr().err
    index.save(Path(asked.registry.index), {"scheme": index.SCHEME, "address": away, "read": 1.0}, [ROW], [])
    assert main(["registry", *words]) == 0
    said = capsys.readouterr()
    assert "sql" in said.out and said.err.endswith("this is what it held at 1970-01-01T00:00:01Z\n")


def test_spark_and_age() -> None:
    assert spark([0.1, 0.2, 0.8]) == "▁▂█" and spark([0.5]) == "▄" and len(spark([0.1] * 50)) == 20
    assert age("2000-01-01T00:00:00Z").endswith(" d")
