"""Conversations as token rows: only what the assistant says is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from factory.base.corpus import conversation
from factory.chat import IGNORED
from factory.config import Pretrain
from factory.records import Message

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

Row = tuple[list[int], list[int]]
"""A conversation's ids and labels, of one length."""


def encoded(tokenizer: PreTrainedTokenizerFast, messages: list[Message]) -> Row:
    """Ids and labels of a conversation: what the assistant says, with its stop token, is trained."""
    quietly = {"verbose": False}  # a conversation may be too long: whoever asks for one looks
    coded = tokenizer.apply_chat_template(
        messages, return_dict=True, return_assistant_tokens_mask=True, tokenizer_kwargs=quietly
    )
    labels = [
        token if trained else IGNORED
        for token, trained in zip(coded["input_ids"], coded["assistant_masks"], strict=True)
    ]
    return coded["input_ids"], labels


def fitting(
    tokenizer: PreTrainedTokenizerFast, conf: Pretrain, seed: int, number: int, mix: dict[str, float], level: float
) -> Row:
    """The first conversation of the stream from this number on that fits `max_length`."""
    return told(tokenizer, conf, seed, number, mix, level)[1]


def told(
    tokenizer: PreTrainedTokenizerFast, conf: Pretrain, seed: int, number: int, mix: dict[str, float], level: float
) -> tuple[list[Message], Row]:
    """The same with its messages."""
    while True:
        messages = conversation(seed, number, mix, level)
        row = encoded(tokenizer, messages)
        if len(row[0]) <= conf.max_length:
            return messages, row
        number += conf.conversations


def grouped(rows: list[Row], size: int) -> list[list[Row]]:
    """Micro-batches of rows of like length."""
    rows = sorted(rows, key=lambda row: len(row[0]))
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def padded(batch: list[Row], model: LlamaForCausalLM) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and labels of a micro-batch, (rows, longest), padded on the right where causal attention never looks."""
    import torch

    width = max(len(ids) for ids, _ in batch)
    ids = [row + [model.config.pad_token_id] * (width - len(row)) for row, _ in batch]
    labels = [row + [IGNORED] * (width - len(row)) for _, row in batch]
    return torch.tensor(ids, device=model.device), torch.tensor(labels, device=model.device)
