"""Composing, typing, and what a person reads who mistypes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from factory.config import Config, conf_dir, data_dir, groups, load, resolve_path, user_conf_dir
from factory.errors import ConfigMistake, FactoryError, GateRefused, Mistake, Unavailable, closest

MISTAKES = {
    "train.lora.rnak=8": "train.lora.rnak: no such key - did you mean 'rank'? keys: rank, alpha, dropout,",
    "+train.lora.rnak=8": "train.lora.rnak: no such key - did you mean 'rank'?",
    "train.lora={rnak:8}": "train.lora.rnak: no such key - did you mean 'rank'?",
    "train.steps.of=8": "train.steps.of: no such key - train.steps is a single value",
    "specialist=sqll": "specialist=sqll: no such specialist - did you mean 'sql'? have: creative, medical, sql",
    "base=null": "base=null: no such base - have: folder,",
    "specialst=sql": "specialst: no such group - did you mean 'specialist'? have: seed,",
    "profile.steps=3": "profile: has no keys of its own - write profile=OPTION",
    "~specialist": "~specialist: every group is chosen once - write specialist=OPTION",
    "+profile=smoke": "+profile=smoke: every group is chosen once - write profile=OPTION",
    "train.learning_rate=fast": "train.learning_rate=fast: should be a valid number",
    "train.learning_rate=null": "train.learning_rate=null: should be a valid number",
    "train.steps=true": "train.steps=true: should be a valid integer",
    "train.steps=0": "train.steps=0: should be greater than 0",
    "train.lora.targets=[]": "train.lora.targets=[]: should be 'all-linear' or should have at least 1 item",
    "train.schedule.kind=linear": "train.schedule: kind=linear has no floor: set floor=0,",
    "base.weights.attention=spda": "base.weights.attention=spda: no such option - did you mean 'sdpa'?",
    "base.weights.remote_code=true": "base.weights.remote_code=true: should be a valid string",
    "filter.near_dup.threshold=1": "filter.near_dup: no such key - did you mean 'near_duplicate'? keys:",
    "filter.split.dev_share=2": "filter.split.dev_share=2: should be less than 1",
    "~filter.split": "filter.split: no value given - write filter.split=...",
    "~train.steps": "train.steps: no value given - write train.steps=...",
    "+train.steps=3": "+train.steps=3: it is there already - write it without the +",
    "pretrain.mix.recrods=1": "pretrain.mix.recrods: no such key - did you mean 'records'? keys: ",
    "pretrain.architecture.heads=5": "pretrain.architecture: hidden_size=",
    "base=folder": "base.weights.path: no value given - write base.weights.path=...",
    "seed=???": "seed: no value given - write seed=...",
    "seed=${nowhere}": "seed: Interpolation key 'nowhere' not found",
    "sql": "sql: not an override - write key=value, e.g. train.steps=100",
    "=3": "=3: no key before the =",
    "train.steps='": "train.steps=': not an override",
    "train.lora.rank=8,16": "train.lora.rank=8,16: more than one value - only `factory sweep` takes several",
    "hydra.run.dir=x": "hydra: no such group",
}

LEGAL = "# @package _global_\nspecialist: {name: legal, settings: {}}\n"


@pytest.mark.parametrize("override", MISTAKES)
def test_a_mistake_is_one_line_with_what_would_be_right(override: str) -> None:
    with pytest.raises(ConfigMistake) as caught:
        load([override])
    line = str(caught.value)
    assert line.startswith(MISTAKES[override])
    assert "\n" not in line
    said = caught.value
    assert said.__context__ is None or said.__suppress_context__, "Hydra's own traceback would be shown too"


def test_only_the_wrong_one_of_many_overrides_is_named() -> None:
    with pytest.raises(ConfigMistake, match="^train.lora.rank=wide: "):
        load(["profile=smoke", "train.lora.rank=wide", "~filter.balance", "seed=3"])


def test_later_wins_group_base_profile_command_line() -> None:
    assert load([]).train.batch_size == 8
    assert load(["base=qwen3-0.6b"]).train.gradient_accumulation == 4
    assert load(["base=qwen3-0.6b"]).train.steps == 450
    smoke = load(["base=qwen3-0.6b", "profile=smoke"])
    assert (smoke.train.gradient_accumulation, smoke.train.learning_rate) == (1, 2e-4)
    assert load(["base=qwen3-0.6b", "profile=smoke", "train.gradient_accumulation=3"]).train.batch_size == 8
    assert load(["train.gradient_accumulation=3", "profile=smoke"]).train.gradient_accumulation == 3


def test_the_tokenizer_of_a_folder_follows_its_weights() -> None:
    base = load(["base=folder", "base.weights.path=/some/model"]).base
    assert base.tokenizer.path == base.weights.path == "/some/model"


def test_filters_keep_the_order_they_were_written_in() -> None:
    names = [
        "length",
        "broken_text",
        "language",
        "private_data",
        "exact_duplicate",
        "balance",
        "near_duplicate",
        "contamination",
        "split",
    ]
    assert list(load([]).filter) == names
    less = load(["~filter.near_duplicate", "filter.contamination.ngram=6"])
    assert list(less.filter) == [name for name in names if name != "near_duplicate"]
    assert less.filter["contamination"].ngram == 6
    again = load(["~filter.length", "+filter.length={max_characters: 9, budget: 1}"])
    assert list(again.filter) == [*names[1:], "length"] == list(again.dump()["filter"])


def test_settings_of_a_specialist_are_free() -> None:
    settings = load(["+specialist.settings.tables=[2,{most:4}]"]).specialist.settings
    assert settings["tables"] == [2, {"most": 4}]


def test_a_whole_number_and_its_float_are_the_same_configuration() -> None:
    assert load(["train.lora.alpha=32"]).dump() == load(["train.lora.alpha=32.0"]).dump()


def test_dump_is_plain_and_types_back() -> None:
    config = load(["train.lora.targets=[q_proj,v_proj]"])
    assert config.dump()["train"]["lora"]["targets"] == ["q_proj", "v_proj"]
    assert Config.model_validate(config.dump()) == config


def test_models_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load([]).train.steps = 3  # type: ignore[misc]


def test_groups_lists_options_without_what_they_inherit_from() -> None:
    have = groups()
    assert have["profile"] == ["full", "smoke"]
    assert "nano" in have["base"] and "_base" not in have["base"]
    assert set(Config.model_fields) - {"seed"} == set(have) - {"profile", "quality"}


def test_paths_are_found_here_and_beside_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert resolve_path("mine") == tmp_path / "mine"
    assert resolve_path(str(tmp_path / "mine")) == tmp_path / "mine"
    assert resolve_path("conf/config.yaml") == data_dir().parent / "conf" / "config.yaml"
    assert resolve_path("no/such/file") is None


def test_a_wheel_carries_conf_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "factory"
    (package / "conf").mkdir(parents=True)
    monkeypatch.setattr("factory.config.__file__", str(package / "config.py"))
    assert conf_dir() == package / "conf"
    assert data_dir() == tmp_path / "data"


def output(script: str) -> list[str]:
    """What a fresh interpreter prints, line by line."""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture
def own_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a space and a quote in its name, and a `conf/specialist` of its own."""
    work = tmp_path / "it's my work"
    (work / "conf" / "specialist").mkdir(parents=True)
    monkeypatch.chdir(work)
    return work / "conf" / "specialist"


def test_options_of_the_users_own(own_conf: Path) -> None:
    (own_conf / "legal.yaml").write_text(LEGAL + "train: {steps: 7}\n")
    assert user_conf_dir() == own_conf.parent
    assert groups()["specialist"] == ["creative", "legal", "medical", "sql"]
    config = load(["specialist=legal"])
    assert (config.registry.model, config.train.steps) == ("factory.legal.nano", 7)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LEGAL + "train: {stpes: 7}\n", "train.stpes: no such key - did you mean 'steps'?"),
        (LEGAL + "trian: {steps: 7}\n", "trian: no such key - did you mean 'train'?"),
        ("name: legal\nsettings: {}\nmore: 1\n", "specialist.more: no such key - keys: name, settings"),
        ("name: [legal\n", "conf: while parsing a flow sequence"),
        ("defaults: [nothing]\n", "conf: In 'specialist/legal': Could not load 'specialist/nothing'."),
        ("name: legal\n", "specialist.settings: no value given"),
    ],
)
def test_mistakes_in_a_file_of_the_users_own(own_conf: Path, text: str, line: str) -> None:
    (own_conf / "legal.yaml").write_text(text)
    with pytest.raises(ConfigMistake) as caught:
        load(["specialist=legal"])
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_a_file_of_the_users_own_never_hides_behind_ours(own_conf: Path) -> None:
    (own_conf / "sql.yaml").write_bytes((conf_dir() / "specialist" / "sql.yaml").read_bytes())
    load([])
    (own_conf / "sql.yaml").write_text("name: sql\n")
    with pytest.raises(ConfigMistake, match="^conf/specialist/sql.yaml: the factory has another file"):
        load([])


def test_a_folder_of_another_project_does_no_harm(own_conf: Path) -> None:
    (own_conf.parent / "config.yaml").write_text("not: ours\n")
    assert load([]).specialist.name == "sql"


def test_a_mistake_shows_in_under_a_second() -> None:
    """Of processor time, a fresh interpreter and its imports included; usually about half of that."""
    script = (
        "import time\nfrom factory.config import load\n"
        "try: load(['train.steps=many'])\nexcept Exception as error: print(error)\nprint(time.process_time())"
    )
    line, spent = output(script)
    assert line == "train.steps=many: should be a valid integer"
    assert float(spent) < 1


def test_loading_imports_nothing_heavy() -> None:
    script = "import sys\nfrom factory.config import load\nload([])\nprint(*sys.modules)"
    assert not {"torch", "transformers", "mlflow", "numpy", "pandas"} & set(output(script)[0].split())


def test_errors_are_one_line_and_survive_a_process_border() -> None:
    error = ConfigMistake("a.b", "two\nlines", "try c")
    assert str(error) == "a.b: two lines - try c"
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.where, str(again)) == (ConfigMistake, "a.b", str(error))
    assert str(FactoryError("here", "broken")) == "here: broken"


def test_exit_codes() -> None:
    codes = [kind.exit_code for kind in (ConfigMistake, Mistake, Unavailable, GateRefused, FactoryError)]
    assert codes == [2, 2, 3, 4, 70]


def test_closest() -> None:
    assert closest("rnak", ["alpha", "rank"], "keys") == "did you mean 'rank'? keys: alpha, rank"
    assert closest("zzz", ["alpha"]) == "have: alpha"
    assert closest("zzz", []) == "have: none"
