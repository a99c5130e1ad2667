"""TRL's trainers as a training of ours needs them: which rows in which order, what is asked of them, where they go on."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from factory import config, fits, models
from factory.errors import Mistake
from factory.rows import FIELDS, read_examples, read_table
from factory.specialist import find
from factory.stages.losses import Losses
from factory.stages.order import Row, order
from factory.stages.sitting import Hall, chosen
from factory.store import Events, Made

MARKER = "complete"
"""The file that makes a checkpoint count."""
ROWS = "rows.jsonl"
"""The losses by row, beside the checkpoints."""


def new_trainer(
    policy: Any,
    words: Any,
    rows: Any,
    dev: Any,
    kept: Made,
    specialist: config.Specialist,
    train: config.Train,
    seed: int,
    out: Path,
    runtime: config.Runtime,
    events: Events,
) -> Any:
    """TRL's trainer with what is ours, its adapter (or all of it) in float32.

    TRL turns a quantised model's adapter to bfloat16, in which updates below 1/256 of a weight vanish, and which would
    round an adapter that is gone on from; its values are given back before the optimizer is made.
    """
    import torch
    from transformers import PrinterCallback

    from factory.stages import watch

    names = dict(zip(rows["row"], rows["id"], strict=True))
    losses = Losses(out / "work" / ROWS, names, train.loss_rise)
    score = scorer(kept, words, specialist, train.choose, seed, events) if train.choose.by == "score" else None
    pairs = "prompt_ids" in rows.column_names
    if train.choose.by != "last" and not dev:
        what, keys = ("pairs of ", "train.prefer.rows or samples, or ") if pairs else ("", "")
        hint = f"raise {keys}filter.split.dev_share"
        raise Mistake(f"train.choose.by={train.choose.by}", f"there are no {what}development rows", hint)
    known = hasattr(policy.config.get_text_config(), "num_experts")
    if train.router_balance and train.head == "chunked" and not known:
        what = "TRL's head does not know how many experts this base has"
        raise Mistake(f"train.router_balance={train.router_balance}", what, "take train.head=sliced")
    trained = {name: p for name, p in policy.named_parameters() if p.requires_grad}
    values = {name: p.detach().to(torch.float32, copy=True) for name, p in trained.items()}
    kind = watch.PreferenceTrainer if pairs else watch.Trainer
    trainer = kind(
        model=policy,
        args=arguments(train, seed, out / "work" / "checkpoints", models.device(runtime), kind, evaluated=bool(dev)),
        processing_class=words,
        data_collator=kind.batches(words.pad_token_id, train),
        train_dataset=rows,
        eval_dataset=dev,
        callbacks=[watch.Watch(events, MARKER, losses)],
    )
    trainer.remove_callback(PrinterCallback)
    for name, parameter in trained.items():
        parameter.data = values[name]
    trainer.order = order(rows_of(rows, kept, train), train, seed, train.steps)
    trainer.losses, trainer.score, trainer.head = losses, score, train.head
    return trainer


def dataset(path: Path, splits: tuple[str, ...]) -> Any:
    """The rows of some splits, mapped into memory; `row` is their place in the file. None where there are none."""
    from datasets import Dataset

    rows = Dataset.from_file(str(path))
    places = [place for place, split in enumerate(rows["split"]) if split in splits]
    return rows.select(places) if places else None


def lengths(rows: Any) -> list[int]:
    """Tokens of every row; of a pair, of the longer one."""
    if "prompt_ids" not in rows.column_names:
        return [len(ids) for ids in rows["input_ids"]]
    ends = zip(rows["prompt_ids"], rows["chosen_ids"], rows["rejected_ids"], strict=True)
    return [len(prompt) + max(len(chosen), len(rejected)) for prompt, chosen, rejected in ends]


def largest(rows: Any, train: config.Train) -> fits.Batch:
    """The batch of the longest rows: what a training's memory hangs on."""
    if "prompt_ids" in rows.column_names:
        prompts = [len(ids) for ids in rows["prompt_ids"]]
        return fits.Batch(2 * train.batch_size, max(lengths(rows)), max(lengths(rows)) - min(prompts))
    return fits.largest(rows["labels"], train.batch_size)


def rows_of(rows: Any, kept: Made, train: config.Train) -> list[Row]:
    """What the order of a training looks at."""
    levels = levels_of(kept, train.curriculum)
    stranger = train.curriculum.levels[0] if train.curriculum else ""  # a canary is none of the kept rows
    found = zip(lengths(rows), rows["split"], rows["id"], strict=True)
    return [Row(length, split == "replay", levels.get(id, stranger)) for length, split, id in found]


def levels_of(kept: Made, curriculum: config.Curriculum | None) -> dict[str, str]:
    """Row id -> its level; nothing where there is no curriculum."""
    if curriculum is None:
        return {}
    rows = read_table(kept.file("kept.parquet"), ["id", "tags"])
    return {row["id"]: json.loads(row["tags"]).get(curriculum.tag, "") for row in rows}


def scorer(
    kept: Made, words: Any, specialist: config.Specialist, choose: config.Choose, seed: int, events: Events
) -> Callable[[Any], float]:
    """The mean score of a model's answers to development rows."""
    dev = [row for row in read_examples(kept.file("kept.parquet"), FIELDS) if row.split == "dev"]
    hall = Hall(find(specialist.name), chosen(dev, choose.rows, seed), words, choose, events)

    def score(model: Any) -> float:
        return sum(one.score.value for one in hall.sit(model, "development rows")) / len(hall.rows)

    return score


def learn(trainer: Any, checkpoints: Path, train: config.Train, events: Events) -> float:
    """Trains from the last good checkpoint, or from the start; seconds per step of this session."""
    from factory.stages.watch import Watch, told_to_stop

    resumed = last_checkpoint(checkpoints, train.steps)
    events(f"resuming at {resumed.name}" if resumed else "starting")
    (watch,) = [one for one in trainer.callback_handler.callbacks if isinstance(one, Watch)]
    begun = time.perf_counter()
    with told_to_stop(watch):
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    return (time.perf_counter() - begun) / max(1, train.steps - (step_of(resumed) if resumed else 0))


def arguments(train: config.Train, seed: int, checkpoints: Path, where: str, kind: Any, evaluated: bool) -> Any:
    """The conf group as TRL's arguments; nothing is cut, NaN is not hidden, nothing is reported elsewhere."""
    own = (
        {"packing": False, "router_aux_loss_coef": train.router_balance}
        if kind.args_of == "SFTConfig"
        else {
            "loss_type": [train.prefer.loss, "sft"],
            "loss_weights": [1.0, train.prefer.sft_weight],
            "beta": train.prefer.beta,
            "disable_dropout": False,
            "router_aux_loss_coef": train.router_balance,
        }
    )
    by = train.choose.by
    best = {
        "load_best_model_at_end": True,
        "metric_for_best_model": f"eval_{by}",
        "greater_is_better": by == "score",
    }
    import trl

    return getattr(trl, kind.args_of)(
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
        torch_compile=train.compile,
        max_length=None,
        seed=seed,
        data_seed=seed,
        use_cpu=where == "cpu",
        dataloader_pin_memory=where != "cpu",
        logging_steps=train.log_every,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        save_steps=train.checkpoint_every,
        eval_strategy="steps" if evaluated else "no",
        eval_steps=train.checkpoint_every,
        **own,
        **(best if by != "last" else {}),
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
