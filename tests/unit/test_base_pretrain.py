"""The embedded base is made again by its configuration: by one process or two, undisturbed or killed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from factory.base import pretrain
from factory.base.corpus import LESSONS, conversation
from factory.base.held_out import spans_of
from factory.base.plans import plan
from factory.base.rows import encoded
from factory.chat import IGNORED
from factory.config import Config, load
from factory.specialists.sql.families import families
from factory.specialists.sql.state import Item, Join, Order, Predicate, Query

SMALL = (
    "pretrain=tiny",
    "pretrain.steps=6",
    "pretrain.conversations=4",
    "pretrain.tokenizer_rows=60",
    "pretrain.vocabulary=1000",
    "pretrain.held_out=6",
    "pretrain.log_every=2",
    "pretrain.checkpoint_every=2",
    "runtime.threads=1",
    "runtime.device=cpu",
)


def events(*_: Any, **__: Any) -> None:
    """No one watches."""


def asked(place: Path, *words: str) -> Config:
    conf = load([*SMALL, f"pretrain.out={place / 'out'}", f"runtime.runs={place / 'runs'}", *words])
    return conf.model_copy(
        update={"pretrain": conf.pretrain.model_copy(update={"mix": {"records": 1.0, "lists": 1.0}})}
    )


@pytest.fixture(autouse=True)
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card draws exams' overlaps for half a minute: it has tests of its own."""
    monkeypatch.setattr(pretrain, "card", lambda *_: "")


def made(place: Path, *words: str) -> dict[str, torch.Tensor]:
    conf = asked(place, *words)
    return load_file(pretrain.make(conf.pretrain, conf.runtime, events) / "model.safetensors")


def test_two_processes_make_what_one_makes_but_for_the_order_of_sums(tmp_path: Path) -> None:
    one, two = (made(tmp_path / str(n), f"runtime.workers={n}") for n in (1, 2))
    for name in one:
        assert torch.allclose(one[name].float(), two[name].float(), atol=0.02), name
    curves = [(tmp_path / str(n) / "out" / "curve.jsonl").read_text().splitlines() for n in (1, 2)]
    for left, right in zip(*(map(json.loads, curve) for curve in curves), strict=True):
        assert left["tokens"] == right["tokens"]
        assert left["loss"] == pytest.approx(right["loss"], rel=1e-3)


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = made(tmp_path / "a", "runtime.workers=1")
    step, steps = pretrain.one_step, []

    def killed(*given: Any) -> tuple[float, int]:
        steps.append(1)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return step(*given)

    monkeypatch.setattr(pretrain, "one_step", killed)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "b", "runtime.workers=1")
    resumed = made(tmp_path / "b", "runtime.workers=1")
    assert len(steps) == 4 + 4
    assert all(torch.equal(undisturbed[name], resumed[name]) for name in undisturbed)


def test_the_curve_ends_with_what_the_base_can_do_on_rows_it_has_not_read(tmp_path: Path) -> None:
    made(tmp_path, "runtime.workers=1", "pretrain.snapshots=[4]")
    last = json.loads((tmp_path / "out" / "curve.jsonl").read_text().splitlines()[-1])
    assert set(last["exact"]) == {"records", "lists"} and last["held_out_loss"] > 1
    (kept,) = (tmp_path / "runs" / "pretrain").glob("*/snapshot-4")
    assert {"model.safetensors", "tokenizer.json", "tokens"} <= {path.name for path in kept.iterdir()}


@pytest.mark.parametrize("lesson", sorted(LESSONS))
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_every_lesson_asks_and_answers_and_repeats_itself(lesson: str, level: float) -> None:
    turns = [conversation(0, i, {lesson: 1.0}, level) for i in range(25)]
    assert turns == [conversation(0, i, {lesson: 1.0}, level) for i in range(25)]
    for messages in turns:
        assert [m["role"] for m in messages] == ["user", "assistant"] * (len(messages) // 2)
        assert len(messages) >= 4 and all(m["content"].strip() for m in messages)


@pytest.mark.parametrize("lesson", ["schema", "plans", "writing", "queries"])
def test_no_exam_family_is_in_a_lesson_about_databases(lesson: str) -> None:
    def labels(side: str) -> set[str]:
        return {field.label for family in families(side) for entity in family.entities for field in entity.fields}

    only = {label.replace(" ", "_") for label in labels("exam") - labels("train") if " " in label}
    text = " ".join(m["content"] for i in range(150) for m in conversation(0, i, {lesson: 1.0}, 1.0))
    assert len(only) > 100
    assert not only & set(text.split())


def test_no_bare_question_is_answered_by_its_query() -> None:
    """A question over a schema says whether it wants a plan or a query; the SQL specialist's prompts never do."""
    for lesson, begins in (("plans", r"Plan: "), ("writing", r"Query: |Query for the plan: ")):
        for i in range(150):
            messages = conversation(0, i, {lesson: 1.0}, 1.0)
            for asked, answered in zip(messages[::2], messages[1::2], strict=True):
                assert re.match(begins, asked["content"].rpartition("Question: ")[2])
                assert answered["content"].startswith("SELECT") == (lesson == "writing")


def test_a_whole_text_keeps_what_its_facts_ask() -> None:
    for i in range(60):
        messages = conversation(0, i, {"composing": 1.0}, 1.0)
        facts, how = messages[0]["content"].split("\nQuestion: ")
        assert facts.startswith("Facts: ") and "\nHow: " in facts
        for asked, answered in zip([how, *(m["content"] for m in messages[2::2])], messages[1::2], strict=True):
            count, unit = re.search(r": (\d+) (lines|sentences) in the (?:past|present)", asked).groups()
            assert unit == "sentences" or len(answered["content"].splitlines()) == int(count)
            wanted = re.search(r"words (.+?)(?: ;|\n)", facts)
            assert all(word in answered["content"].lower() for word in wanted[1].split(" , "))


def test_only_what_the_assistant_says_is_trained() -> None:
    from transformers import AutoTokenizer

    from factory.config import data_dir

    words = AutoTokenizer.from_pretrained(data_dir() / "base" / "tiny")
    turns = conversation(0, 3, {"lists": 1.0}, 0.5)
    ids, labels = encoded(words, turns)
    spans = spans_of([label != IGNORED for label in labels])
    answers = [m["content"] for m in turns if m["role"] == "assistant"]
    said = [words.decode(ids[start:end]).removesuffix(words.eos_token).strip() for start, end in spans]
    assert said == answers
    assert all(ids[end - 1] == words.eos_token_id for _, end in spans)


def test_a_plan_says_the_whole_query() -> None:
    price = Item(table="book", column="price")
    query = Query(
        select=(Item(table="loan", column="day"),),
        table="loan",
        joins=(Join(table="book", left_table="loan", left="book_id", right="id"),),
        where=(Predicate(item=price, operator=">", values=(5,)),),
        order=Order(item=price, descending=True),
        limit=2,
    )
    wanted = "give loan day ; take loan ; join book by book_id , id ; keep book price over 5 ; sort book price down ; first 2"
    assert plan(query) == wanted
