"""Pretraining of an embedded base from its conf file: `make base` makes the shipped weights again.

Answer-only loss over fresh conversations, Muon on the matrices and AdamW on the rest (measured elsewhere: about half the
tokens that AdamW alone needs to learn to copy), warm-up, hold, linear decay. On a CPU several processes share the
conversations of a step (data parallel, gloo on the loopback), one torch thread each: for a model this small two threads
in one process are slower. One checkpoint, replaced atomically, so that a killed run goes on where it was. Steps 0 gives
random weights (the `tiny` base of the tests).
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from factory import models
from factory.base.card import card
from factory.base.corpus import conversation
from factory.base.held_out import HELD_OUT, conversations, held_out, held_out_loss
from factory.base.induction import set_heads
from factory.base.rows import Row, fitting, grouped, padded
from factory.base.tokenizer import train_tokenizer
from factory.chat import IGNORED
from factory.config import Pretrain, Quantisation, Runtime, Weights
from factory.errors import Mistake
from factory.rows import write_jsonl
from factory.store import Events, Source, digest, locked, naming_a_full_disk

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

NF4 = Weights(
    path=".",
    revision=None,
    random_seed=None,
    remote_code=None,
    dtype="float32",
    attention="sdpa",
    quantisation=Quantisation(kind="nf4", double=True, compute_dtype="float32", unpacked=False),
)
"""How QLoRA will hold the base: its loss is on the card beside that of the weights as they are."""
STREAM = 100_000
"""Conversations are numbered step * STREAM + place: none is read twice."""


def make(conf: Pretrain, runtime: Runtime, events: Events) -> Path:
    """Makes the base's folder and returns it; a killed run goes on from `runs/pretrain/<conf's digest>`."""
    work = workplace(conf, runtime)
    with locked(work), naming_a_full_disk(work):
        return pretrain(conf, work, runtime, events)


def workplace(conf: Pretrain, runtime: Runtime) -> Path:
    """The folder of the checkpoint and the snapshots."""
    asked = conf.model_dump(mode="json")
    return Path(runtime.runs) / "pretrain" / f"{Path(conf.out).name}-{digest(asked)[:10]}"


def grown(conf: Pretrain, runtime: Runtime) -> list[tuple[int, Path]]:
    """Tokens read and weights of every snapshot, the earliest first, and of the base as made; Mistake where none is."""
    work, out = workplace(conf, runtime), Path(conf.out)
    found = [(int((path / "tokens").read_text()), path) for path in work.glob("snapshot-*")]
    if not found or not (out / "curve.jsonl").exists():
        raise Mistake(str(work), "no snapshots of this base", "make it on this machine first: factory pretrain")
    last = json.loads((out / "curve.jsonl").read_text().splitlines()[-1])
    return [*sorted(found), (last["tokens"], out)]


def pretrain(conf: Pretrain, work: Path, runtime: Runtime, events: Events) -> Path:
    """Makes the base's folder (weights, tokenizer, curve, held-out conversations, card)."""
    import torch

    models.quiet()
    out = Path(conf.out)
    work.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(sample_texts(conf), conf.vocabulary, conf.architecture.max_positions)
    tokenizer.save_pretrained(work / "tokenizer")
    model = new_model(conf, tokenizer)
    events(f"{model.num_parameters():,} parameters, {len(tokenizer)} tokens")
    curve = in_parallel(model, tokenizer, conf, work, runtime, events) if conf.steps else []
    if curve:
        curve[-1] |= held_out(model, tokenizer, conf)
        events(f"held out: {curve[-1]['exact']}", loss=curve[-1]["held_out_loss"])
    model.to("cpu", torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    if curve:
        curve[-1]["held_out_loss_nf4"] = held_out_loss(models.load_base(Source(out, ""), NF4, runtime), tokenizer, conf)
        events("held out, in NF4", loss=curve[-1]["held_out_loss_nf4"])
        write_jsonl(out / HELD_OUT, ({"messages": turns} for turns in conversations(tokenizer, conf)))
    (out / "curve.jsonl").write_text("".join(json.dumps(point) + "\n" for point in curve))
    (out / "README.md").write_text(card(conf, model.num_parameters(), curve))
    return out


def sample_texts(conf: Pretrain) -> Iterator[str]:
    """The text the tokenizer is trained on: conversations of a stream of their own."""
    for index in range(conf.tokenizer_rows):
        for message in conversation(conf.seed + 1, index, conf.mix, 1.0):
            yield " " + message["content"]


def new_model(conf: Pretrain, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama of the conf's shape with random weights of its seed, its first heads set to copy where the conf says so."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(conf.seed)
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
            rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    if conf.induction:
        set_heads(model)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    return model


def in_parallel(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    conf: Pretrain,
    work: Path,
    runtime: Runtime,
    events: Events,
) -> list[dict]:
    """Trains the model in place, with `runtime.workers` processes on a CPU and one on a GPU; returns the curve."""
    import torch.distributed as dist

    where = models.device(runtime)
    size = 1 if where == "cuda" else runtime.workers
    meeting = work / "meeting"
    meeting.unlink(missing_ok=True)
    spawn = multiprocessing.get_context("spawn")
    others = [
        spawn.Process(target=follow, args=(conf, work, runtime, rank, size), daemon=True) for rank in range(1, size)
    ]
    for other in others:
        other.start()
    join(meeting, 0, size)
    try:
        return train(model.to(where), tokenizer, conf, work, events)
    finally:
        dist.destroy_process_group()
        for other in others:
            other.join(10)
            other.kill()


def join(meeting: Path, rank: int, size: int) -> None:
    """Joins the group of processes that share the steps."""
    import torch.distributed as dist

    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{meeting.absolute()}", rank=rank, world_size=size)


def follow(conf: Pretrain, work: Path, runtime: Runtime, rank: int, size: int) -> None:
    """What the other processes do: the same steps with their share of the conversations; they end with the first."""
    from transformers import AutoTokenizer

    models.go_offline(runtime)
    models.quiet()
    models.device(runtime)
    tokenizer = AutoTokenizer.from_pretrained(work / "tokenizer")
    model = new_model(conf, tokenizer)
    join(work / "meeting", rank, size)
    train(model, tokenizer, conf, work, lambda *_, **__: None)


def train(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, conf: Pretrain, work: Path, events: Events
) -> list[dict]:
    """Trains in place with this process's share of every step; returns the curve: step, tokens, loss per trained token."""
    import torch.distributed as dist

    optimizers = new_optimizers(model, conf)
    checkpoint, first = work / "checkpoint.pt", dist.get_rank() == 0
    step, tokens, curve = restore(checkpoint, model, optimizers)
    dist.barrier()
    model.train()
    since, seen = 0.0, 0
    while step < conf.steps:
        for optimizer, peak in zip(optimizers, (conf.learning_rate, conf.embedding_rate), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate_at(step, conf)
        loss, count = one_step(model, optimizers, batches(tokenizer, conf, step))
        step, tokens, since, seen = step + 1, tokens + count, since + loss, seen + 1
        if step % conf.log_every == 0 or step == conf.steps:
            curve.append({"step": step, "tokens": tokens, "loss": round(since / seen, 4)})
            events("step", done=step, total=conf.steps, loss=since / seen, tokens=tokens)
            since, seen = 0.0, 0
        if first and step in conf.snapshots:
            snapshot(model, tokenizer, work / f"snapshot-{step}", tokens)
        if first and step % conf.checkpoint_every == 0:
            state = {"step": step, "tokens": tokens, "curve": curve, "model": model.state_dict()}
            save(checkpoint, {**state, "optimizers": [optimizer.state_dict() for optimizer in optimizers]})
    return curve


def new_optimizers(model: LlamaForCausalLM, conf: Pretrain) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for embeddings and norms."""
    import torch

    from factory.base.muon import Muon

    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in model.named_parameters() if p.ndim < 2 or "embed" in name]
    return [
        Muon(matrices, lr=conf.learning_rate, weight_decay=conf.weight_decay),
        torch.optim.AdamW(rest, lr=conf.embedding_rate, weight_decay=0.0, betas=(0.9, 0.95)),
    ]


def rate_at(step: int, conf: Pretrain) -> float:
    """The share of the peak learning rate: linear warm-up, hold, linear decay to zero."""
    decay = max(1, round(conf.steps * conf.schedule.decay))
    return min(1.0, (step + 1) / max(1, conf.schedule.warmup), (conf.steps - step) / decay)


def batches(tokenizer: PreTrainedTokenizerFast, conf: Pretrain, step: int) -> list[list[Row]]:
    """This process's micro-batches of a step, rows of like length together; who reads a row changes nothing but sums."""
    import torch.distributed as dist

    level = min(1.0, step / max(1, conf.schedule.growth))
    mine = range(dist.get_rank(), conf.conversations, dist.get_world_size())
    rows = [fitting(tokenizer, conf, conf.seed, step * STREAM + place, conf.mix, level) for place in mine]
    return grouped(rows, conf.micro_batch)


def one_step(model: LlamaForCausalLM, optimizers: list, micro: list[list[Row]]) -> tuple[float, int]:
    """One optimizer step over all processes' micro-batches; returns the loss per trained token and the tokens read."""
    import torch
    import torch.distributed as dist

    total = sum(summed_loss(model, batch) for batch in micro)
    read = sum(len(ids) for batch in micro for ids, _ in batch)
    trained = sum(label != IGNORED for batch in micro for _, labels in batch for label in labels)
    counts = torch.tensor([total, read, trained], dtype=torch.float64)
    dist.all_reduce(counts)
    gradients = [parameter.grad for parameter in model.parameters()]
    flat = torch.cat([gradient.flatten() for gradient in gradients]).cpu()
    dist.all_reduce(flat)
    flat /= counts[2].item()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return counts[0].item() / counts[2].item(), int(counts[1])


def summed_loss(model: LlamaForCausalLM, batch: list[Row]) -> float:
    """The loss summed over the trained tokens of a micro-batch; its gradients are added up."""
    import torch

    ids, labels = padded(batch, model)
    hidden = model.model(input_ids=ids, attention_mask=None).last_hidden_state[:, :-1]
    wanted = labels[:, 1:] != IGNORED
    logits = model.lm_head(hidden[wanted]).float()
    loss = torch.nn.functional.cross_entropy(logits, labels[:, 1:][wanted], reduction="sum")
    loss.backward()
    return loss.item()


def restore(checkpoint: Path, model: LlamaForCausalLM, optimizers: list) -> tuple[int, int, list[dict]]:
    """Step, tokens and curve of the checkpoint, its state loaded; zeros where there is none."""
    import torch

    if not checkpoint.exists():
        return 0, 0, []
    state = torch.load(checkpoint, weights_only=True, map_location=model.device)
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return state["step"], state["tokens"], state["curve"]


def save(checkpoint: Path, state: dict) -> None:
    """Writes the checkpoint beside the old one and swaps them."""
    import torch

    torch.save(state, checkpoint.with_suffix(".new"))
    os.replace(checkpoint.with_suffix(".new"), checkpoint)


def snapshot(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path, tokens: int) -> None:
    """The weights as they are now, as a base of their own: for the curve of exam score against tokens read."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "tokens").write_text(f"{tokens}\n")
