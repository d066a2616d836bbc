"""Drive the engine: a loop that reads each stream, and one that lets it tick every second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.network import NetworkCollector
from fog_aggregator.readers import Readers
from fog_aggregator.report import report
from fog_aggregator.selfmetrics import SelfMetrics
from fog_aggregator.tasks import Loops, cancel, yield_turn
from fog_bus.ports import Message, Transport
from fog_schema.codec import encode_request
from fog_schema.subjects import Subjects

_SECOND: Final = 1.0
_MOMENT: Final = 0.05


@dataclass(slots=True)
class Brain:
    """A component that hands the engine what is read, lets it tick, and does what it wants done.

    Attributes:
        engine: Decides everything.
        network: Shows the fleet; its lock is held while the engine works.
        metrics: Takes the counts.
        bus: Carries the requests.
        subjects: The subjects of requests.
        loops: Runs the loops.
        readers: Read the streams, once they are found.
        after_tick: Called after each tick of the engine.
        pause: Lets others have their turn, and a history catch up with its steps.
    """

    engine: Engine
    network: NetworkCollector
    metrics: SelfMetrics
    bus: Transport
    subjects: Subjects
    loops: Loops
    readers: Readers
    after_tick: list[Callable[[], None]] = field(default_factory=list)
    pause: Callable[[], Awaitable[object]] = yield_turn
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Begin to read."""
        self.metrics.watch(self.network, self.engine.cursors.values(), self.engine)
        self.readers.start(self.take)
        self._tasks = [self.loops.spawn(self._every_second())]

    async def stop(self, deadline: float) -> None:
        """End reading."""
        del deadline  # nothing is left half done
        await self.readers.stop()
        await cancel(*self._tasks)
        self.network.active = False

    async def take(self, stream: str, messages: Sequence[Message], pending: int) -> None:
        """Apply a batch in slices of time, and portion by portion where steps of the history lie in it.

        After a checkpoint all wait until the server of metrics has told its time, and totals of branches until the
        commands are read that were given before them, which takes a moment.
        """
        while True:
            if messages and self.engine.must_wait(stream, time.monotonic()):
                await asyncio.sleep(_MOMENT)
                continue
            with self.network.lock:
                now = time.monotonic()
                count = self.engine.until_step(stream, messages, now)
                if count or not messages:
                    count = self.engine.on_batch(stream, messages[:count], now, pending + len(messages) - count)
            messages = messages[count:]
            if not messages:
                return
            await self.pause()

    async def _every_second(self) -> None:
        while True:
            await asyncio.sleep(_SECOND)
            with self.network.lock:
                effects = self.engine.tick(time.monotonic())
            report(effects, self.engine.fleet, self.metrics)
            for follow in self.after_tick:
                follow()
            for path, request in effects.requests:
                if await self.bus.send(self.subjects.resync(path), encode_request(request)):
                    self.metrics.requests.increment()
