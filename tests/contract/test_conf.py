"""Every file of `conf/` goes through the real parser; a value lives there and nowhere else."""

from __future__ import annotations

import ast
import inspect
import re
from itertools import product
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from typing_extensions import get_type_hints

from factory import groups as classes
from factory import proving, training
from factory.config import Config, FilterTable, Group, conf_dir, groups, load

FILES = sorted(conf_dir().rglob("*.yaml"))
OPTIONS = [(group, option) for group, options in groups().items() for option in options]
MODELS = [
    kind
    for kind in (vars(classes) | vars(training) | vars(proving)).values()
    if inspect.isclass(kind) and issubclass(kind, Group)
]
GIVEN = {
    "base=folder": ["base.weights.path=/some/model"],
    "source=file": ["source.train=rows.jsonl"],
    "source=hub": ["source.dataset=some/set", "source.revision=abc", "source.train=train"],
    "source=documents": ["source.train=manual"],
    "source=grid": ["source.train=grid.yaml", "source.ask='{topic}'"],
    "train=replay": ["train.replay.file=others.jsonl"],
    "quality=judge": (judge := ["filter.judge.url=http://localhost:1/v1", "filter.judge.model=some"]),
    "quality=both": judge,
    "teacher=endpoint": ["teacher.url=http://localhost:1/v1", "teacher.model=some"],
}  # what an option cannot know


def composed(*choices: str) -> Config:
    return load([*choices, *(extra for choice in choices for extra in GIVEN.get(choice, ()))])


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids="=".join)
def test_every_option_composes_and_types(group: str, option: str) -> None:
    """`extra="forbid"` refuses a key that no model has, so this also proves that there is none."""
    assert composed(f"{group}={option}")


@pytest.mark.parametrize(
    ("specialist", "profile", "base"),
    list(product(groups()["specialist"], groups()["profile"], ("nano", "tiny", "qwen3-0.6b", "olmoe-1b-7b"))),
)
def test_every_specialist_with_every_profile(specialist: str, profile: str, base: str) -> None:
    done = composed(f"specialist={specialist}", f"profile={profile}", f"base={base}")
    assert done.specialist.name == specialist
    assert done.registry.model == f"factory.{specialist}.{base}"


@pytest.mark.parametrize("base", groups()["base"])
def test_every_base_is_named_as_its_file_and_has_a_licence(base: str) -> None:
    made = composed(f"base={base}").base
    assert made.name == base
    assert made.licence.startswith(("Apache-2.0", "MIT", "LicenseRef-"))
    assert made.parameters is None or made.parameters < 9_000_000_000
    assert made.tokenizer.path == made.weights.path


def test_experts_are_not_quantised() -> None:
    """bitsandbytes leaves fused experts as they are; nf4 would promise memory that it does not save."""
    made = [composed(f"base={base}") for base in groups()["base"]]
    experts = [one for one in made if one.base.architecture == "moe"]
    assert len(experts) >= 3
    assert {one.base.weights.quantisation.kind for one in experts} == {"none"}
    assert "all-linear" not in {one.train.lora.targets for one in experts}


@pytest.mark.parametrize("name", ["nano", "tiny"])
def test_the_size_of_an_embedded_base_follows_from_its_shape(name: str) -> None:
    """Llama's blocks with tied embeddings: 4 square matrices, 3 of the feed-forward, 2 norms; a last norm."""
    made = composed(f"base={name}", f"pretrain={name}")
    shape, width = made.pretrain.architecture, made.pretrain.architecture.hidden_size
    block = 4 * width**2 + 3 * width * shape.intermediate_size + 2 * width
    assert made.base.parameters == made.pretrain.vocabulary * width + shape.layers * block + width
    assert made.base.weights.path == made.pretrain.out


def test_every_group_is_in_the_defaults_list() -> None:
    entries = yaml.safe_load((conf_dir() / "config.yaml").read_text())["defaults"]
    listed = [name for entry in entries if isinstance(entry, dict) for name in entry]
    assert sorted(listed) == sorted(groups())
    assert listed[-3:] == ["base", "specialist", "profile"], "later wins"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(conf_dir())))
def test_every_file_says_what_it_is_for(file: Path) -> None:
    head = file.read_text().split("\n\n")[0].splitlines()
    said = [line for line in head if line.startswith("# ") and not line.startswith("# @package")]
    assert said and len(said[0]) > 20
    assert all(len(line) <= 110 for line in file.read_text().splitlines())


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(conf_dir())))
def test_no_file_uses_the_parts_of_hydra_that_we_do_without(file: Path) -> None:
    assert not re.search(r"_target_|_partial_|\$\{oc\.|^hydra:", file.read_text(), re.MULTILINE)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_field_has_a_default(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.is_required()] == []
    assert model.model_config["extra"] == "forbid" and model.model_config["frozen"]
    assert model.__doc__


def test_every_field_is_documented() -> None:
    """A `#:` comment on its line; fields that hold a whole class are documented there."""
    lines = [line for module in (classes, training, proving) for line in inspect.getsource(module).splitlines()]
    lines = [line for line in lines if line != "from __future__ import annotations"]
    tree = ast.parse("\n".join(lines))
    kinds = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name != "FilterTable"]
    fields = [node for kind in kinds for node in kind.body if isinstance(node, ast.AnnAssign)]
    bare = [ast.unparse(node) for node in fields if "#: " not in lines[node.lineno - 1]]
    names = {model.__name__ for model in MODELS}
    assert [line for line in bare if line.split(": ")[1] not in names] == []
    assert len(fields) > 90


def test_default_filters_use_all_there_are_but_those_that_need_a_model() -> None:
    everything, models = list(get_type_hints(FilterTable)), ["difficulty", "judge"]
    assert list(load([]).filter) == [name for name in everything if name not in models]
    assert sorted(composed("quality=both").filter) == sorted(everything)
