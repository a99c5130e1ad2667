"""Stage four: token arrays to an adapter, by TRL's SFTTrainer on the frozen, quantised base (QLoRA, Dettmers et al. 2023).

The same stage trains every weight (`method=full`), which the comparison sets beside the adapter.

Killed anywhere, it resumes to the same bytes: the Trainer writes checkpoints in place and takes the highest number, so
here a checkpoint counts only with a marker that is written last, and the one before it is kept until then.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from factory import config, models
from factory.rows import read_table, write_jsonl
from factory.store import Events, Made, Source

MARKER = "complete"
"""The file that makes a checkpoint count."""
CURVE = ("step", "loss", "eval_loss", "learning_rate", "grad_norm")


def train(
    tokens: Made,
    tokenizer: Source,
    weights: Source,
    base: config.Weights,
    train: config.Train,
    seed: int,
    *,
    out: Path,
    runtime: config.Runtime,
    events: Events,
) -> dict[str, Any]:
    """Writes `adapter/` (plain PEFT format and its contract) and `curve.jsonl` (step, loss, learning rate).

    With `method=full` there is `model/` in place of the adapter: every weight, in the format of transformers.
    DataMistake where the loss stops being a number, naming the step.
    """
    trainer = new_trainer(tokens, tokenizer, weights, base, train, seed, out / "work" / "checkpoints", runtime, events)
    resumed = last_checkpoint(out / "work" / "checkpoints", train.steps)
    events(f"resuming at {resumed.name}" if resumed else "starting")
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    curve = [
        {name: point[name] for name in CURVE if name in point}
        for point in trainer.state.log_history
        if "loss" in point or "eval_loss" in point
    ]
    write_jsonl(out / "curve.jsonl", curve)
    if train.method == "full":
        trainer.model.save_pretrained(out / "model", safe_serialization=True)
    else:
        made_from = {"tokens": tokens.key, "base": base.path, "revision": dict(weights.facts).get("revision")}
        contract = models.base_contract(weights, tokenizer, base) | {"made_from": made_from}
        save_adapter(trainer.model, out / "adapter", base.path, contract, models.load_tokenizer(tokenizer).eos_token)
    trained = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    last = {
        name: next(point[name] for point in reversed(curve) if name in point)
        for name in ("loss", "eval_loss")
        if any(name in point for point in curve)
    }
    return {
        "steps": trainer.state.global_step,
        "trained_parameters": trained,
        **last,
        "adapter_bytes": sum(file.stat().st_size for file in out.glob("*/*.safetensors")),
    }


def new_trainer(
    tokens: Made,
    tokenizer: Source,
    weights: Source,
    base: config.Weights,
    train: config.Train,
    seed: int,
    checkpoints: Path,
    runtime: config.Runtime,
    events: Events,
) -> Any:
    """The SFTTrainer on the prepared base, its adapter (or all of it) in float32.

    TRL turns a quantised model's adapter to bfloat16, in which updates below 1/256 of a weight vanish; it is turned back
    before the optimizer is made.
    """
    import torch
    from peft import prepare_model_for_kbit_training
    from transformers import PrinterCallback, set_seed

    from factory.stages.watch import Trainer, Watch

    where = models.device(runtime)
    model = models.load_base(weights, base, runtime)
    if base.quantisation.unpacked:
        models.unpack(model)
    models.stay_unpacked(model)
    if base.quantisation.kind != "none":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=train.gradient_checkpointing)
    set_seed(seed)
    dev = dataset(tokens, "dev")
    trainer = Trainer(
        model=model,
        args=arguments(train, seed, checkpoints, where, evaluated=dev is not None),
        peft_config=None if train.method == "full" else lora(train.lora),
        processing_class=models.load_tokenizer(tokenizer),
        train_dataset=dataset(tokens, "train"),
        eval_dataset=dev,
        callbacks=[Watch(events, MARKER)],
    )
    trainer.remove_callback(PrinterCallback)
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
    return trainer


def dataset(tokens: Made, split: str) -> Any:
    """The token arrays of a split, or None where it has none."""
    from datasets import Dataset

    rows = [
        {"input_ids": row["input_ids"], "labels": row["labels"]}
        for row in read_table(tokens.file("tokens.parquet"))
        if row["split"] == split
    ]
    return Dataset.from_list(rows) if rows else None


def lora(settings: config.Lora) -> Any:
    """The adapter's shape as PEFT takes it."""
    from peft import LoraConfig

    targets = settings.targets if settings.targets == "all-linear" else list(settings.targets)
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        use_rslora=settings.rslora,
        bias=settings.bias,
        task_type="CAUSAL_LM",
    )


def arguments(train: config.Train, seed: int, checkpoints: Path, where: str, evaluated: bool) -> Any:
    """The conf group as TRL's arguments; nothing is cut, NaN is not hidden, nothing is reported elsewhere."""
    from trl import SFTConfig

    return SFTConfig(
        output_dir=str(checkpoints),
        max_steps=train.steps,
        per_device_train_batch_size=train.batch_size,
        per_device_eval_batch_size=train.batch_size,
        gradient_accumulation_steps=train.gradient_accumulation,
        learning_rate=train.learning_rate,
        lr_scheduler_type=train.schedule.kind,
        warmup_steps=train.schedule.warmup,
        lr_scheduler_kwargs={"min_lr_rate": train.schedule.floor} if train.schedule.floor else {},
        weight_decay=train.weight_decay,
        max_grad_norm=train.max_grad_norm,
        optim=train.optimizer,
        bf16=train.precision == "bfloat16",
        gradient_checkpointing=train.gradient_checkpointing,
        train_sampling_strategy="group_by_length" if train.group_by_length else "random",
        max_length=None,
        packing=False,
        seed=seed,
        data_seed=seed,
        use_cpu=where == "cpu",
        dataloader_pin_memory=where != "cpu",
        logging_steps=train.log_every,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        save_steps=train.checkpoint_every,
        save_total_limit=2,
        eval_strategy="steps" if evaluated else "no",
        eval_steps=train.checkpoint_every,
    )


def last_checkpoint(folder: Path, steps: int) -> Path | None:
    """The newest complete checkpoint; half-written ones are removed.

    So is one of the last step: from there the Trainer would make a step more.
    """
    found = sorted(folder.glob("checkpoint-*"), key=step_of)
    for path in found:
        if not (path / MARKER).exists() or step_of(path) >= steps:
            shutil.rmtree(path)
    return next((path for path in reversed(found) if path.exists()), None)


def step_of(checkpoint: Path) -> int:
    """The step at which a checkpoint was written."""
    return int(checkpoint.name.rpartition("-")[2])


def save_adapter(model: Any, folder: Path, base: str, contract: dict[str, Any], stop: str) -> None:
    """Saves the adapter in PEFT format, its config in a fixed order, and its contract."""
    model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    settings = json.loads((folder / "adapter_config.json").read_text())
    # PEFT writes this from a set, and the base by the path it was loaded from: both differ from run to run.
    settings["target_modules"] = sorted(settings["target_modules"])
    settings["base_model_name_or_path"] = base
    (folder / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True))
    about = {
        "stop_tokens": [stop],
        "target_modules": settings["target_modules"],
        "rank": settings["r"],
        "shapes": models.adapter_shapes(folder),
    }
    (folder / models.CONTRACT).write_text(json.dumps(contract | about, indent=1))
