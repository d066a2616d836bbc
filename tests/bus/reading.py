"""A reader of a stream at work in a test, and what it has handled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from fog_bus.nats.link import Link
from fog_bus.nats.log import StreamReader, Timing
from fog_bus.ports import Discontinuity, Message, Position
from fog_testing.waiting import eventually

FAST = Timing(heartbeat=0.1, check=0.2, longest_pause=0.1)


class Reading:
    """A reader at work, and what it has handled."""

    def __init__(
        self,
        link: Link,
        *,
        position: Position | None = None,
        filters: Sequence[str] = (),
        timing: Timing = FAST,
        also: Callable[[list[Message]], None] = lambda _: None,
    ) -> None:
        self.messages: list[Message] = []
        self.discontinuities: list[Discontinuity] = []
        self.link = link
        self._also = also
        self.reader = StreamReader(
            link,
            "S",
            filters,
            self._handle,
            position=position,
            on_discontinuity=self.discontinuities.append,
            timing=timing,
        )

    @property
    def numbers(self) -> list[int]:
        """The messages' payloads."""
        return [int(message.data) for message in self.messages]

    def _handle(self, messages: list[Message]) -> None:
        self.messages += messages
        self._also(messages)

    async def until(self, numbers: Sequence[int]) -> None:
        """Waits until exactly these have been handled."""
        with suppress(TimeoutError):
            await eventually(lambda: len(self.messages) >= len(numbers))
        assert self.numbers == list(numbers), self.reader.restarts


@asynccontextmanager
async def running(reading: Reading) -> AsyncIterator[Reading]:
    """Lets a reader run; what it raises, the test gets."""
    task = asyncio.create_task(reading.reader.run())
    try:
        yield reading
    finally:
        if not task.done():
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task
