"""Stage four: token arrays to an adapter, by TRL's trainers on the frozen base (QLoRA, Dettmers et al. 2023).

The same stage trains on the plain base (`method=lora`), every weight (`method=full`), goes on from an adapter (`start`),
and learns from pairs of a right and a wrong answer (`pairs`, DPO).

Killed anywhere, it resumes to the same bytes: the Trainer writes checkpoints in place and takes the highest number, so
here a checkpoint counts only with a marker that is written last, and the one before it is kept until then.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from factory import config, coverage, fits, kernels, models
from factory.errors import DataMistake, Mistake
from factory.rows import write_jsonl, write_table
from factory.stages.losses import visits
from factory.stages.trainer import ROWS, dataset, largest, learn, new_trainer
from factory.store import Events, Made, Source, digest, write, write_facts

CURVE = ("step", "loss", "tokens", "eval_loss", "eval_score", "learning_rate", "grad_norm")


def train(
    tokens: Made,
    kept: Made,
    tokenizer: Source,
    weights: Source,
    base: config.Weights,
    specialist: config.Specialist,
    start: Made | Source | None,
    pairs: Made | None,
    train: config.Train,
    seed: int,
    *,
    out: Path,
    runtime: config.Runtime,
    events: Events,
) -> dict[str, Any]:
    """Writes `adapter/` (plain PEFT format and its contract), `curve.jsonl`, `rows.parquet` and `coverage.json`.

    The curve has, by step, the loss per token since the last point, the tokens it is over, learning rate and norm of the
    gradient; `rows.parquet` the loss of every row at every visit. With `method=full` there is `model/` in place of the
    adapter: every weight, in the format of transformers.
    DataMistake where the loss stops being a number or explodes, naming the step and the rows.
    """
    train = train if pairs is None else preferring(train)
    words = models.load_tokenizer(tokenizer)
    contract = models.base_contract(weights, tokenizer, base)
    begun = {"tokens": tokens.key, "train": digest(train.model_dump(mode="json")), "seed": seed}
    same(out / "work" / "started.json", contract | begun)
    data = pairs.file("pairs.arrow") if pairs else tokens.file("tokens.arrow")
    rows, dev = dataset(data, ("train", "replay")), dataset(data, ("dev",))
    fits.release(runtime)
    with bare(weights, base, runtime, train) as (model, left):
        events(left)
        before = fits.memory()
        policy = started(model, start, contract, train, seed, events)
        foretold = room_for(model, policy, rows, train, runtime)
        trainer = new_trainer(policy, words, rows, dev, kept, specialist, train, seed, out, runtime, events)
        outset = coverage.outset(policy)
        with fits.peak() as peak:
            seconds = learn(trainer, out / "work" / "checkpoints", train, events)
        above = peak.bytes - before if peak.bytes else None
        write_facts(out, {"fit": asdict(fits.Fit(before, above, foretold, seconds))})
        found = {"steps": trainer.state.global_step, "trained_parameters": trainable(policy)}
        found |= evidence(trainer, out, train)
        found |= written(policy, outset, out, train, base, weights, words, contract, tokens)
        del trainer, policy
    gc.collect()
    return found


def room_for(model: Any, policy: Any, rows: Any, train: config.Train, runtime: config.Runtime) -> int:
    """The bytes above the base that this training is foretold to take; Mistake where there is no room for them."""
    shape = fits.Shape.of(model.config.get_text_config().to_dict())
    if shape is None:
        return 0  # unknown: nothing is refused
    where = models.device(runtime)
    return fits.refuse_what_does_not_fit(shape, trainable(policy), train, largest(rows, train), runtime, where)


def evidence(trainer: Any, out: Path, train: config.Train) -> dict[str, Any]:
    """Writes the curve and the losses by row; the last figures, and which of how many checkpoints this is."""
    curve = [
        {name: point[name] for name in CURVE if name in point}
        for point in trainer.state.log_history
        if {"loss", "eval_loss", "eval_score"} & point.keys()
    ]
    write_jsonl(out / "curve.jsonl", curve)
    seen = [visit._asdict() | {"id": trainer.losses.ids[visit.row]} for visit in visits(out / "work" / ROWS)]
    write_table(out / "rows.parquet", seen)
    names = [name for name in ("loss", "eval_loss", "eval_score") if any(name in point for point in curve)]
    last = {name: next(point[name] for point in reversed(curve) if name in point) for name in names}
    if train.choose.by == "last":
        return last
    tries = sum("eval_loss" in point for point in curve)  # what a later test corrects for
    return last | {"chosen": trainer.state.best_global_step, "tries": tries}


def preferring(train: config.Train) -> config.Train:
    """The settings of the second training, by preference: a loss over pairs, and nothing of the first one's mix of rows."""
    own = {"learning_rate": train.prefer.learning_rate, "steps": train.prefer.steps}
    return train.model_copy(update={**own, "curriculum": None, "replay": None, "packing": False, "start": None})


def same(path: Path, asked: dict[str, Any]) -> None:
    """Notes what a training begins with; DataMistake names what is another where it is gone on with."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        return write(path, json.dumps(asked))
    begun = json.loads(path.read_text())
    for name, value in asked.items():
        if begun.get(name) != value:
            what = f"its checkpoints were made with another {name}"
            raise DataMistake(str(path.parent), what, "delete the folder to begin anew")
    return None


@contextmanager
def bare(
    weights: Source, base: config.Weights, runtime: config.Runtime, train: config.Train
) -> Iterator[tuple[Any, str]]:
    """The base to train on, and what is not in 4 bit: on loan, or one of its own where every weight of it will change."""
    kernels.there(train.liger, models.device(runtime))  # before a large base is loaded
    if train.method == "full":
        model = models.load_base(weights, base, runtime)
        with kernels.liger(model, train.liger):
            yield model, "every weight in float32"
    else:
        with (
            models.base_on_loan(weights, base, runtime, training=True) as model,
            kernels.liger(model, train.liger),
        ):
            yield model, models.LOAN.left


def started(
    model: Any, start: Made | Source | None, contract: dict[str, Any], train: config.Train, seed: int, events: Events
) -> Any:
    """The base with the adapter to be trained on it, new or the one to go on from; or with every weight trained."""
    from peft import get_peft_model
    from transformers import set_seed

    set_seed(seed)
    if train.method == "full":
        return model.requires_grad_(True)
    if start is None:
        coverage.fitting(model, train.lora)
        return get_peft_model(model, lora(model, train.lora))
    folder = start.folder / "adapter" if isinstance(start, Made) else Path(start.path)
    policy = models.attach(model, folder, contract, trainable=True)
    had, asked = policy.peft_config["default"], lora(model, train.lora)
    for key, name in {"rank": "r", "alpha": "lora_alpha", "rslora": "use_rslora", "dora": "use_dora"}.items():
        if getattr(had, name) != getattr(asked, name):
            what = f"the adapter it goes on from has {getattr(had, name)}"
            raise Mistake(f"train.lora.{key}={getattr(asked, name)}", what, "say the same, or begin a new adapter")
    events(f"going on from {folder}")
    return policy


def trainable(policy: Any) -> int:
    """How many numbers are trained."""
    return sum(p.numel() for p in policy.parameters() if p.requires_grad)


def lora(model: Any, settings: config.Lora) -> Any:
    """The adapter's shape as PEFT takes it; routers are left alone unless asked."""
    from peft import LoraConfig

    # PEFT's own "all-linear" also means the experts and the router of some mixture-of-experts bases.
    targets = coverage.kinds(model) if settings.targets == "all-linear" else list(settings.targets)
    parameters = [*settings.experts, *(coverage.gates(model) if settings.gate else ())]
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        exclude_modules=None if settings.gate else coverage.routers(model) or None,
        target_parameters=parameters or None,
        use_rslora=settings.rslora,
        use_dora=settings.dora,
        bias=settings.bias,
        task_type="CAUSAL_LM",
    )


def written(
    policy: Any,
    outset: Mapping[str, Any],
    out: Path,
    train: config.Train,
    base: config.Weights,
    weights: Source,
    words: Any,
    contract: dict[str, Any],
    tokens: Made,
) -> dict[str, Any]:
    """Writes what was trained, and what it covers; its size."""
    if train.method == "full":
        policy.save_pretrained(out / "model", safe_serialization=True)
        return {"adapter_bytes": size(out / "model")}
    covered = coverage.coverage(policy, outset)
    write(out / "coverage.json", json.dumps(asdict(covered), indent=1))
    made_from = {"tokens": tokens.key, "base": base.path, "revision": dict(weights.facts).get("revision")}
    save_adapter(policy, out / "adapter", base.path, contract | {"made_from": made_from}, words.eos_token)
    return {"coverage": covered.line(), "adapter_bytes": size(out / "adapter")}


def size(folder: Path) -> int:
    """Bytes of the weights in a folder."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def save_adapter(model: Any, folder: Path, base: str, contract: dict[str, Any], stop: str) -> None:
    """Saves the adapter in PEFT format, its config in a fixed order, and its contract with what servers ask of it."""
    model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False, selected_adapters=["default"])
    (folder / "README.md").unlink(missing_ok=True)
    settings = json.loads((folder / "adapter_config.json").read_text())
    # PEFT writes these from sets, and the base by the path it was loaded from: they differ from run to run.
    for name in ("target_modules", "exclude_modules", "target_parameters"):
        settings[name] = sorted(settings[name]) if isinstance(settings[name], list) else settings[name]
    settings["base_model_name_or_path"] = base
    (folder / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True))
    about = {
        "stop_tokens": [stop],
        "target_modules": settings["target_modules"],
        "rank": settings["r"],
        "shapes": models.adapter_shapes(folder),
        "serving": coverage.serving(settings),
    }
    (folder / models.CONTRACT).write_text(json.dumps(contract | about, indent=1))
