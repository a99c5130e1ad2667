"""An adapter meets only the base it was trained on; a wrong path says which key is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from factory import models, packing
from factory.answering import answered
from factory.config import Config, load
from factory.errors import ContractMismatch, Mistake
from factory.store import Source

WEIGHTS, TOKENIZER = Source("w", "a" * 64), Source("t", "b" * 64)


def asked(*overrides: str) -> Config:
    return load(["profile=smoke", "base=tiny", *overrides])


def offered(weights: Source = WEIGHTS, tokenizer: Source = TOKENIZER, *overrides: str) -> dict[str, Any]:
    return models.base_contract(weights, tokenizer, asked(*overrides).base.weights)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A small adapter with its contract."""
    shape(tmp_path, (2, 3))
    (tmp_path / models.CONTRACT).write_text(json.dumps(offered() | {"shapes": models.adapter_shapes(tmp_path)}))
    return tmp_path


def shape(folder: Path, lora_a: tuple[int, int], name: str = "lora_A") -> None:
    save_file(
        {name: np.zeros(lora_a, np.float32), "lora_B": np.zeros((3, 2), np.float32)},
        folder / "adapter_model.safetensors",
    )


OTHERS = {
    "base_weights": offered(weights=Source("w", "c" * 64)),
    "tokenizer": offered(tokenizer=Source("t", "c" * 64)),
    "quantisation": offered(WEIGHTS, TOKENIZER, "base.weights.quantisation.kind=none"),
}


def test_the_base_it_was_trained_on_is_taken(adapter: Path) -> None:
    assert models.check_contract(adapter, offered())["shapes"] == {"lora_A": [2, 3], "lora_B": [3, 2]}


@pytest.mark.parametrize("field", OTHERS)
def test_a_mismatch_names_the_field_and_both_sides(adapter: Path, field: str) -> None:
    with pytest.raises(ContractMismatch) as caught:
        models.check_contract(adapter, OTHERS[field])
    assert caught.value.where == f"adapter {adapter}, {field}"
    assert (
        models.short(offered()[field]) in caught.value.what and models.short(OTHERS[field][field]) in caught.value.what
    )
    assert caught.value.exit_code == 2


def test_a_finer_difference_of_the_quantisation_counts(adapter: Path) -> None:
    with pytest.raises(ContractMismatch, match='quantisation: trained on .*"double": true.*offered .*"double": false'):
        models.check_contract(adapter, offered(WEIGHTS, TOKENIZER, "base.weights.quantisation.double=false"))


@pytest.mark.parametrize(("lora_a", "name", "said"), [((4, 3), "lora_A", "lora_A"), ((2, 3), "lora_X", "lora_A")])
def test_weights_of_another_shape_or_name_are_refused(
    adapter: Path, lora_a: tuple[int, int], name: str, said: str
) -> None:
    shape(adapter, lora_a, name)
    with pytest.raises(ContractMismatch, match=f"shapes: the weights are not those of the contract: {said}"):
        models.check_contract(adapter, offered())


def test_without_a_contract_nothing_is_loaded(adapter: Path) -> None:
    (adapter / models.CONTRACT).unlink()
    with pytest.raises(ContractMismatch, match="no contract beside the adapter"):
        models.check_contract(adapter, offered())


def test_attach_refuses_before_it_touches_the_model(adapter: Path) -> None:
    with pytest.raises(ContractMismatch, match="base_weights"):
        models.attach(None, adapter, OTHERS["base_weights"])  # type: ignore[arg-type]


def test_the_tiny_base_is_found_by_content() -> None:
    tokenizer, weights = models.tokenizer_source(asked().base), models.weights_source(asked().base)
    assert tokenizer.digest != weights.digest
    assert Path(weights.path).is_dir() and len(weights.digest) == 64


def copied(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in Path(models.weights_source(asked().base).path).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def digests(folder: Path) -> tuple[str, str]:
    base = asked(f"base.weights.path={folder}", f"base.tokenizer.path={folder}").base
    return models.tokenizer_source(base).digest, models.weights_source(base).digest


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("chat_template.jinja", (True, False)),
        ("tokenizer.json", (True, False)),
        ("config.json", (False, True)),
        ("model.safetensors", (False, True)),
        ("README.md", (False, False)),
    ],
)
def test_a_changed_file_changes_the_digest_of_what_it_belongs_to(
    tmp_path: Path, name: str, changed: tuple[bool, bool]
) -> None:
    folder = copied(tmp_path)
    before = digests(folder)
    assert before == (models.tokenizer_source(asked().base).digest, models.weights_source(asked().base).digest), (
        "the place does not count"
    )
    with (folder / name).open("ab") as file:
        file.write(b" ")
    assert tuple(a != b for a, b in zip(before, digests(folder), strict=True)) == changed


@pytest.mark.parametrize("path", ["/no/such/folder", "./nowhere", "data/base/absent", "justaname", "one/two/three"])
def test_a_wrong_path_is_a_mistake_that_names_the_key(path: str) -> None:
    with pytest.raises(Mistake, match=f"base.weights.path={path}: no such folder - give a folder") as caught:
        models.weights_source(asked(f"base.weights.path={path}").base)
    assert caught.value.exit_code == 2


def test_a_folder_without_safetensors_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="no safetensors file in this folder"):
        models.weights_source(asked(f"base.weights.path={tmp_path}").base)


@pytest.mark.parametrize("lacking", ["chat template", "stop token"])
def test_a_tokenizer_without_template_or_stop_token_is_a_mistake(tmp_path: Path, lacking: str) -> None:
    folder = copied(tmp_path)
    if lacking == "chat template":
        (folder / "chat_template.jinja").unlink()
    else:
        settings = json.loads((folder / "tokenizer_config.json").read_text())
        del settings["eos_token"]
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(Mistake, match=f"the tokenizer has no {lacking}"):
        models.load_tokenizer(Source(folder, "x"))


def test_a_gpu_that_is_not_there_is_a_mistake() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(Mistake, match="torch sees no GPU here - use runtime.device=auto"):
        models.device(asked("runtime.device=cuda", "runtime.threads=1").runtime)
    assert models.device(asked("runtime.threads=1").runtime) == "cpu"


def test_answers_stop_at_the_stop_token_and_padding_changes_nothing() -> None:
    """The tiny base in its plain weights: prompts of different lengths, together and alone."""
    settings = asked("base.weights.quantisation.kind=none", "runtime.threads=1")
    words = models.load_tokenizer(models.tokenizer_source(settings.base))
    model = models.load_base(models.weights_source(settings.base), settings.base.weights, settings.runtime)
    prompts = [words.encode(text) for text in ("Count the books.", "Show", "Which city has the most people in it?")]
    together = models.answer(model, words, prompts, 8)
    assert together == [models.answer(model, words, [prompt], 8)[0] for prompt in prompts]
    assert all(len(ids) <= 8 and words.eos_token_id not in ids for ids in together)


def grow(folder: Path, weights: Source, settings: Config, contract: dict[str, Any]) -> None:
    """An adapter that was trained on nothing and changes much, with its contract."""
    import torch
    from peft import LoraConfig, get_peft_model

    bare = models.load_base(weights, settings.adapted, settings.runtime)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        get_peft_model(bare, LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)).save_pretrained(
            folder
        )
    (folder / models.CONTRACT).write_text(json.dumps(contract | {"shapes": models.adapter_shapes(folder)}))


def test_a_base_on_loan_answers_alike_whatever_was_done_with_it_before(tmp_path: Path) -> None:
    """To the last bit, with an adapter and without; also on a CPU that repacks 4-bit weights when a base answers."""
    settings = asked("runtime.threads=1", "runtime.device=cpu")
    base, prompts = settings.adapted, [list(range(2 + row, 9 + row + row % 5)) for row in range(8)]
    tokenizer, weights = models.tokenizer_source(settings.base), models.weights_source(settings.base)
    words, contract = models.load_tokenizer(tokenizer), models.base_contract(weights, tokenizer, base)
    grow(tmp_path, weights, settings, contract)
    found = []
    for before in (False, True, True):
        with models.base_on_loan(weights, base, settings.runtime) as bare:
            first = answered(bare, words, prompts, 6) if before else None
            model = models.attach(bare, tmp_path, contract)
            with model.disable_adapter():
                again = answered(bare, words, prompts, 6)
            assert first in (None, again)
            found.append((again, answered(model, words, prompts, 6)))
    assert found[0] == found[1] == found[2] and found[0][0] != found[0][1]


def test_the_unpacked_base_computes_what_the_packed_one_does() -> None:
    """And holds no 4-bit layer any more; nothing of it is trained."""
    import torch
    from bitsandbytes.nn import Linear4bit

    settings = asked("runtime.device=cpu", "runtime.threads=1")
    weights = models.weights_source(settings.base)
    packed, unpacked = (models.load_base(weights, settings.base.weights, settings.runtime) for _ in range(2))
    packing.stay_unpacked(packed)
    packing.unpack(unpacked)
    assert not any(isinstance(module, Linear4bit) for module in unpacked.modules())
    ids = torch.arange(300, 340).reshape(2, 20)
    with torch.inference_mode():
        assert torch.allclose(packed(input_ids=ids).logits, unpacked(input_ids=ids).logits, atol=1e-5)
    assert sum(p.numel() for p in unpacked.parameters()) > sum(p.numel() for p in packed.parameters())


def test_unpacking_is_not_in_the_contract() -> None:
    """It changes no value: an adapter trained unpacked is one for the packed base."""
    first, second = (
        models.base_contract(WEIGHTS, TOKENIZER, asked(f"base.weights.quantisation.unpacked={flag}").base.weights)
        for flag in ("true", "false")
    )
    assert first == second


CODE = '''"""Code that comes with a base."""

from transformers import LlamaConfig, LlamaForCausalLM


class OwnConfig(LlamaConfig):
    model_type = "somebodys_own"


class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig
'''


def test_code_of_a_base_runs_only_by_its_digest(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    settings = json.loads((folder / "config.json").read_text())
    settings["auto_map"] = {
        "AutoConfig": "modeling_own.OwnConfig",
        "AutoModelForCausalLM": "modeling_own.OwnForCausalLM",
    }
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "modeling_own.py").write_text(CODE)
    words = (f"base.weights.path={folder}", "base.weights.quantisation.kind=none", "runtime.threads=1")

    def loaded(*more: str) -> Any:
        settings = asked(*words, *more)
        return models.load_base(models.weights_source(settings.base), settings.base.weights, settings.runtime)

    assert type(loaded()).__name__ == "LlamaForCausalLM", "transformers has the architecture itself"
    (folder / "config.json").write_text(json.dumps(settings | {"model_type": "somebodys_own"}))
    with pytest.raises(Mistake, match=r"code of its own \(modeling_own.py\), which is not run - read it") as caught:
        loaded()
    digest = caught.value.hint.rpartition("=")[2]
    assert type(loaded(f"base.weights.remote_code='{digest}'")).__name__ == "OwnForCausalLM"
    (folder / "modeling_own.py").write_text(CODE + "\nprint('more')\n")
    with pytest.raises(Mistake, match="it is not the code of that digest"):
        loaded(f"base.weights.remote_code='{digest}'")
    elsewhere = {"AutoModelForCausalLM": "owner/other--modeling_own.OwnForCausalLM"}
    changed = settings | {"model_type": "somebodys_own", "auto_map": elsewhere}
    (folder / "config.json").write_text(json.dumps(changed))
    with pytest.raises(Mistake, match="its code is another repository's"):
        loaded(f"base.weights.remote_code='{digest}'")
