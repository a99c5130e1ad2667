"""The gate through the real command line, and a store that gives back other bytes than it was given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from factory import config, models, pipeline, registry
from factory.chat import prompt_ids
from factory.cli import main
from factory.errors import Unavailable
from factory.rows import read_exam
from factory.specialist import find
from factory.stages.evaluate import next_logits
from factory.stages.sitting import chosen
from tests.planted import answers, made, planted
from tests.products import WORDS, products

Lay = Callable[..., tuple[str, ...]]
WORSE = answers(lambda i: i % 2, lambda i: i % 8 == 1)
EQUAL = answers(lambda i: i % 2, lambda i: i % 2)


@pytest.fixture
def lay(tmp_path: Path) -> Lay:
    """Puts planted products where the command line looks for them; the words that ask for them."""

    def laid(**faults: Any) -> tuple[str, ...]:
        words = ("specialist=sql", "base=tiny", f"runtime.runs={tmp_path}")
        folders = {step.made.stage: step.made.folder for step in pipeline.steps(config.load(list(words)), "checkup")}
        for stage in ("examples", "tokens"):
            folders[stage].mkdir(parents=True)
            made(folders[stage], stage, {}, {})
        planted(tmp_path, folders={name: folders[name] for name in ("kept", "adapter", "report", "checkup")}, **faults)
        return words

    return laid


@pytest.mark.parametrize(
    ("faults", "word", "code", "reason"),
    [
        ({}, "PROMOTE", 0, ""),
        ({"rows": WORSE}, "REJECT", 4, "all of it below +0"),
        ({"rows": EQUAL}, "HOLD", 5, "must start above +0"),
    ],
    ids=["promote", "reject", "hold"],
)
def test_the_gate_exits_with_its_verdict_and_shows_every_check(
    faults: dict[str, Any], word: str, code: int, reason: str, lay: Lay, capsys: pytest.CaptureFixture[str]
) -> None:
    words = lay(**faults)
    assert main(["gate", *words]) == code
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == word
    checks = ("exam rows", "contract", "answers, not refusals", "longest copy of a training row", "canaries", "MiB")
    assert all(check in said.out for check in checks)
    assert said.err.count("\n") == (word != "PROMOTE") and reason in said.err


def test_the_code_crosses_the_border_of_a_process(lay: Lay, factory) -> None:
    done = factory("gate", *lay(rows=WORSE))
    assert done.code == 4 and "all of it below +0" in done.complaint


def test_of_several_specialists_the_largest_code_counts(lay: Lay, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for word in lay(rows=EQUAL) if word != "specialist=sql"]
    assert main(["gate", "specialist=sql,medical", *words]) == 5
    said = capsys.readouterr()
    assert "sql:" in said.out and "medical: " in said.err and "no examples of this configuration yet" in said.err


def test_a_mistake_and_an_outage_are_no_verdicts(lay: Lay, capsys: pytest.CaptureFixture[str]) -> None:
    words = lay()
    assert main(["gate", *words, "registry.gate.min_row=3"]) == 2
    assert main(["gate", *words, "train.steps=7"]) == 2
    assert "no adapter of this configuration yet" in capsys.readouterr().err
    assert main(["gate", *words, "registry.tracking_uri=http://127.0.0.1:1"]) == 3
    assert "cannot be used now" in capsys.readouterr().err


# --- what the registry gives back -------------------------------------------------------------------------------------


@pytest.fixture
def asked(tmp_path: Path) -> config.Config:
    return config.load([*WORDS, f"runtime.runs={tmp_path}"])


def stored(asked: config.Config) -> list[Path]:
    """The weights in the artifact store."""
    return list((Path(asked.runtime.runs) / "mlartifacts").rglob("adapter_model.safetensors"))


def spoil(path: Path) -> None:
    """One bit of the last byte."""
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)


def quiet(*_: Any, **__: Any) -> None:
    """Progress nobody watches."""


def test_a_store_that_spoils_what_it_is_given_gets_no_version(
    asked: config.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next registration, on a store that is sound, leaves nothing of the first."""
    from mlflow import MlflowClient

    real, planned = MlflowClient.log_model_artifacts, products(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_model_artifacts", lambda *given: (real(*given), *map(spoil, stored(asked))))
        with pytest.raises(Unavailable, match="gives back adapter_model.safetensors otherwise than it was stored"):
            registry.register(planned, asked, quiet)
    with registry.client(asked.registry) as ours:
        assert registry.versions(ours, asked.registry.model) == []
    assert registry.register(planned, asked, quiet).aliases == ("champion",)


def test_a_version_that_is_spoiled_later_is_refused(asked: config.Config, tmp_path: Path) -> None:
    planned = products(tmp_path)
    registry.register(planned, asked, quiet)
    with registry.client(asked.registry) as ours:
        assert registry.gate(ours, planned, asked).word == "PROMOTE"
        (path,) = stored(asked)
        spoil(path)
        verdict = registry.gate(ours, planned, asked)
        assert verdict.word == "REJECT"
        assert verdict.reasons == ("the registry gives back adapter_model.safetensors otherwise than it was trained",)
        path.unlink()
        assert registry.gate(ours, planned, asked).word == "REJECT"


def test_the_same_bytes_are_the_same_logits(full, chosen: str, tmp_path: Path) -> None:
    """What the registry gives out moves the logits by what the report says, to its last digit."""
    asked = config.load(list(full.words))
    folder, _ = registry.fetch(asked.registry, chosen, tmp_path)
    tokenizer, weights = models.tokenizer_source(asked.base), models.weights_source(asked.base)
    words = models.load_tokenizer(tokenizer)
    rows = read_exam(find("sql").exam)
    few = [prompt_ids(words, row.messages) for row in chosen_rows(rows, asked)[:8]]
    with models.base_on_loan(weights, asked.adapted, asked.runtime) as bare:
        before = next_logits(bare, few)
        model = models.attach(bare, folder, models.base_contract(weights, tokenizer, asked.adapted))
        pairs = zip(next_logits(model, few), before, strict=True)
        moved = max((a - b).abs().max().item() for a, b in pairs)
    report = json.loads((full.product("report") / "report.json").read_text())
    assert round(moved, 4) == report["alive"] > 0


def chosen_rows(rows: list[Any], asked: config.Config) -> list[Any]:
    """The rows that the report's exam has."""
    return chosen(rows, asked.evaluate.rows, asked.seed)


# --- beside the gate --------------------------------------------------------------------------------------------------


def test_the_matrix_is_made_once_and_found_again(full, chosen: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = (*full.words, f"registry.alias={chosen}", "evaluate.rows=4", "evaluate.max_new_tokens=4", "specialist=sql")
    assert main(["interference", *words]) == 0
    out = capsys.readouterr().out
    assert "sql (version 1)" in out and "exam of sql" in out and "base's own text" in out
    assert (full.runs / "interference.html").read_text().count("<td style=") == 1
    assert main(["interference", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["adapters"] == {"sql": "version 1"} and found["cells"][0]["rows"] == 4
    assert abs(found["kept"][0]["loss"] - found["kept"][0]["base"]) < 1
    assert len(list((full.runs / "sql").glob("cell-*"))) == 2
    assert main(["gc", *full.words, "seed=5"]) == 0
    assert "cell-" not in capsys.readouterr().out, "they measure a version that is alive"


def test_noise_says_what_changes(full, capsys: pytest.CaptureFixture[str]) -> None:
    words = (*full.words, "noise.rows=4", "noise.batches=[1]", "evaluate.max_new_tokens=4", "runtime.jobs=1")
    assert main(["noise", *(word for word in words)]) == 0
    out = capsys.readouterr().out
    assert "the same again   0 of 4 texts are others, 0 other scores" in out and "batches of 1" in out
