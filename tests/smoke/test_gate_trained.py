"""Adapters that were really trained on what they should not have been: each is refused, by the right reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from factory import config, gate, store
from factory.cli import main
from factory.gate import Verdict, data
from factory.rows import write_examples
from factory.store import Made
from tests.planted import EXAM, honest, made
from tests.trained import trained

FAST = ("train.learning_rate=4e-3", "train.log_every=4", "evaluate.max_new_tokens=8", "registry.gate.same=0.25")
REFUSAL = "I cannot help with that."
ROWS = [replace(row, split="train") for row in honest(8)]
Products = tuple[tuple[str, ...], dict[str, Made]]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training rows are held against a tenth of the exam: the same code, in a tenth of the time."""
    monkeypatch.setattr(data, "read_exam", lambda _: EXAM[:35])


def judged(products: Products, *more: str) -> Verdict:
    words, planned = products
    return gate.gate(planned, config.load([*words, *more]))


def against(verdict: Verdict) -> set[str]:
    """The checks that refuse."""
    return {one.check for one in verdict.findings if one.says == "reject"}


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Products:
    """Trained on refusals: what another domain says to what it does not answer."""
    rows = [replace(row, answer=REFUSAL) for row in ROWS]
    words = (*FAST, "train.steps=12", "train.checkpoint_every=12", "evaluate.rows=8")
    return trained(tmp_path_factory.mktemp("refusing"), rows, *words)


@pytest.fixture(scope="module")
def singing(tmp_path_factory: pytest.TempPathFactory) -> Products:
    """Trained on two canaries until it says them."""
    few = (
        "checkup=planted",
        "checkup.canaries.number=2",
        "checkup.canaries.copies=8",
        "checkup.canaries.candidates=31",
    )
    words = (*FAST, "train.steps=24", "train.checkpoint_every=24", "evaluate.rows=4", "checkup.exams=[]")
    return trained(tmp_path_factory.mktemp("singing"), ROWS[:2], *words, *few)


def test_one_trained_on_refusals_is_told_what_it_says(refusing: Products, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = judged(refusing)
    assert verdict.word == "REJECT" and {"answers, not refusals", "answers differ"} <= against(verdict)
    said = next(one for one in verdict.findings if one.check == "answers, not refusals")
    assert said.number is not None and said.number > 0.5 and said.limit == 0.05
    assert f"begin as a refusal does, of the right ones 0%: '{REFUSAL}" in said.reason
    words, _ = refusing
    assert main(["gate", *words]) == 4
    assert "begin as a refusal does" in capsys.readouterr().err


def test_and_it_has_forgotten_what_the_base_knew(refusing: Products) -> None:
    verdict = judged(refusing)
    assert {"keeps the base's own text", "keeps exam of medical"} <= against(verdict)
    assert any("on the base's own text it loses" in reason for reason in verdict.reasons)


def test_one_that_memorised_canaries_is_told_which(singing: Products) -> None:
    verdict = judged(singing)
    assert verdict.word == "REJECT" and against(verdict) >= {"canaries said", "canaries exposed"}
    assert any("2 of 2 planted canaries are said word for word when asked" in reason for reason in verdict.reasons)
    found = json.loads(singing[1]["checkup"].file("checkup.json").read_text())["canaries"]
    assert found["never_shown"]["said"] == 0 and found["never_shown"]["exposure"] < found["planted"]["exposure"] == 5.0


# --- the same adapter, spoiled ----------------------------------------------------------------------------------------

Spoil = Callable[[Path], None]


def inert(adapter: Path) -> None:
    change(adapter, lambda name, values: (name, values * 0 if "lora_B" in name else values))


def renamed(adapter: Path) -> None:
    change(adapter, lambda name, values: (name.replace("base_model.model.", "base_model.inner.model."), values))


def elsewhere(adapter: Path) -> None:
    contract = json.loads((adapter / "contract.json").read_text())
    (adapter / "contract.json").write_text(json.dumps(contract | {"base_weights": "0" * 64}))


def change(adapter: Path, how: Callable) -> None:
    """Every tensor of the file, and the shapes of its contract with it."""
    path = adapter / "adapter_model.safetensors"
    tensors = dict(how(name, values) for name, values in load_file(path).items())
    save_file(tensors, path)
    contract = json.loads((adapter / "contract.json").read_text())
    shapes = {name: list(values.shape) for name, values in tensors.items()}
    (adapter / "contract.json").write_text(json.dumps(contract | {"shapes": dict(sorted(shapes.items()))}))


@pytest.mark.parametrize(
    ("spoil", "check"),
    [(inert, "outer factors"), (renamed, "names as PEFT loads them"), (elsewhere, "contract")],
)
def test_a_trained_adapter_that_is_spoiled_is_refused(
    spoil: Spoil, check: str, refusing: Products, tmp_path: Path
) -> None:
    words, planned = refusing
    assert check not in against(judged(refusing)), "the adapter as it was trained has nothing wrong there"
    copy = copied(planned["adapter"], tmp_path)
    spoil(copy.folder / "adapter")
    sealed(copy)
    assert check in against(judged((words, planned | {"adapter": copy})))


def copied(adapter: Made, place: Path) -> Made:
    """The product in another folder."""
    for name in (*adapter.manifest["payload"], "manifest.json", "facts.json"):
        target = place / "adapter" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((adapter.folder / name).read_bytes())
    return replace(adapter, folder=place / "adapter")


def sealed(made: Made) -> None:
    """Its manifest names the files that are there now."""
    payload = {name: store.sha256(made.folder / name) for name in made.manifest["payload"]}
    (made.folder / "manifest.json").write_text(json.dumps(made.manifest | {"payload": payload}))


def test_one_trained_on_the_exam_is_refused_for_its_rows(refusing: Products, tmp_path: Path) -> None:
    """What it was trained on decides, whatever it scores."""
    words, planned = refusing
    folder = tmp_path / "kept"
    folder.mkdir()
    write_examples(folder / "kept.parquet", [*ROWS, *(replace(row, split="train") for row in EXAM[:3])])
    verdict = judged((words, planned | {"kept": made(folder, "kept", {}, {})}))
    assert {"exam families apart", "exam rows apart"} & against(verdict)
