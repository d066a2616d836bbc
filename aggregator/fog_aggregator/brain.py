"""Drive the engine: a loop that reads each stream, and one that lets it tick every second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.network import NetworkCollector
from fog_aggregator.reading import ReadingLoop
from fog_aggregator.report import report
from fog_aggregator.selfmetrics import SelfMetrics
from fog_aggregator.tasks import Loops, cancel, yield_turn
from fog_bus.ports import Discontinuity, Message, Transport
from fog_schema.codec import encode_request
from fog_schema.subjects import Subjects

_SECOND: Final = 1.0


@dataclass(slots=True)
class Brain:
    """A component that hands the engine what is read, lets it tick, and does what it wants done.

    Attributes:
        engine: Decides everything.
        network: Shows the fleet; its lock is held while the engine works.
        metrics: Takes the counts.
        bus: Carries the streams and the requests.
        subjects: The subjects of requests.
        streams_made: Reading begins once it is set.
        loops: Runs the loops.
        readers: The names that readers of streams may have; any without them.
        after_tick: Called after each tick of the engine.
        pause: Lets others have their turn, and a history catch up with its steps.
    """

    engine: Engine
    network: NetworkCollector
    metrics: SelfMetrics
    bus: Transport
    subjects: Subjects
    streams_made: asyncio.Event
    loops: Loops
    readers: Sequence[str] = ()
    after_tick: list[Callable[[], None]] = field(default_factory=list)
    pause: Callable[[], Awaitable[object]] = yield_turn
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Begin to read."""
        cursors = self.engine.cursors
        self.metrics.watch(self.network, cursors.values(), self.engine)
        work = [self._read(stream) for stream in cursors]
        self._tasks = [self.loops.spawn(one) for one in (*work, self._every_second())]

    async def stop(self, deadline: float) -> None:
        """End reading."""
        del deadline  # nothing is left half done
        await cancel(*self._tasks)
        self.network.active = False

    async def _read(self, stream: str) -> None:
        await self.streams_made.wait()
        cursor, log = self.engine.cursors[stream], self.bus.log(stream, self.readers)
        await ReadingLoop(log, cursor, partial(self.take, stream), partial(self._discontinuity, stream)).run()

    async def take(self, stream: str, messages: Sequence[Message], pending: int) -> None:
        """Apply a batch in slices of time, and portion by portion where steps of the history lie in it."""
        while True:
            with self.network.lock:
                now = time.monotonic()
                count = self.engine.until_step(stream, messages, now)
                if count or not messages:
                    count = self.engine.on_batch(stream, messages[:count], now, pending + len(messages) - count)
            messages = messages[count:]
            if not messages:
                return
            await self.pause()

    def _discontinuity(self, stream: str, what: Discontinuity) -> None:
        with self.network.lock:
            self.engine.on_discontinuity(stream, what, time.monotonic())

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
