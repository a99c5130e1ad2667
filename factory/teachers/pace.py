"""How many calls are out at once: bounded, slower when the server says so, faster again when it copes.

Additive increase, multiplicative decrease (Chiu and Jain 1989), and a bucket each for requests and tokens a minute.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

EASY = 25
"""Answers in a row after which one more call may be out."""
CUT = 0.75
"""What is left of the calls out when the server says it is too fast."""
BURST = 1.0
"""Seconds within which one such word counts once: calls that were out together are all told."""


class Bucket:
    """So many a minute, and never more than a minute's worth at once."""

    def __init__(self, a_minute: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.a_minute, self.clock = a_minute, clock
        self.level, self.seen = float(a_minute or 0), clock()

    def take(self, amount: float) -> float:
        """Takes the amount; returns the seconds to wait until it was there."""
        if self.a_minute is None:
            return 0.0
        now = self.clock()
        self.level = min(self.a_minute, self.level + (now - self.seen) * self.a_minute / 60)
        self.seen = now
        self.level -= amount
        return max(0.0, -self.level * 60 / self.a_minute)


class Pace:
    """Whose turn it is."""

    def __init__(
        self,
        most: int,
        requests: int | None,
        tokens: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most, self.clock = most, clock
        self.limit, self.out, self.easy = float(min(most, 4)), 0, 0
        self.requests, self.tokens = Bucket(requests, clock), Bucket(tokens, clock)
        self.cut_at = -BURST
        self.turns = asyncio.Condition()

    @asynccontextmanager
    async def turn(self, tokens: int) -> AsyncIterator[None]:
        """A place among the calls that are out, once there is one and the buckets allow it."""
        async with self.turns:
            await self.turns.wait_for(lambda: self.out < int(self.limit))
            self.out += 1
        try:
            await asyncio.sleep(max(self.requests.take(1), self.tokens.take(tokens)))
            yield
        finally:
            async with self.turns:
                self.out -= 1
                self.turns.notify_all()

    def went_well(self) -> None:
        """An answer came: after enough of them one more call may be out."""
        self.easy += 1
        if self.easy >= EASY:
            self.easy, self.limit = 0, min(float(self.most), self.limit + 1)

    def too_fast(self) -> None:
        """The server said so: fewer calls, once per burst."""
        self.easy = 0
        if self.clock() - self.cut_at >= BURST:
            self.cut_at, self.limit = self.clock(), max(1.0, self.limit * CUT)
