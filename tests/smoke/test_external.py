"""Who answers the external sets: the adapter that the configuration made, else the registered one; as the report has it."""

from __future__ import annotations

from pathlib import Path

from factory import config
from factory.rows import read_table
from tests.external import arms


def test_base_and_adapter_answer_as_in_the_report(full) -> None:
    asked = config.load(full.words)
    adapter = arms.adapter_of(asked)
    assert adapter == full.product("adapter") / "adapter"
    rows = read_table(full.product("report") / "answers.parquet")
    said = arms.answers(asked, adapter, [row["prompt"] for row in rows], asked.evaluate.max_new_tokens)
    assert list(said) == list(arms.ARMS)
    for arm in arms.ARMS:
        same = sum(text == row[f"{arm}_answer"] for text, row in zip(said[arm], rows, strict=True))
        assert same >= len(rows) - 1  # rows are padded in other batches: a near tie may fall otherwise
    assert said["base"] != said["adapter"]


def test_where_the_configuration_made_none_the_registered_one_answers(full, chosen: str) -> None:
    asked = config.load([*full.words, "train.steps=25", f"registry.alias={chosen}"])
    adapter = arms.adapter_of(asked)
    wanted = (full.product("adapter") / "adapter/adapter_model.safetensors").read_bytes()
    assert Path(adapter) != full.product("adapter") / "adapter"
    assert (adapter / "adapter_model.safetensors").read_bytes() == wanted
