"""A teacher that is loaded here: a base, or a specialist on it (the version that holds the alias)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from factory import config, models
from factory.chat import prompt_ids
from factory.records import Message
from factory.store import Source, digest
from factory.teachers import Failed, Teacher
from factory.teachers.replies import Replies


@dataclass(frozen=True)
class Speaker:
    """The model that speaks: base, tokenizer, how it is loaded, and the adapter on it, by its files and their digest."""

    weights: Source
    tokenizer: Source
    base: config.Weights
    adapter: Source | None

    @property
    def identity(self) -> str:
        """What of it is part of a key: its contract, and the adapter's digest."""
        contract = models.base_contract(self.weights, self.tokenizer, self.base)
        return digest([contract, self.adapter.digest if self.adapter else None])


class Local(Teacher):
    """One model, asked one question after another; what a seed gives depends on no other question."""

    def __init__(self, settings: config.Teacher, speaker: Speaker, runtime: config.Runtime, replies: Replies) -> None:
        super().__init__(settings, replies)
        self.speaker, self.runtime = speaker, runtime

    @cached_property
    def loaded(self) -> tuple[Any, Any]:
        """Model and tokenizer, loaded when the first answer is not found stored."""
        speaker = self.speaker
        models.go_offline(self.runtime)
        words = models.load_tokenizer(speaker.tokenizer)
        model = models.load_base(speaker.weights, speaker.base, self.runtime)
        if speaker.adapter is not None:
            contract = models.base_contract(speaker.weights, speaker.tokenizer, speaker.base)
            model = models.attach(model, Path(speaker.adapter.path), contract)
        return model, words

    async def say(self, messages: Sequence[Message], schema: dict[str, Any] | None, seed: int) -> str | Failed:
        """The text of one sampled answer. The schema is not forced upon the model: what it says is held against it."""
        request = {
            "model": self.speaker.identity,
            "messages": list(messages),
            "temperature": self.settings.temperature,
            "top_p": self.settings.top_p,
            "max_tokens": self.settings.max_tokens,
            "seed": seed,
        }
        body = self.replies.find(request)
        if body is not None:
            self.counts["found"] += 1
            return body or Failed("the answer was cut off")
        start, (model, words) = time.monotonic(), self.loaded
        prompt = prompt_ids(words, list(messages))
        ids = models.sample(model, words, prompt, self.settings, seed)
        self.counts["calls"] += 1
        self.counts["tokens in"] += len(prompt)
        self.counts["tokens out"] += len(ids)
        text = words.decode(ids).strip() if len(ids) < self.settings.max_tokens else ""
        self.replies.keep(request, text, time.monotonic() - start)
        return text or Failed("the answer was cut off")
