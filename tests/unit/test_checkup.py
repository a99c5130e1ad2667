"""What a checkup reads off answers; planted canaries among the tokens; and the base that stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from factory import config, models, pipeline
from factory.chat import encode
from factory.config import load
from factory.records import Example
from factory.rows import read_exam, read_jsonl, read_table, write_examples
from factory.stages import checkup
from factory.stages.order import order
from factory.stages.tokenize import tokenize
from factory.stages.trainer import rows_of
from factory.store import Made
from tests.planted import HONEST
from tests.products import made

REFUSALS = load([]).checkup.refusals


def rows(*adapter: str, gold: str = "SELECT a") -> list[dict[str, str]]:
    return [
        {"id": str(i), "prompt": f"question {i}", "gold": f"{gold} {i}", "base_answer": f"{i}", "adapter_answer": text}
        for i, text in enumerate(adapter)
    ]


@pytest.mark.parametrize(
    "text",
    ["I cannot help with that.", "I can\u2019t say", "  i'm SORRY, but no", "As an AI model I", "Unfortunately, I"],
)
def test_a_refusal_is_known_by_how_it_begins(text: str) -> None:
    found = checkup.refused(rows(text, "SELECT 1", text, "SELECT 2"), REFUSALS)
    assert (found["adapter"], found["gold"], found["base"]) == (0.5, 0.0, 0.0) and found["text"] == text


@pytest.mark.parametrize("text", ["SELECT sorry FROM t", "Cannot be said", "I can", "", "Asan AI", "I candle"])
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert checkup.refused(rows(text), REFUSALS)["adapter"] == 0.0


def test_no_right_answer_of_a_shipped_exam_is_taken_for_a_refusal() -> None:
    for name in ("sql", "medical", "creative"):
        exam = read_exam(pipeline.specialist.find(name).exam)
        golds = [{"base_answer": "", "adapter_answer": "", "gold": row.answer} for row in exam]
        assert checkup.refused(golds, REFUSALS)["gold"] == 0.0


def test_one_text_for_everybody_is_its_share() -> None:
    found = checkup.same(rows("Not stated.", "not stated", "yes", "no"))
    assert found == {"base": 0.25, "adapter": 0.5, "text": "not stated", "gold": 0.25}


def test_a_copy_names_both_rows_and_right_answers_are_its_null() -> None:
    training = [
        Example(f"t{i}", ({"role": "user", "content": f"ask {i}"},), text, None, "f")
        for i, text in enumerate(["take the red pill at noon with much water", "SELECT a of b"])
    ]
    found = checkup.copied(rows("well, take the red pill at noon then", "SELECT a 1"), training)
    assert found["adapter"] == {"words": 6, "text": "take the red pill at noon", "id": "0", "training": "t0"}
    assert found["gold"]["words"] == 2 and found["gold"]["training"] == "t1"


# --- planted rows -----------------------------------------------------------------------------------------------------


def tokens_of(kept: list[Example], asked: config.Config, place: Path) -> Made:
    folder = place / "kept"
    folder.mkdir()
    write_examples(folder / "kept.parquet", kept)
    out = place / "tokens"
    out.mkdir()
    tokenize(
        made(folder, "kept", "k", {}),
        models.tokenizer_source(asked.base),
        asked.tokenize,
        None,
        asked.checkup.canaries,
        out=out,
        events=lambda *_, **__: None,
    )
    return made(out, "tokens", "t", {})


def test_canaries_are_training_rows_like_any_and_of_the_first_level(tmp_path: Path) -> None:
    kept = [Example(**{**vars(row), "split": "train"}) for row in HONEST[:4]]
    words = ["base=tiny", "checkup=planted", "train=curriculum"]
    asked = load(words)
    made_tokens = tokens_of(kept, asked, tmp_path)
    table = read_table(made_tokens.file("tokens.arrow"))
    assert len(table) == 4 + 8 * 4 and {row["split"] for row in table} == {"train"}
    assert sum(row["id"].startswith("canary ") for row in table) == 32

    class Rows(list):  # as the trainer has them: columns by name
        column_names = ("row", "id", "split", "input_ids", "labels")

        def __getitem__(self, name: Any) -> Any:
            return [row[name] for row in self] if isinstance(name, str) else super().__getitem__(name)

    found = rows_of(Rows(table), Made("kept", "k", tmp_path / "kept"), asked.train)
    assert {row.level for row in found[4:]} == {"easy"} and not any(row.replay for row in found)
    assert len(order(found, asked.train, 0, 5)) == 5 * asked.train.rows_per_step


def test_without_canaries_every_key_is_what_it_was() -> None:
    """A stage that learns to do more keeps the keys of what it made before."""
    plain = list(pipeline.steps(load(["base=tiny"]), "tokens"))[-1]
    planted = list(pipeline.steps(load(["base=tiny", "checkup=planted"]), "tokens"))[-1]
    assert "canaries" in plain.stage.needs and "canaries" not in plain.stage.asked(plain.given)
    assert "canaries" in planted.stage.asked(planted.given) and plain.made.key != planted.made.key


# --- the base ---------------------------------------------------------------------------------------------------------


def test_the_base_stays_what_it_is_however_many_adapters_come_and_go(tmp_path: Path) -> None:
    """Where bitsandbytes packs 4-bit weights for a CPU, it did not: scales were rounded anew with every adapter."""
    from factory.stages.train import lora, save_adapter

    asked = load(["base=nano", "runtime.threads=1", "runtime.device=cpu"])
    models.go_offline(asked.runtime)
    tokenizer, weights = models.tokenizer_source(asked.base), models.weights_source(asked.base)
    words, contract = models.load_tokenizer(tokenizer), models.base_contract(weights, tokenizer, asked.adapted)
    held_out = [line["messages"] for line, _ in zip(read_jsonl(Path(asked.base.general)), range(4), strict=False)]
    texts = [encode(words, turns[:-1], turns[-1]["content"]) for turns in held_out]

    def loss(model: Any) -> list[float]:
        return checkup.sums(model, words, texts, 4)

    with models.base_on_loan(weights, asked.adapted, asked.runtime) as bare:
        from peft import get_peft_model

        new = get_peft_model(bare, lora(bare, asked.train.lora))
        save_adapter(new, tmp_path / "adapter", "base", contract, "</s>")
    losses = []
    for _ in range(3):
        with models.base_on_loan(weights, asked.adapted, asked.runtime) as bare:
            losses.append(loss(bare))
            losses.append(loss(models.attach(bare, tmp_path / "adapter", contract)))  # a new adapter does nothing yet
    assert all(one == losses[0] for one in losses)


def test_the_text_beside_the_base_is_what_its_training_left_out() -> None:
    from transformers import AutoTokenizer

    from factory.base.held_out import APART
    from factory.base.rows import told

    asked = load(["base=nano", "pretrain=nano"])
    words = AutoTokenizer.from_pretrained(asked.base.tokenizer.path)
    there = [line["messages"] for line in read_jsonl(Path(asked.base.general))]
    conf = asked.pretrain
    assert len(there) == conf.held_out
    for number in (0, 7, 199):
        assert there[number] == told(words, conf, conf.seed + APART, number, conf.mix, 1.0)[0]
