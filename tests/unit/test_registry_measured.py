"""What a version came to on a suite is logged to its run and its model once, with the digest of the set."""

from __future__ import annotations

import json
from pathlib import Path

from factory import config, registry
from factory.store import Made, digest
from tests.products import made, products
from tests.unit.conftest import Register


def sitting(folder: Path, key: str, value: float) -> Made:
    """The product of a sitting."""
    folder.mkdir(parents=True)
    about = {"low": value - 0.1, "high": value + 0.1, "rows": 9, "groups": 5, "effective_rows": 7.5}
    found = {
        "value": value,
        "sets": "5" * 64,
        "parts": {"rouge Lsum": {"value": 0.3}},
        "pass_at": {"5": {"value": 0.6}},
    }
    found |= {"floors": {"a word": {"value": 0.2}}, "survey": {"macro F1": 0.25}, **about}
    (folder / "suite.json").write_text(json.dumps(found))
    (folder / "answers.parquet").write_bytes(b"rows")
    return made(folder, "defog", digest(key), {})


def test_a_sitting_is_logged_once_and_another_beside_it(
    asked: config.Config, register: Register, tmp_path: Path
) -> None:
    one, _ = register("one"), register("two", adapter=0.5)
    key, settings = products(tmp_path / "again", "one")["adapter"].key, asked.registry
    first = sitting(tmp_path / "sat" / "defog-1", "first", 0.5)
    assert registry.log_suite(settings, first, adapter=key) == [one.version]
    assert registry.log_suite(settings, first, adapter=key) == [one.version]
    assert registry.log_suite(settings, first, adapter="of nobody") == []
    with registry.client(settings) as ours:
        version = registry.chosen(ours, settings, one.version)
        run, model = ours.get_run(version.run_id), ours.get_logged_model(version.source.rpartition("/")[2])
        assert run.data.metrics["suite.defog"] == 0.5 and run.data.metrics["suite.defog.effective_rows"] == 7.5
        told = {metric.key: metric for metric in model.metrics}
        assert told["suite.defog"].dataset_name == "defog" and told["suite.defog"].dataset_digest == "5" * 32
        names = {name for name in told if name.startswith("suite.defog.")}
        assert {
            f"suite.defog.{name}" for name in ("rouge_Lsum", "pass_at_5", "floor_a_word", "macro_F1", "low")
        } <= names
        assert len(ours.get_metric_history(version.run_id, "suite.defog")) == 1
        assert version.tags["suite.defog"] == first.key
        assert [one.path for one in ours.list_artifacts(version.run_id, "suites/defog")] == [
            "suites/defog/answers.parquet",
            "suites/defog/suite.json",
        ]
    second = sitting(tmp_path / "sat" / "defog-2", "second", 0.75)
    assert registry.log_suite(settings, second, number=one.version) == [one.version]
    with registry.client(settings) as ours:
        assert ours.get_run(version.run_id).data.metrics["suite.defog"] == 0.75
        assert registry.chosen(ours, settings, one.version).tags["suite.defog"] == second.key


def test_a_registry_that_was_not_made_is_not_there(asked: config.Config, tmp_path: Path) -> None:
    assert registry.there(asked.registry)
    elsewhere = asked.registry.model_copy(update={"tracking_uri": f"sqlite:///{tmp_path}/none.db"})
    assert not registry.there(elsewhere)
    assert registry.there(asked.registry.model_copy(update={"tracking_uri": "http://localhost:1"}))
