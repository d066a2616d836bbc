"""A reader of a stream at work in a test, and what it has handled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from fog_aggregator.core.engine.cursor import Patience, StreamCursor
from fog_aggregator.reading import LONGEST_PAUSE, ReadingLoop
from fog_bus.nats.link import Link
from fog_bus.nats.log import NatsLog
from fog_bus.ports import Discontinuity, Message, Position
from fog_testing.waiting import eventually


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How patient a reader is, in seconds."""

    heartbeat: float = 2.0
    check: float = 5.0
    stalled: float = 30.0
    longest_pause: float = LONGEST_PAUSE


FAST = Timing(heartbeat=0.1, check=0.2, longest_pause=0.1)


class Reading:
    """A reader at work, and what it has handled."""

    def __init__(
        self,
        link: Link,
        *,
        position: Position | None = None,
        filters: Sequence[str] = (),
        selective: bool = False,
        timing: Timing = FAST,
        also: Callable[[list[Message]], None] = lambda _: None,
    ) -> None:
        self.messages: list[Message] = []
        self.discontinuities: list[Discontinuity] = []
        self.link = link
        self._also = also
        patience = Patience(timing.check, timing.stalled)
        self.cursor = StreamCursor("S", filters, position, patience, selective=selective)
        log = NatsLog(link, "S", timing.heartbeat, subjects=filters if selective else ())
        self.loop = ReadingLoop(log, self.cursor, self._handle, self.discontinuities.append, timing.longest_pause)

    @property
    def numbers(self) -> list[int]:
        """The messages' payloads."""
        return [int(message.data) for message in self.messages]

    def _handle(self, messages: Sequence[Message], pending: int) -> None:
        if messages and (what := self.cursor.missed(messages)) is not None:
            self.discontinuities.append(what)
        if ours := self.cursor.ours(messages):
            self.messages += ours
            self._also(ours)
        self.cursor.take(messages, pending, asyncio.get_running_loop().time())

    async def until(self, numbers: Sequence[int]) -> None:
        """Wait until exactly these have been handled."""
        with suppress(TimeoutError):
            await eventually(lambda: len(self.messages) >= len(numbers))
        assert self.numbers == list(numbers), self.cursor.restarts


@asynccontextmanager
async def running(reading: Reading) -> AsyncIterator[Reading]:
    """Lets a reader run; what it raises, the test gets."""
    task = asyncio.create_task(reading.loop.run())
    try:
        yield reading
    finally:
        if not task.done():
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task
