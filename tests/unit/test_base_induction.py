"""Heads set by hand look where they were set to look, and a network with them learns to copy where another does not yet."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from factory.base.induction import HEADS, set_heads
from factory.errors import ConfigMistake

AGAIN = 60
"""Tokens that are said twice."""


def network(induction: bool, **shape: int) -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 192, "num_hidden_layers": 2, "num_attention_heads": 6, "intermediate_size": 256, **shape}
    rope = {"rope_type": "default", "rope_theta": 1e5}
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=500, tie_word_embeddings=True, rope_parameters=rope, attn_implementation="eager", **sizes
        )
    )
    if induction:
        set_heads(model)
    return model


def said_twice(rows: int, seed: int) -> torch.Tensor:
    once = torch.randint(500, (rows, AGAIN), generator=torch.Generator().manual_seed(seed))
    return torch.cat([once, once], 1)


def test_heads_look_back_and_look_for_what_stood_before() -> None:
    places = torch.arange(AGAIN + 5, 2 * AGAIN)
    with torch.no_grad():
        first, second = network(True)(said_twice(1, 1), output_attentions=True).attentions
    for head, back in enumerate((1, 1, 2)):
        assert first[0, head, places, places - back].mean() > 0.8
    for head in range(HEADS):
        there = second[0, head, places, places - AGAIN + 1].mean()
        beside = second[0, head, places, places - AGAIN].mean()
        assert there > 4 / AGAIN and there > 3 * beside


def test_a_network_with_them_copies_after_few_steps() -> None:
    losses = {}
    for induction in (False, True):
        model = network(induction)
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        for step in range(40):
            ids = said_twice(8, step)
            logits = model(ids).logits[:, AGAIN:-1]
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, AGAIN + 1 :].flatten())
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        losses[induction] = loss.item()
    assert losses[True] < 2 < 4 < losses[False], losses  # log(60) is 4.1: one of the tokens said


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"num_hidden_layers": 1}, "1 layers and 6 heads of 32 entries"),
        ({"num_attention_heads": 4}, "2 layers and 4 heads of 48 entries"),
        ({"num_attention_heads": 16}, "2 layers and 16 heads of 12 entries"),
    ],
)
def test_a_network_too_small_for_them_is_one_clear_line(shape: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigMistake, match=rf"{said}.*set pretrain\.induction=false"):
        set_heads(network(False, **shape))
