"""Read a log for ever: the loop that does what a `StreamCursor` answers, whatever happens to stream and connection."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.stream_state import StreamState
from fog_bus.backoff import backoff
from fog_bus.ports import Discontinuity, Log, LogError, Message
from fog_bus.rate_limited_log import RateLimitedLog

LOGGER: Final = logging.getLogger("fog_aggregator")
_FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 5.0
"""Seconds between two generations that got nowhere."""


@dataclass(frozen=True, slots=True)
class ReadingLoop:
    """Hand all messages of a log to `handle`, in order. Belongs to one event loop.

    `handle` moves the cursor's position with the state, with no await in between: the two belong together.
    An error that it raises ends `run`.

    Attributes:
        log: The log to read.
        cursor: Decides, and knows the position.
        handle: Takes messages, 2,000 at most, and how many more are pending; must not block. An awaitable is awaited.
        on_discontinuity: Called before messages are read again, and when some were missed.
        longest_pause: Seconds.
    """

    log: Log
    cursor: StreamCursor
    handle: Callable[[Sequence[Message], int], Awaitable[None] | None]
    on_discontinuity: Callable[[Discontinuity], None]
    longest_pause: float = LONGEST_PAUSE

    async def run(self) -> None:
        """Read until cancelled."""
        rng, log_line = random.Random(), RateLimitedLog(time.monotonic, logger=LOGGER)
        while True:
            await self.log.connected()
            try:
                await self._generation()
            except LogError as error:
                if error.reason != "disconnected":  # the connection has said so
                    text = f"stream {self.cursor.stream}: reading begins anew: {error}"
                    log_line(logging.WARNING, error.reason, text)
                failures = self.cursor.end(error.reason, time.monotonic())
            await asyncio.sleep(backoff(failures, rng, first=_FIRST_PAUSE, longest=self.longest_pause))

    async def _generation(self) -> None:
        state = StreamState(self.log, self.cursor, self.on_discontinuity)
        start = self.cursor.begin(await state.info(), time.monotonic())
        if start.because is not None:
            self.on_discontinuity(start.because)
        reader = await self.log.open(start.seq)
        try:
            if start.known:
                await self._hand_over(await state.recognise(reader), reader.pending)
            while True:
                messages = await reader.next()
                await self._hand_over(messages, reader.pending)
                if self.cursor.must_look(now := time.monotonic()):
                    await state.check(now)
                if reader.pending:
                    await asyncio.sleep(0)  # a backlog must not keep everyone else waiting
        finally:
            await reader.close()

    async def _hand_over(self, messages: Sequence[Message], pending: int) -> None:
        if (rest := self.handle(messages, pending)) is not None:
            await rest
