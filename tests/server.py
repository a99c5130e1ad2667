"""A real HTTP server that speaks chat completions, for tests: whatever answers stands behind it, and faults come in between."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from aiohttp import web

Answer = Callable[[dict], str]
FAULTS = ("slow", "429", "500", "cut", "garbage", "truncated", "no JSON", "lies")
"""What can go wrong; `slow` answers after all, `lies` is JSON of another schema."""


@dataclass
class Server:
    """What answers, how often which fault comes in between, and what was asked."""

    answer: Answer
    faults: dict[str, float] = field(default_factory=dict)
    slow: float = 0.05
    url: str = ""
    asked: list[dict] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    headers: list[str] = field(default_factory=list)
    out: int = 0
    most_out: int = 0
    rng: Random = field(default_factory=lambda: Random(0))

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """One completion, or a fault."""
        self.out += 1
        self.most_out = max(self.most_out, self.out)
        try:
            return await self.reply(request)
        finally:
            self.out -= 1

    async def reply(self, request: web.Request) -> web.StreamResponse:
        asked = json.loads(await request.read())
        self.asked.append(asked)
        self.headers.append(request.headers.get("Authorization", ""))
        fault = self.rng.choices([*self.faults, ""], [*self.faults.values(), 1 - sum(self.faults.values())])[0]
        self.answered[fault] += 1
        if fault == "429":
            return web.Response(status=429, headers={"Retry-After": "0"})
        if fault.isdigit():
            return web.Response(status=int(fault), text="no")
        if fault == "cut":
            request.transport.close()
            return web.Response()
        if fault == "garbage":
            return web.Response(text='{"choices": [')
        await asyncio.sleep(self.slow if fault == "slow" else 0)
        said = await asyncio.to_thread(self.answer, asked)
        said = {"no JSON": f"Sure! {said}", "lies": '{"words": 3}', "truncated": said}.get(fault, said)
        finish = "length" if fault == "truncated" else "stop"
        usage = {"prompt_tokens": 10, "completion_tokens": 5}
        message = {"role": "assistant", "content": said}
        return web.json_response({"choices": [{"message": message, "finish_reason": finish}], "usage": usage})


@contextmanager
def serving(answer: Answer, **more: object) -> Iterator[Server]:
    """A server on a port of its own, in a thread, until the end of the block."""
    server, loop, ready = Server(answer, **more), asyncio.new_event_loop(), threading.Event()

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/v1/chat/completions", server.complete)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        return runner

    def live() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
