"""How well a base answers conversations that it has not read, lesson by lesson."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from factory.base.corpus import conversation
from factory.base.rows import Row, fitting, grouped, padded
from factory.chat import IGNORED
from factory.config import Pretrain

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

APART = 2
"""Added to the seed: a stream of conversations that no step and no tokenizer reads."""


def held_out(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, conf: Pretrain) -> dict[str, Any]:
    """`held_out_loss` per trained token on the whole mix, and for each lesson the share of its answers that are exact.

    An answer is exact when every token of it, its stop token too, is the likeliest after the right ones before it.
    """
    exact = {}
    for lesson in conf.mix:
        _, _, right, answers = measured(model, read(tokenizer, conf, {lesson: 1.0}), conf.micro_batch)
        exact[lesson] = round(right / answers, 3)
    return {"held_out_loss": held_out_loss(model, tokenizer, conf), "exact": exact}


def held_out_loss(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, conf: Pretrain) -> float:
    """The loss per trained token on the whole mix."""
    loss, trained, _, _ = measured(model, read(tokenizer, conf, conf.mix), conf.micro_batch)
    return round(loss / trained, 4)


def read(tokenizer: PreTrainedTokenizerFast, conf: Pretrain, mix: dict[str, float]) -> list[Row]:
    """Full-size conversations of that mix."""
    return [fitting(tokenizer, conf, conf.seed + APART, number, mix, 1.0) for number in range(conf.held_out)]


def conversations(conf: Pretrain) -> Iterator[dict[str, Any]]:
    """Conversations of that stream with their lesson, of every lesson its share of the mix, rounded up."""
    for lesson, weight in conf.mix.items():
        for number in range(math.ceil(conf.held_out * weight / sum(conf.mix.values()))):
            yield {"lesson": lesson, "messages": conversation(conf.seed + APART, number, {lesson: 1.0}, 1.0)}


def measured(model: LlamaForCausalLM, rows: list[Row], size: int) -> tuple[float, int, int, int]:
    """Loss summed over trained tokens, how many they are, and how many answers are exact of how many."""
    import torch

    loss, trained, right, answers = 0.0, 0, 0, 0
    model.eval()
    with torch.inference_mode():
        for batch in grouped(rows, size):
            ids, labels = padded(batch, model)
            logits = model(input_ids=ids).logits[:, :-1]
            target = labels[:, 1:]
            wanted = target != IGNORED
            loss += torch.nn.functional.cross_entropy(logits[wanted], target[wanted], reduction="sum").item()
            trained += int(wanted.sum())
            hit = (logits.argmax(-1) == target) | ~wanted
            for row, line in zip(wanted.tolist(), hit.tolist(), strict=True):
                spans = spans_of(row)
                answers += len(spans)
                right += sum(all(line[start:end]) for start, end in spans)
    return loss, trained, right, answers


def spans_of(wanted: list[bool]) -> list[tuple[int, int]]:
    """Start and end of every run of trained tokens."""
    edges = [i for i in range(len(wanted) + 1) if (i < len(wanted) and wanted[i]) != (i > 0 and wanted[i - 1])]
    return list(zip(edges[::2], edges[1::2], strict=True))
