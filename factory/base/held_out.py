"""How well a base answers conversations that it has not read, lesson by lesson."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from factory.base.rows import Row, fitting, grouped, padded, told
from factory.chat import IGNORED
from factory.config import Pretrain
from factory.records import Message

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

HELD_OUT = "held_out.jsonl"
"""The file of the conversations beside the base: what a checkup measures its adapters on."""
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


def conversations(tokenizer: PreTrainedTokenizerFast, conf: Pretrain) -> list[list[Message]]:
    """The conversations of the whole mix that the loss is measured on, each to the end of its last answer."""
    numbers = range(conf.held_out)
    return [told(tokenizer, conf, conf.seed + APART, number, conf.mix, 1.0)[0] for number in numbers]


def read(tokenizer: PreTrainedTokenizerFast, conf: Pretrain, mix: dict[str, float]) -> list[Row]:
    """Full-size conversations of that mix."""
    return [fitting(tokenizer, conf, conf.seed + APART, number, mix, 1.0) for number in range(conf.held_out)]


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
