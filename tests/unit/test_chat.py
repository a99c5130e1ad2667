"""Exactly the answer and its stop token are trained, whatever the template; every planted mask bug is seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from factory.chat import IGNORED, Tokens, encode, prompt_ids, span_mistake
from factory.config import data_dir
from factory.errors import DataMistake

MESSAGES = ({"role": "user", "content": "Tables:\n- book ( id key )\nQuestion: Count the books."},)
ANSWER = "SELECT count ( * ) FROM book"

BODY = "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}{{ ' ' + m['content'] }}"
CLOSE = "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
STOPS = BODY + "{% if m['role'] == 'assistant' %}{{ '<|end|>' }}{% endif %}" + CLOSE
NEWLINE = BODY + "{% if m['role'] == 'assistant' %}{{ '<|end|>\n' }}{% endif %}" + CLOSE
NO_STOP = BODY + CLOSE
REWRITES = "{% if messages[-1]['role'] == 'assistant' %}{{ '<|system|> answered' }}{% endif %}" + STOPS
GLUES = STOPS.replace("'<|assistant|>' }}{% endif %}", "'<|assistant|> ' }}{% endif %}")
TWO_STOPS = BODY + "{% if m['role'] == 'assistant' %}{{ '<|end|><|end|>' }}{% endif %}" + CLOSE


@pytest.fixture
def words() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(data_dir() / "base/tiny")


@pytest.fixture
def good(words: Any) -> Tokens:
    return encode(words, MESSAGES, ANSWER)


def trained(tokens: Tokens) -> list[int]:
    return [label for label in tokens.labels if label != IGNORED]


def planted(good: Tokens, position: int, label: int) -> Tokens:
    labels = list(good.labels)
    labels[position] = label
    return replace(good, labels=labels)


def first_trained(tokens: Tokens) -> int:
    return next(i for i, label in enumerate(tokens.labels) if label != IGNORED)


@pytest.mark.parametrize("template", [None, STOPS, NEWLINE], ids=["its own", "stops", "newline after the stop"])
def test_the_answer_and_its_stop_are_trained_and_nothing_else(words: Any, template: str | None) -> None:
    words.chat_template = template or words.chat_template
    tokens = encode(words, MESSAGES, ANSWER)
    span = trained(tokens)
    assert words.decode(span[:-1]).strip() == ANSWER
    assert span[-1] == words.eos_token_id
    assert len(tokens.ids) == len(tokens.labels)
    assert tokens.trained == len(span)
    assert span_mistake(words, tokens, ANSWER) == ""


def test_training_and_use_give_the_model_the_same_prompt(words: Any, good: Tokens) -> None:
    prompt = prompt_ids(words, MESSAGES)
    assert good.ids[: len(prompt)] == prompt
    assert first_trained(good) == len(prompt)


def test_what_a_template_writes_after_the_stop_stays_and_is_not_trained(words: Any) -> None:
    words.chat_template = NEWLINE
    tokens = encode(words, MESSAGES, ANSWER)
    assert tokens.ids[-1] != words.eos_token_id
    assert tokens.labels[-1] == IGNORED
    assert words.decode(tokens.ids).endswith("<|end|>\n")


def test_a_template_without_a_stop_token_is_refused(words: Any) -> None:
    words.chat_template = NO_STOP
    with pytest.raises(DataMistake, match=r"no stop token '<\|end\|>' follows the answer"):
        encode(words, MESSAGES, ANSWER)


def test_a_template_that_writes_the_prompt_differently_is_refused(words: Any) -> None:
    words.chat_template = REWRITES
    with pytest.raises(DataMistake, match="writes the prompt differently when an answer follows"):
        encode(words, MESSAGES, ANSWER)


def test_a_prompt_whose_last_token_the_answer_changes_is_refused(words: Any) -> None:
    """A space at the end of the prompt joins the answer's first word: the model would be asked what it never saw."""
    words.chat_template = GLUES
    with pytest.raises(DataMistake, match="writes the prompt differently when an answer follows"):
        encode(words, MESSAGES, ANSWER)


def test_two_stop_tokens_are_seen(words: Any) -> None:
    words.chat_template = TWO_STOPS
    assert "one stop token" in span_mistake(words, encode(words, MESSAGES, ANSWER), ANSWER)


def test_an_answer_that_spells_the_stop_token_is_seen(words: Any) -> None:
    said = f"{ANSWER} <|end|> x"
    assert "one stop token" in span_mistake(words, encode(words, MESSAGES, said), said)


def test_nothing_trained_is_seen(words: Any, good: Tokens) -> None:
    assert span_mistake(words, replace(good, labels=[IGNORED] * len(good.ids)), ANSWER).startswith("0 of ")


def test_everything_trained_is_seen(words: Any, good: Tokens) -> None:
    total = len(good.ids)
    assert span_mistake(words, replace(good, labels=list(good.ids)), ANSWER) == f"{total} of {total} tokens are trained"


def test_a_missing_stop_token_is_seen(words: Any, good: Tokens) -> None:
    last = len(good.labels) - 1 - good.labels[::-1].index(words.eos_token_id)
    assert "one stop token" in span_mistake(words, planted(good, last, IGNORED), ANSWER)


def test_a_trained_prompt_token_is_seen(words: Any, good: Tokens) -> None:
    before = first_trained(good) - 1
    assert "the answer is" in span_mistake(words, planted(good, before, good.ids[before]), ANSWER)


def test_an_untrained_answer_token_is_seen(words: Any, good: Tokens) -> None:
    assert span_mistake(words, planted(good, first_trained(good), IGNORED), ANSWER)
    assert span_mistake(words, planted(good, first_trained(good) + 2, IGNORED), ANSWER)


def test_an_altered_answer_is_seen(words: Any, good: Tokens) -> None:
    assert "the answer is" in span_mistake(words, good, ANSWER.replace("book", "loan"))


def test_labels_moved_by_one_place_are_seen(words: Any, good: Tokens) -> None:
    """The library shifts labels itself; shifted twice, every token learns to say the next but one."""
    moved = replace(good, labels=[*good.labels[1:], IGNORED])
    assert trained(moved) == trained(good)
    assert "own places" in span_mistake(words, moved, ANSWER)


def test_labels_of_another_length_are_seen(words: Any, good: Tokens) -> None:
    assert "own places" in span_mistake(words, replace(good, labels=[*good.labels, IGNORED]), ANSWER)
