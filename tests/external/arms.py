"""Who answers: the base, and the adapter that this configuration made or, where it made none, the registered champion."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from factory import models, pipeline, registry
from factory.chat import prompt_ids
from factory.config import Config

ARMS = ("base", "adapter")


def adapter_of(asked: Config) -> Path:
    """The folder of the adapter; a Mistake says that there is none."""
    made = {step.made.stage: step.made for step in pipeline.steps(asked, "adapter")}["adapter"]
    if made.complete:
        return made.folder / "adapter"
    return registry.fetch(asked.registry, asked.registry.alias, Path(asked.runtime.runs) / "fetched")[0]


def answers(asked: Config, adapter: Path, prompts: Sequence[str], most: int) -> dict[str, list[str]]:
    """Greedy answers of at most `most` tokens by base and adapter, in the order of the prompts."""
    models.go_offline(asked.runtime)
    tokenizer, weights = models.tokenizer_source(asked.base), models.weights_source(asked.base)
    words = models.load_tokenizer(tokenizer)
    contract = models.base_contract(weights, tokenizer, asked.adapted)
    model = models.attach(models.load_base(weights, asked.adapted, asked.runtime), adapter, contract)
    ids = [prompt_ids(words, [{"role": "user", "content": prompt}]) for prompt in prompts]
    order, size, found = sorted(range(len(ids)), key=lambda i: len(ids[i])), asked.evaluate.batch_size, {}
    for arm in ARMS:
        texts: dict[int, str] = {}
        with model.disable_adapter() if arm == "base" else nullcontext():
            for start in range(0, len(order), size):
                batch = order[start : start + size]
                said = models.answer(model, words, [ids[i] for i in batch], most)
                texts |= {i: words.decode(text).strip() for i, text in zip(batch, said, strict=True)}
        found[arm] = [texts[i] for i in range(len(ids))]
    return found


def lengths(asked: Config, prompts: Sequence[str]) -> list[int]:
    """Tokens of each prompt as this base is given it."""
    words = models.load_tokenizer(models.tokenizer_source(asked.base))
    return [len(prompt_ids(words, [{"role": "user", "content": prompt}])) for prompt in prompts]
