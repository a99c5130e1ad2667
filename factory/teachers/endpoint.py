"""A teacher behind HTTP: any server that speaks OpenAI's chat completions.

Transport errors are tried again with jitter, a 429 also slows all calls, a request the server refuses is not repeated, and
after so many failures in a row nobody is asked any more. JSON is asked for by schema and validated here all the same, with
one turn to mend it; an answer that was cut off is a failure even where it parses.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from factory import config
from factory.errors import ConfigMistake, Mistake, Unavailable
from factory.records import Message
from factory.teachers import Failed, Teacher
from factory.teachers.pace import Pace
from factory.teachers.replies import Replies

LONGEST_WAIT = 30.0
"""Seconds between two tries, at most."""
BYTES_PER_TOKEN = 4
"""For the estimate before a call; what was used comes from the server."""
AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529))
"""Statuses after which the same request may yet be answered."""
STOP = {401: "the key is refused", 403: "access is refused", 404: "no such address or model"}
"""Statuses that every further request would get too."""


class Endpoint(Teacher):
    """One server, one model; `where` is the part of the configuration that its errors name."""

    def __init__(
        self,
        settings: config.Teacher | config.Server,
        calls: config.Calls,
        replies: Replies,
        where: str = "teacher",
    ) -> None:
        super().__init__(settings, replies)
        self.calls, self.where = calls, where
        self.tries: Counter[str] = Counter()
        self.in_a_row, self.last, self.held = 0, "", 0.0
        self.price = price(settings, calls)
        self.headers = {"Authorization": f"Bearer {secret(settings.key_env, where)}"} if settings.key_env else {}

    async def __aenter__(self) -> Endpoint:
        import aiohttp

        self.pace = Pace(self.calls.at_once, self.calls.requests_per_minute, self.calls.tokens_per_minute)
        limits = aiohttp.ClientTimeout(total=self.calls.timeout)
        self.session = aiohttp.ClientSession(timeout=limits, headers=self.headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def say(self, messages: Sequence[Message], schema: dict[str, Any] | None, seed: int) -> str | Failed:
        """The text of one answer, from the store or from the server."""
        request: dict[str, Any] = {
            "model": self.settings.model,
            "messages": list(messages),
            "temperature": self.settings.temperature,
            "top_p": self.settings.top_p,
            "max_tokens": self.settings.max_tokens,
            "seed": seed,
        }
        if schema is not None:
            wanted = {"name": "answer", "schema": schema, "strict": True}
            request["response_format"] = {"type": "json_schema", "json_schema": wanted}
        body = self.replies.find(request)
        if body is not None:
            self.counts["found"] += 1
        else:
            body = await self.fetch(request)
        if isinstance(body, Failed):
            return body
        choice = json.loads(body)["choices"][0]
        if choice.get("finish_reason") == "length":
            return Failed("the answer was cut off")
        return choice["message"]["content"]

    async def fetch(self, request: dict[str, Any]) -> str | Failed:
        """The body from the server, kept; tried again while that makes sense. Unavailable where nobody answers any more."""
        tokens = len(json.dumps(request["messages"])) // BYTES_PER_TOKEN + self.settings.max_tokens
        most = self.cost(tokens, self.settings.max_tokens)
        why = ""
        for attempt in range(self.calls.tries):
            async with self.pace.turn(tokens):
                self.alive()
                self.afford(most)
                self.held += most
                try:
                    body, why, wait = await self.once(request)
                finally:
                    self.held -= most
            if body is not None:
                self.in_a_row = 0
                self.pace.went_well()
                return body
            self.tries[why] += 1
            self.in_a_row += 1
            self.last = why
            self.alive()
            if wait is None:
                return Failed(why)
            if attempt + 1 < self.calls.tries:
                await asyncio.sleep(wait or random.uniform(0, min(LONGEST_WAIT, self.calls.backoff * 2**attempt)))
        return Failed(f"{why}, {self.calls.tries} times")

    def alive(self) -> None:
        """Unavailable where too many calls in a row have failed."""
        if self.in_a_row >= self.calls.failures_in_a_row:
            raise Unavailable(
                f"{self.where}.url={self.settings.url}",
                f"{self.in_a_row} calls in a row failed, the last: {self.last}",
                "what was answered is kept: run again when the server is well",
            )

    async def once(self, request: dict[str, Any]) -> tuple[str | None, str, float | None]:
        """One call: its body; or why there is none and how long to wait, 0 for as long as usual, None for never."""
        import aiohttp

        self.counts["calls"] += 1
        start = time.monotonic()
        try:
            async with self.session.post(f"{self.settings.url}/chat/completions", json=request) as answer:
                body, status = await answer.text(), answer.status
                after = answer.headers.get("Retry-After", "")
        except TimeoutError:
            return None, f"no answer in {self.calls.timeout:g} s", 0.0
        except (aiohttp.ClientError, OSError) as error:
            return None, f"no connection: {type(error).__name__}", 0.0
        if status == 200:
            return self.kept(request, body, time.monotonic() - start)
        if status == 429:
            self.pace.too_fast()
        if status in STOP:
            raise Mistake(
                f"{self.where}.url={self.settings.url}",
                f"{STOP[status]} (status {status})",
                "look at url, model and key_env",
            )
        if status not in AGAIN:
            return None, f"status {status}", None
        return None, f"status {status}", min(LONGEST_WAIT, float(after)) if after.isdigit() else 0.0

    def kept(self, request: dict[str, Any], body: str, seconds: float) -> tuple[str | None, str, float | None]:
        """A body that is an answer is kept and paid for; another is as good as none."""
        try:
            found = json.loads(body)
            text = found["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            text = None
        if not isinstance(text, str):
            return None, "a body that is no answer", 0.0
        usage = found.get("usage") or {}
        if not usage:  # a ledger of zeros would lie
            self.counts["answers without usage, tokens estimated"] += 1
            said = json.dumps(request["messages"])
            usage = {
                "prompt_tokens": -(-len(said) // BYTES_PER_TOKEN),
                "completion_tokens": -(-len(text) // BYTES_PER_TOKEN),
            }
        self.counts["tokens in"] += int(usage.get("prompt_tokens") or 0)
        self.counts["tokens out"] += int(usage.get("completion_tokens") or 0)
        self.replies.keep(request, body, seconds)
        return body, "", None

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost."""
        return (tokens_in * self.price.input + tokens_out * self.price.output) / 1e6

    @property
    def spent(self) -> float:
        """What has been paid here."""
        return self.cost(self.counts["tokens in"], self.counts["tokens out"])

    def afford(self, most: float) -> None:
        """Mistake where one more call could cost more than the budget has."""
        budget = self.calls.budget
        if budget is not None and self.spent + self.held + most > budget:
            raise Mistake(
                f"runtime.calls.budget={budget:g}",
                f"{self.spent:.4f} is spent and {self.held:.4f} on its way, the next call may cost {most:.4f}",
                "what was answered is kept: raise the budget and run again",
            )

    def costs(self) -> dict[str, Any]:
        """The ledger of calls, tokens and money; tries that failed by their reason."""
        return super().costs() | {
            "failed tries": dict(sorted(self.tries.items())),
            "money": round(self.spent, 6),
        }


def price(teacher: config.Teacher | config.Server, calls: config.Calls) -> config.Price:
    """The price of the model; ConfigMistake where the table has none, because a ledger of zeros would lie."""
    if teacher.model not in calls.prices:
        raise ConfigMistake(
            f"runtime.calls.prices.{teacher.model}",
            "the price table has no such model",
            f"with its price per million tokens: '+runtime.calls.prices={{{teacher.model}: {{input: 0, output: 0}}}}'",
        )
    return calls.prices[teacher.model]


def secret(name: str, where: str) -> str:
    """The value of an environment variable; Mistake where it is not set."""
    if not os.environ.get(name):
        raise Mistake(f"{where}.key_env={name}", "no such environment variable", f"export {name}=... before the run")
    return os.environ[name]
