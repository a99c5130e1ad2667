"""Answers of a batch: rows that have ended leave it and change nothing for the others, and it is known how sure each was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from factory import answering, models
from factory.answering import Said, answered
from factory.chat import IGNORED, Tokens

MOST = 24
SHAPE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "tie_word_embeddings": False,  # or a token is likeliest after itself
}
SLIDING = SHAPE | {"sliding_window": 8, "layer_types": ["sliding_attention", "sliding_attention", "full_attention"]}
PROMPTS = [list(range(2 + row, 4 + row + row % 5)) for row in range(16)]


@pytest.fixture(scope="module", params=["llama", "gemma3_text"])
def model(request: pytest.FixtureRequest) -> Any:
    """A random model of one kind of layer, and one of two kinds: a window that slides, and a whole one."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = SHAPE if request.param == "llama" else SLIDING
    with torch.random.fork_rng():
        torch.manual_seed(4)
        made = AutoModelForCausalLM.from_config(AutoConfig.for_model(request.param, **shape, initializer_range=0.6))
    return made.eval()


def words(stop: int) -> Any:
    """What is asked of a tokenizer here."""
    return SimpleNamespace(eos_token_id=stop, pad_token_id=0)


@pytest.fixture
def calls(model: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The rows of every call to the library's generation."""
    seen, real = [], model.generate
    monkeypatch.setattr(model, "generate", lambda **given: seen.append(len(given["input_ids"])) or real(**given))
    return seen


@pytest.fixture(scope="module")
def stop(model: Any) -> int:
    """The token that most of the rows write somewhere, so that they end at different times."""
    free = answered(model, words(63), PROMPTS, MOST)
    return Counter(token for said in free for token in set(said.ids[2:])).most_common(1)[0][0]


def same(first: Said, second: Said) -> bool:
    return first.ids == second.ids and first.logprob == pytest.approx(second.logprob, abs=1e-4)


def test_rows_that_have_ended_leave_and_change_nothing(
    model: Any, stop: int, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = answered(model, words(stop), PROMPTS, MOST)
    left = list(calls)
    with monkeypatch.context() as patch:
        patch.setattr(answering, "divisible", lambda cache: False)
        whole = answered(model, words(stop), PROMPTS, MOST)
    alone = [answered(model, words(stop), [prompt], MOST)[0] for prompt in PROMPTS]
    assert len(left) > 2 and left[0] == 16 and all(2 * b <= a for a, b in pairwise(left))
    assert len({len(said.ids) for said in found}) > 3, "they end at different times"
    assert all(map(same, found, whole)) and all(map(same, found, alone))


def test_an_answer_is_as_likely_as_the_model_says_when_it_reads_it(model: Any, stop: int) -> None:
    """The other way to the same number: one pass over prompt and answer, with its stop token where it has one."""
    for prompt, said in zip(PROMPTS, answered(model, words(stop), PROMPTS, MOST), strict=True):
        written = said.ids + [stop] * (len(said.ids) < MOST)
        row = Tokens([*prompt, *written], [IGNORED] * len(prompt) + written)
        assert -models.losses(model, words(stop), [row])[0] == pytest.approx(said.logprob, abs=1e-4)


def test_a_sampled_batch_stays_whole_and_says_nothing_of_how_sure_it_was(
    model: Any, stop: int, calls: list[int]
) -> None:
    import torch

    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append(answered(model, words(stop), PROMPTS, MOST, temperature=1.5))
    assert calls == [16, 16] and drawn[0] == drawn[1]
    assert all(said.logprob is None for said in drawn[0])
    assert drawn[0] != answered(model, words(stop), PROMPTS, MOST, temperature=1.5)
