"""An answer from a registered version, the contract enforced."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from factory import models, registry
from factory.chat import prompt_ids
from factory.config import Config


@dataclass(frozen=True)
class Answer:
    """What the specialist said, its tokens, and whether it ended by itself."""

    text: str
    tokens: int
    stopped: bool


def ask(asked: Config, text: str) -> Answer:
    """The answer of the version that holds `registry.alias`, greedy, on the base of this configuration."""
    models.go_offline(asked.runtime)
    adapter, _ = registry.fetch(asked.registry, asked.registry.alias, Path(asked.runtime.runs) / "fetched")
    tokenizer, weights = models.tokenizer_source(asked.base), models.weights_source(asked.base)
    contract = models.base_contract(weights, tokenizer, asked.adapted)
    models.check_contract(adapter, contract)
    words = models.load_tokenizer(tokenizer)
    model = models.attach(models.load_base(weights, asked.adapted, asked.runtime), adapter, contract)
    most = asked.evaluate.max_new_tokens
    ids = models.answer(model, words, [prompt_ids(words, [{"role": "user", "content": text}])], most)[0]
    return Answer(words.decode(ids).strip(), len(ids), len(ids) < most)
