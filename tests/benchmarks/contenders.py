"""The trainers that the benchmark of training compares, each run in a process of its own: `contenders.py JOB.json`.

A job names its contender, the rows, the recipe that all of them share and the settings that are the contender's own. The
figures go to `figures.json` of its folder, the adapter to `adapter/`. LLaMA-Factory runs in an environment of its own, so
the factory is imported in its function only.
"""

from __future__ import annotations

import json
import shutil
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.benchmarks.meter import Meter


def factory(job: dict[str, Any], out: Path) -> dict[str, Any]:
    """The training stage as the pipeline runs it; its tokens are there already."""
    import datasets  # noqa: F401  what a trainer imports is no memory of the training
    import trl  # noqa: F401

    from tests.benchmarks.bench import fresh, make

    meter = Meter(job["profiled"])
    words = [*job["words"], *(f"{name}={value}" for name, value in job["settings"].items())]
    fresh(words, "adapter", Path(job["root"]))
    figures = meter.read()
    shutil.copytree(make(words, "adapter", Path(job["root"])).folder / "adapter", out / "adapter")
    return figures


def trl(job: dict[str, Any], out: Path) -> dict[str, Any]:
    """TRL's SFTTrainer as its documentation has it: a path, a quantisation, a LoraConfig, prompts and completions."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import BitsAndBytesConfig
    from trl import SFTConfig, SFTTrainer

    meter, asked, settings = Meter(job["profiled"]), job["recipe"], dict(job["settings"])
    adapter_in_float32 = settings.pop("adapter_in_float32", False)
    rows = [json.loads(line)["messages"] for line in Path(job["rows"]).read_text().splitlines()]
    trainer = SFTTrainer(
        model=asked["base"],
        args=SFTConfig(**{**shared(asked, out), "use_cpu": True, **settings}),
        train_dataset=Dataset.from_list([{"prompt": row[:-1], "completion": row[-1:]} for row in rows]),
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.float32,
        ),
        peft_config=LoraConfig(
            r=asked["rank"], lora_alpha=asked["alpha"], target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    )
    if adapter_in_float32:
        for parameter in trainer.model.parameters():
            parameter.data = parameter.data.float() if parameter.requires_grad else parameter.data
    trainer.train()
    trainer.model.save_pretrained(out / "adapter")
    return meter.read()


def llamafactory(job: dict[str, Any], out: Path) -> dict[str, Any]:
    """LLaMA-Factory's own way: a data set described in dataset_info.json, and its arguments. The template is the tokenizer's.

    It imports torchaudio, whose package wants CUDA's libraries beside a CPU build of torch; no row has sound, so an empty
    module takes its place.
    """
    sound = ModuleType("torchaudio")
    sound.__spec__ = ModuleSpec("torchaudio", None)
    sys.modules["torchaudio"] = sound
    from llamafactory.train.tuner import run_exp

    meter, asked, rows = Meter(job["profiled"]), job["recipe"], Path(job["rows"])
    roles = {
        name: name.removesuffix("_tag")
        for name in ("role_tag", "content_tag", "user_tag", "assistant_tag", "system_tag")
    }
    about = {"file_name": rows.name, "formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": roles}
    (rows.parent / "dataset_info.json").write_text(json.dumps({"rows": about}))
    run_exp(
        {
            **shared(asked, out / "adapter"),
            "model_name_or_path": asked["base"],
            "stage": "sft",
            "do_train": True,
            "finetuning_type": "lora",
            "lora_target": "all",
            "lora_rank": asked["rank"],
            "lora_alpha": asked["alpha"],
            "quantization_bit": 4,
            "dataset": "rows",
            "dataset_dir": str(rows.parent),
            "use_cpu": True,
            **job["settings"],
        }
    )
    return meter.read()


def shared(asked: dict[str, Any], out: Path) -> dict[str, Any]:
    """What must be equal for a comparison, in the words of transformers."""
    return {
        "output_dir": str(out),
        "max_steps": asked["steps"],
        "per_device_train_batch_size": asked["batch_size"],
        "learning_rate": asked["learning_rate"],
        "lr_scheduler_type": asked["schedule"],
        "lr_scheduler_kwargs": {"min_lr_rate": asked["floor"]},
        "warmup_steps": asked["warmup"],
        "seed": asked["seed"],
        "report_to": "none",
    }


if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(sys.argv[1]).parent
    found = {"factory": factory, "trl": trl, "llamafactory": llamafactory}[told["contender"]](told, folder)
    (folder / "figures.json").write_text(json.dumps(found))
