"""A model is asked: likelihoods as computed by hand, prompts that fit, samples that repeat, and a kill in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from factory import config, models
from factory.chat import IGNORED, encode
from factory.errors import Mistake
from factory.suites import Row
from factory.suites.asking import Hall, Said, asked, continued, fitted, remember, remembered

ASKED = config.load(["base=tiny", "profile=smoke"])


@pytest.fixture(scope="module")
def lent() -> Iterator[tuple[Any, Any]]:
    """The tiny base and its tokenizer."""
    tokenizer, weights = models.tokenizer_source(ASKED.base), models.weights_source(ASKED.base)
    with models.base_on_loan(weights, ASKED.adapted, ASKED.runtime) as model:
        yield model, models.load_tokenizer(tokenizer)


def hall(lent: tuple[Any, Any], tmp_path: Path, events: Any = lambda *_, **__: None, **changed: Any) -> Hall:
    suite = ASKED.suite.model_copy(update={"batch_size": 3, "max_new_tokens": 6} | changed)
    return Hall(*lent, suite, 0, tmp_path / "said.jsonl", events)


def by_hand(model: Any, ids: list[int], start: int) -> float:
    """The logarithm of the likelihood of the ids from a place on, one sequence, no padding."""
    import torch

    with torch.inference_mode():
        said = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].double(), -1)
    return sum(float(said[place - 1, ids[place]]) for place in range(start, len(ids)))


def test_choices_are_compared_by_their_likelihoods(lent: tuple[Any, Any], tmp_path: Path) -> None:
    model, words = lent
    rows = [
        Row("1", "1", "Question: how many are there\nAnswer:", "two", "nine", choices=("two", "nine hundred", "a")),
        Row("2", "2", "", "the dog runs .", "the dog run .", choices=("the dog runs .", "the dog run .")),
        Row("3", "3", "Question: what is its name\nAnswer:", "Nora", "x", choices=("x", "Nora")),
    ]
    for row, said in zip(rows, asked(hall(lent, tmp_path), "choices", rows), strict=True):
        sums = []
        for choice in row.choices:
            whole = words(f"{row.prompt} {choice}")["input_ids"] if row.prompt else words(f" {choice}")["input_ids"]
            before = words(row.prompt)["input_ids"] if row.prompt else []
            ids = whole if before else [words.eos_token_id, *whole]
            sums.append(by_hand(model, ids, len(before) or 1))
        assert said.likelihoods == pytest.approx(sums, abs=2e-4)
        each = [total / len(choice) for total, choice in zip(sums, row.choices, strict=True)] if row.prompt else sums
        assert said.texts == [row.choices[each.index(max(each))]]
        assert ("whole likelihood" in said.figures) == bool(row.prompt)


def test_a_choice_is_what_stands_behind_the_prompt(lent: tuple[Any, Any]) -> None:
    tokens = continued(lent[1], "Question: a\nAnswer:", "blue green")
    kept = [token for token, label in zip(tokens.ids, tokens.labels, strict=True) if label != IGNORED]
    assert lent[1].decode(kept).strip() == "blue green" and len(kept) == tokens.trained


def test_the_loss_of_own_text_is_that_of_its_answers(lent: tuple[Any, Any], tmp_path: Path) -> None:
    model, words = lent
    chat = ({"role": "user", "content": "how many"}, {"role": "assistant", "content": "three of them"})
    (said,) = asked(hall(lent, tmp_path), "loss", [Row("1", "1", "", None, None, chat=chat)])
    tokens = encode(words, chat[:1], "three of them")
    start = next(i for i, label in enumerate(tokens.labels) if label != IGNORED)
    assert said.figures["loss"] == pytest.approx(-by_hand(model, tokens.ids, start) / tokens.trained, abs=1e-4)


def rows_of(count: int) -> list[Row]:
    return [Row(str(n), str(n), f"how many {'and ' * (n % 4)}", "a", "b") for n in range(count)]


def test_an_interrupted_sitting_goes_on_to_the_same_answers(
    lent: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, batches = rows_of(8), []
    real = models.answer
    monkeypatch.setattr(models, "answer", lambda *given, **more: batches.append(len(given[2])) or real(*given, **more))
    (tmp_path / "whole").mkdir()
    whole = asked(hall(lent, tmp_path / "whole"), "answers", rows)
    assert batches == [3, 3, 2]

    def killed(*_: Any, done: int, total: int) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(hall(lent, tmp_path, killed), "answers", rows)
    path = tmp_path / "said.jsonl"
    path.write_bytes(path.read_bytes()[:-20])  # the last line was being written
    batches.clear()
    assert asked(hall(lent, tmp_path), "answers", rows) == whole
    assert batches == [3, 2]  # the batch that was cut, and the one that was not begun
    assert len(dict(remembered(path))) == 8


def test_what_is_kept_survives_a_line_that_was_cut(tmp_path: Path) -> None:
    path, one = tmp_path / "said.jsonl", Said(["α"], [1], [True])
    remember(path, {"1": one})
    with path.open("ab") as file:
        file.write(b'{"id": "2", "sa')
    assert dict(remembered(path)) == {"1": one}
    remember(path, {"3": one})
    assert dict(remembered(path)) == {"1": one, "3": one}


def test_samples_differ_and_repeat_and_greedy_is_the_default(lent: tuple[Any, Any], tmp_path: Path) -> None:
    rows = rows_of(4)

    def said(name: str, **changed: Any) -> list[Said]:
        (tmp_path / name).mkdir()
        return asked(hall(lent, tmp_path / name, **changed), "answers", rows)

    sampled = {"samples": 3, "temperature": 1.5, "top_p": 0.95}
    first, again, greedy = said("a", **sampled), said("b", **sampled), said("c")
    assert first == again and [len(one.texts) for one in first] == [3] * 4
    assert any(len(set(one.texts)) > 1 for one in first)
    assert greedy == said("d") and all(len(one.texts) == 1 for one in greedy)


def test_stop_tokens_end_an_answer(lent: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "answer", lambda model, words, prompts, most, **_: [[5, 6], [5] * most][: len(prompts)])
    said = asked(hall(lent, tmp_path), "answers", rows_of(2))
    assert [one.stopped for one in said] == [[True], [False]] and [one.tokens for one in said] == [[2], [6]]


def test_a_long_prompt_is_told_by_its_first_turns_or_is_not_asked(lent: tuple[Any, Any], tmp_path: Path) -> None:
    turns = tuple(f"Doctor: number {n} is this ." for n in range(60))
    row = Row("1", "1", "Question: which ?", "a", "b", turns=turns)
    whole, every = fitted(lent[1], row, None)
    ids, kept = fitted(lent[1], row, 100)
    assert every == 60 and 0 < kept < 60 and len(ids) <= 100 < len(fitted(lent[1], row, len(whole) - 1)[0]) < len(whole)
    text = lent[1].decode(ids)
    assert f"number {kept - 1} " in text and f"number {kept} " not in text and "Question: which ?" in text

    long = [row, Row("2", "2", "word " * 400, "a", "b"), Row("3", "3", "how many", "a", "b")]
    (tmp_path / "left").mkdir()
    shortened = asked(hall(lent, tmp_path, overlong="shorten", prompt_tokens=100), "answers", long)
    left = asked(hall(lent, tmp_path / "left", prompt_tokens=100), "answers", long)
    assert shortened[0].turns == kept and not shortened[0].refused and "100 fit" in shortened[1].refused
    assert [bool(one.refused) for one in left] == [True, True, False] and left[0].texts == []


def test_an_answer_longer_than_the_base_reads_is_a_mistake(lent: tuple[Any, Any], tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="leaves no room"):
        asked(hall(lent, tmp_path, max_new_tokens=10_000), "answers", rows_of(1))
