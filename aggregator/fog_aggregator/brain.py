"""Drive the engine: a loop that reads each stream, and one that lets it tick every second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from fog_aggregator.core.engine.engine import Effects, Engine
from fog_aggregator.network import NetworkCollector
from fog_aggregator.reading import ReadingLoop
from fog_aggregator.selfmetrics import SelfMetrics
from fog_aggregator.tasks import Loops, cancel
from fog_bus.ports import Discontinuity, Message, Transport
from fog_schema.codec import encode_request
from fog_schema.paths import format_path
from fog_schema.subjects import Subjects

LOGGER: Final = logging.getLogger("fog_aggregator")
_SECOND: Final = 1.0
_MOST_LOGGED: Final = 10


class Brain:
    """A component that hands the engine what is read, lets it tick, and does what it wants done.

    Args:
        engine: Decides everything.
        network: Shows the fleet; its lock is held while the engine works.
        metrics: Takes the counts.
        bus: Carries the streams and the requests.
        subjects: The subjects of requests.
        streams_made: Reading begins once it is set.
        loops: Runs the loops.

    Attributes:
        may_publish: Set once the totals may go up to a parent.
    """

    def __init__(
        self,
        engine: Engine,
        network: NetworkCollector,
        metrics: SelfMetrics,
        bus: Transport,
        subjects: Subjects,
        streams_made: asyncio.Event,
        loops: Loops,
    ) -> None:
        self.may_publish = asyncio.Event()
        self._engine = engine
        self._network = network
        self._metrics = metrics
        self._bus = bus
        self._subjects = subjects
        self._streams_made = streams_made
        self._loops = loops
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to read."""
        cursors = self._engine.cursors
        self._metrics.watch(self._network, cursors.values(), lambda: self._engine.readiness.ready)
        work = [self._read(stream) for stream in cursors]
        self._tasks = [self._loops.spawn(one) for one in (*work, self._every_second())]

    async def stop(self, deadline: float) -> None:
        """End reading."""
        del deadline  # nothing is left half done
        await cancel(*self._tasks)
        self._network.active = False

    async def _read(self, stream: str) -> None:
        await self._streams_made.wait()
        cursor, log = self._engine.cursors[stream], self._bus.log(stream)
        await ReadingLoop(log, cursor, partial(self._take, stream), partial(self._discontinuity, stream)).run()

    def _take(self, stream: str, messages: Sequence[Message], pending: int) -> None:
        with self._network.lock:
            self._engine.on_batch(stream, messages, time.monotonic(), pending)

    def _discontinuity(self, stream: str, what: Discontinuity) -> None:
        with self._network.lock:
            self._engine.on_discontinuity(stream, what, time.monotonic())

    async def _every_second(self) -> None:
        while True:
            await asyncio.sleep(_SECOND)
            with self._network.lock:
                effects = self._engine.tick(time.monotonic())
            self._report(effects)
            if self._engine.may_publish:
                self.may_publish.set()
            for path, request in effects.requests:
                if await self._bus.send(self._subjects.resync(path), encode_request(request)):
                    self._metrics.requests.increment()

    def _report(self, effects: Effects) -> None:
        if effects.became_ready:
            LOGGER.info("ready: %d nodes", self._engine.fleet.node_count)
        for under, _, gone in effects.forgotten:
            LOGGER.info("forgotten under %s: %d departed nodes", format_path(under), len(gone))
        if (findings := effects.findings) is not None:
            self._metrics.contended.set(findings.contended)
            self._metrics.conflicting.set(findings.conflicting)
            for warning in findings.warnings:
                LOGGER.warning("%s", warning)
            if retired := findings.swept.retired:
                LOGGER.info("retired: %s", ", ".join(map(format_path, retired[:_MOST_LOGGED])))
