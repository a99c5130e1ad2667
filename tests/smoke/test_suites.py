"""The exam as a suite: base and adapter answer as in the report, and the registered version is the same one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from factory import cli, config, registry
from factory.rows import read_table


def test_base_adapter_and_version_sit_the_exam_as_in_the_report(
    full, chosen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*full.words, "runtime.offline=true"]
    assert cli.main(["suite", "exam", f"base,adapter,{chosen}", "--json", *words]) == 0
    found = {one["who"]: one for one in json.loads(capsys.readouterr().out)}
    rows = {row["id"]: row for row in read_table(full.product("report") / "answers.parquet")}
    report = json.loads((full.product("report") / "report.json").read_text())
    for who in ("base", "adapter"):
        lines = read_table(Path(found[who]["product"]) / "answers.parquet")
        assert [line["answer"] for line in lines] == [rows[line["id"]][f"{who}_answer"] for line in lines]
        assert found[who]["value"] == report[who]["value"] and found[who]["rows"] == report["rows"]
    assert found["adapter"]["over the base"] == report["difference"]
    assert found[chosen]["found"] and found[chosen]["product"] == found["adapter"]["product"]

    settings = config.load(full.words).registry
    with registry.client(settings) as ours:
        version = registry.chosen(ours, settings, chosen)
        metrics = ours.get_run(version.run_id).data.metrics
        assert metrics["suite.exam"] == found["adapter"]["value"]
        model = ours.get_logged_model(version.source.rpartition("/")[2])
        assert ("suite.exam", "exam") in {(one.key, one.dataset_name) for one in model.metrics}
        assert len(ours.get_metric_history(version.run_id, "suite.exam")) == 1
