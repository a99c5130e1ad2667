"""The card of a version is one that the hub's own library reads."""

from __future__ import annotations

import pytest
from huggingface_hub import ModelCard

from factory import config
from factory.registry.card import card, licence
from tests.products import between

REPORT = {"rows": 4, "families": 2, "confidence": 0.95, "notice": ""}
REPORT |= {"base": between(0.1), "adapter": between(0.4), "difference": between(0.3)}


def read(*words: str) -> ModelCard:
    return ModelCard(card(config.load(list(words)), REPORT))


def test_the_head_is_read_whole() -> None:
    data = read("base=qwen3-0.6b", "runtime.offline=false").data
    assert (data.base_model, data.license, data.library_name) == ("Qwen/Qwen3-0.6B", "apache-2.0", "peft")
    assert data.pipeline_tag == "text-generation" and data.tags == ["lora", "peft", "sql", "qwen3-0.6b"]
    assert data.to_dict()["base_model_relation"] == "adapter"
    assert [(one.metric_name, one.metric_value) for one in data.eval_results] == [
        ("score", 0.4),
        ("score of the base", 0.1),
        ("adapter - base", 0.3),
    ]
    assert {one.dataset_name for one in data.eval_results} == {
        "sql exam"
    } and data.model_name == "factory.sql.qwen3-0.6b"


def test_a_base_of_this_disk_is_not_named_as_one_of_the_hub() -> None:
    found = read("base=nano")
    assert found.data.base_model is None and "Its base is nano (data/base/nano)" in found.text


def test_the_rows_of_a_hub_are_named() -> None:
    words = ("source=hub", "source.dataset=owner/rows", "source.revision=abc", "source.train=train")
    assert read(*words).data.datasets == ["owner/rows"]


@pytest.mark.parametrize(
    ("spdx", "wanted"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("MIT", {"license": "mit"}),
        ("LicenseRef-gemma", {"license": "gemma"}),
        ("LicenseRef-llama3.2", {"license": "llama3.2"}),
        ("LicenseRef-mistral-research", {"license": "other", "license_name": "mistral-research"}),
    ],
)
def test_licences_are_spelt_as_the_hub_does(spdx: str, wanted: dict[str, str]) -> None:
    assert licence(spdx) == wanted
