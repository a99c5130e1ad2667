"""Pretraining of an embedded base from its conf file: `make base` makes the shipped weights again.

Answer-only loss over fresh conversations, Muon on the matrices and AdamW on the rest (measured elsewhere: about half the
tokens that AdamW alone needs to learn to copy), warm-up, hold, linear decay. One checkpoint, replaced atomically, so that
a killed run goes on where it was. Steps 0 gives random weights (the `tiny` base of the tests).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from factory.base.card import card
from factory.base.corpus import conversation, query_text
from factory.base.tokenizer import train_tokenizer
from factory.chat import IGNORED
from factory.config import Pretrain
from factory.store import Events, digest, locked, naming_a_full_disk

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast


def make(conf: Pretrain, runs: Path, threads: int, events: Events) -> Path:
    """Makes the base's folder and returns it; a killed run goes on from `runs/pretrain/<conf's digest>`."""
    asked = conf.model_dump(mode="json")
    work = runs / "pretrain" / f"{Path(conf.out).name}-{digest(asked)[:10]}"
    with locked(work), naming_a_full_disk(work):
        return pretrain(conf, work, threads, events)


def pretrain(conf: Pretrain, work: Path, threads: int, events: Events) -> Path:
    """Makes the base's folder (weights, tokenizer, curve); `work` holds the checkpoint meanwhile."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(conf.seed)
    out = Path(conf.out)
    tokenizer = train_tokenizer(sample_texts(conf), conf.vocabulary, conf.architecture.max_positions)
    model = new_model(conf, tokenizer)
    events(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    curve = train(model, tokenizer, conf, work, events) if conf.steps else []
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "curve.jsonl").write_text("".join(json.dumps(point) + "\n" for point in curve))
    (out / "README.md").write_text(card(conf, model.num_parameters(), curve))
    return out


def sample_texts(conf: Pretrain) -> Iterator[str]:
    """The text the tokenizer is trained on: conversations of a stream of their own."""
    for index in range(conf.tokenizer_rows):
        for message in conversation(conf.seed + 1, index, conf.mix, 1.0):
            yield " " + message["content"]
        yield " " + query_text(conf.seed + 1, index)


def new_model(conf: Pretrain, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama of the conf's shape with random weights."""
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    shape = conf.architecture
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape.hidden_size,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            intermediate_size=shape.intermediate_size,
            max_position_embeddings=shape.max_positions,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    return model


def train(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, conf: Pretrain, work: Path, events: Events
) -> list[dict]:
    """Trains in place; returns the curve: step, tokens, loss per trained token."""
    optimizers = new_optimizers(model, conf)
    checkpoint = work / "checkpoint.pt"
    step, tokens, curve = restore(checkpoint, model, optimizers)
    model.train()
    since, seen = 0.0, 0
    while step < conf.steps:
        rate = rate_at(step, conf)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate
        loss, count = one_step(model, optimizers, batches(tokenizer, conf, step))
        step, tokens, since, seen = step + 1, tokens + count, since + loss, seen + 1
        if step % conf.log_every == 0 or step == conf.steps:
            curve.append({"step": step, "tokens": tokens, "loss": round(since / seen, 4)})
            events("step", done=step, total=conf.steps, loss=since / seen, tokens=tokens)
            since, seen = 0.0, 0
        if step % conf.checkpoint_every == 0:
            save(
                checkpoint,
                {
                    "step": step,
                    "tokens": tokens,
                    "curve": curve,
                    "model": model.state_dict(),
                    "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                },
            )
    return curve


def new_optimizers(model: LlamaForCausalLM, conf: Pretrain) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for embeddings and norms."""
    import torch

    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in model.named_parameters() if p.ndim < 2 or "embed" in name]
    muon = torch.optim.Muon(
        matrices, lr=conf.learning_rate, weight_decay=conf.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    adamw = torch.optim.AdamW(rest, lr=conf.learning_rate, weight_decay=0.0, betas=(0.9, 0.95))
    for optimizer in (muon, adamw):
        for group in optimizer.param_groups:
            group["peak"] = conf.learning_rate
    return [muon, adamw]


def rate_at(step: int, conf: Pretrain) -> float:
    """The share of the peak learning rate: linear warm-up, hold, linear decay to zero."""
    decay = max(1, round(conf.steps * conf.schedule.decay))
    return min(1.0, (step + 1) / max(1, conf.schedule.warmup), (conf.steps - step) / decay)


def batches(tokenizer: PreTrainedTokenizerFast, conf: Pretrain, step: int) -> list[list[tuple[list[int], list[int]]]]:
    """The micro-batches of a step, rows of like length together: each row its ids and its labels."""
    rows, size, index = [], 0, 0
    level = min(1.0, step / (0.4 * conf.steps))
    while size < conf.tokens_per_step:
        row = encode(tokenizer, conversation(conf.seed, step * 100_000 + index, conf.mix, level))
        index += 1
        if len(row[0]) <= conf.max_length:
            rows.append(row)
            size += len(row[0])
    rows.sort(key=lambda row: len(row[0]))
    return [rows[start : start + 16] for start in range(0, len(rows), 16)]


def encode(tokenizer: PreTrainedTokenizerFast, messages: list[dict[str, str]]) -> tuple[list[int], list[int]]:
    """Ids and labels of a conversation: only what the assistant says, with its stop token, is trained."""
    coded = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    labels = [
        token if trained else IGNORED
        for token, trained in zip(coded["input_ids"], coded["assistant_masks"], strict=True)
    ]
    return coded["input_ids"], labels


def one_step(model: LlamaForCausalLM, optimizers: list, micro: list) -> tuple[float, int]:
    """One optimizer step over the micro-batches; returns the loss per trained token and the tokens read."""
    import torch

    trained = sum(label != IGNORED for batch in micro for _, labels in batch for label in labels)
    total = 0.0
    for batch in micro:
        width = max(len(ids) for ids, _ in batch)
        ids = torch.tensor([row + [model.config.pad_token_id] * (width - len(row)) for row, _ in batch])
        labels = torch.tensor([row + [IGNORED] * (width - len(row)) for _, row in batch])
        hidden = model.model(input_ids=ids, attention_mask=None).last_hidden_state[:, :-1]
        target = labels[:, 1:]
        wanted = target != IGNORED
        loss = (
            torch.nn.functional.cross_entropy(model.lm_head(hidden[wanted]), target[wanted], reduction="sum") / trained
        )
        loss.backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return total, sum(len(ids) for batch in micro for ids, _ in batch)


def restore(checkpoint: Path, model: LlamaForCausalLM, optimizers: list) -> tuple[int, int, list[dict]]:
    """Step, tokens and curve of the checkpoint, its state loaded; zeros where there is none."""
    import torch

    if not checkpoint.exists():
        return 0, 0, []
    state = torch.load(checkpoint, weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return state["step"], state["tokens"], state["curve"]


def save(checkpoint: Path, state: dict) -> None:
    """Writes the checkpoint beside the old one and swaps them."""
    import torch

    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, checkpoint.with_suffix(".new"))
    os.replace(checkpoint.with_suffix(".new"), checkpoint)
