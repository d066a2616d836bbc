"""Read the streams that an engine follows: a loop for each, begun and ended as they are found and go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.following.scope import CONTROL, EVENTS
from fog_aggregator.network import NetworkCollector
from fog_aggregator.reading import ReadingLoop
from fog_aggregator.tasks import Loops, cancel
from fog_bus.ports import Discontinuity, Message, Transport

_RARE: Final = (CONTROL, EVENTS)
"""The kinds of streams in which nothing is the rule."""
Take: TypeAlias = Callable[[str, Sequence[Message], int], Awaitable[None]]


@dataclass(slots=True)
class Readers:
    """The reading loops of one engine. Belongs to one event loop.

    Attributes:
        engine: Has a cursor for each stream.
        network: Its lock is held while the engine works.
        bus: Carries the streams.
        loops: Runs the loops.
        names: The names that readers of streams may have; any without them.
    """

    engine: Engine
    network: NetworkCollector
    bus: Transport
    loops: Loops
    names: Sequence[str] = ()
    _take: Take | None = None
    _tasks: dict[StreamCursor, asyncio.Task[None]] = field(default_factory=dict)

    def start(self, take: Take) -> None:
        """Hand what is read to `take` from now on."""
        self._take = take

    async def follow(self, found: Mapping[str, str], *, selective: bool) -> None:
        """Read these streams and no others, by name with their kinds; arguments as of `Engine.follow`."""
        take = self._take
        if take is None:
            return
        with self.network.lock:
            self.engine.follow(found, time.monotonic(), selective=selective)
            cursors = list(self.engine.cursors.values())
        gone = [cursor for cursor in self._tasks if cursor not in cursors]
        await cancel(*(self._tasks.pop(cursor) for cursor in gone))
        for cursor in cursors:
            if cursor not in self._tasks:
                self._tasks[cursor] = self.loops.spawn(self._read(cursor, partial(take, cursor.stream)))

    async def stop(self) -> None:
        """End reading, for good."""
        self._take = None
        await cancel(*self._tasks.values())
        self._tasks.clear()

    async def _read(self, cursor: StreamCursor, take: Callable[[Sequence[Message], int], Awaitable[None]]) -> None:
        rare = self.engine.streams.kind(cursor.stream) in _RARE
        log = self.bus.log(cursor.stream, self.names, cursor.filters if cursor.selective else (), rare=rare)
        await ReadingLoop(log, cursor, take, partial(self._discontinuity, cursor.stream)).run()

    def _discontinuity(self, stream: str, what: Discontinuity) -> None:
        with self.network.lock:
            self.engine.on_discontinuity(stream, what, time.monotonic())
