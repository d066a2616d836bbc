"""One bus in the memory of one process, with the faults that a test wants."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Final, Self

from fog_bus.filters import matches, overlap
from fog_bus.memory.bucket import MemoryBucket
from fog_bus.memory.log import HEARTBEAT, MemoryLog
from fog_bus.memory.stream import Fate, MemoryStream
from fog_bus.ports import Entry, LogError, Outcome, Publish, Refusal, RequestCallback
from fog_bus.rate_limited_log import RateLimitedLog
from fog_bus.streams import (
    Difference,
    StreamSettings,
    control_stream,
    events_stream,
    metrics_stream,
    rollups_stream,
)
from fog_schema.subjects import DEFAULT_PREFIX, Subjects

MAX_PAYLOAD: Final = 1024 * 1024


class MemoryBus:
    """A bus with its streams. Implements `fog_bus.ports.Transport`. Belongs to one event loop.

    Any number of agents and aggregators may share it. It is connected from the beginning, and has the four streams
    that agents and aggregators use.

    Args:
        prefix: The beginning of its streams' subjects.
        clock: Seconds since 1970, the time of messages.
        heartbeat: Seconds after which a reader of a log says that there is nothing to read.

    Attributes:
        streams: By name. Their methods make the faults of a store: `roll_back`, `wipe`, `trim`, `put_back`.
        buckets: The values of each bucket, by key.
        fate: Called with the subject of each publish; returns the publish's fate.
    """

    def __init__(
        self, prefix: str = DEFAULT_PREFIX, *, clock: Callable[[], float] = time.time, heartbeat: float = HEARTBEAT
    ) -> None:
        subjects = Subjects(prefix)
        self.streams: dict[str, MemoryStream] = {}
        self.buckets: dict[str, dict[str, Entry]] = {}
        self.fate: Callable[[str], Fate] = lambda _subject: Fate.STORED
        self._clock = clock
        self._heartbeat = heartbeat
        self._online = asyncio.Event()
        self._online.set()
        self._closed = asyncio.Event()
        self._listeners: list[tuple[str, RequestCallback]] = []
        self._log = RateLimitedLog(time.monotonic)
        for make in (metrics_stream, events_stream, rollups_stream, control_stream):
            settings = make(subjects)
            self.streams[settings.name] = MemoryStream(settings, clock)

    def disconnect(self) -> None:
        """Lose the connection, for everybody."""
        self._online.clear()
        for stream in self.streams.values():
            stream.disrupt()

    def reconnect(self) -> None:
        """Be connected again."""
        self._online.set()

    @property
    def max_payload(self) -> int | None:
        """The longest message in bytes that can be published; None while disconnected."""
        return MAX_PAYLOAD if self._online.is_set() else None

    async def connected(self, deadline: float | None = None) -> bool:
        """Wait for a connection, at most `deadline` seconds; tell whether there is one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                await self._online.wait()
        return self._online.is_set()

    async def publish(self, subject: str, payload: bytes, deadline: float) -> Publish:
        """Publish once; what becomes of it is known at once, also that no acknowledgement will come."""
        del deadline
        await asyncio.sleep(0)
        if not self._online.is_set():
            return Publish(Outcome.DISCONNECTED)
        if len(payload) > MAX_PAYLOAD:
            text = f"{len(payload)} bytes, and the bus takes {MAX_PAYLOAD}"
            return Publish(Outcome.REFUSED, Refusal.TOO_LARGE, text)
        stream = self._stream_of(subject)
        if stream is None:
            return Publish(Outcome.REFUSED, Refusal.NO_STREAM, "no stream takes this subject")
        outcome = stream.publish(subject, payload, self.fate(subject))
        self._deliver(subject, payload)
        return outcome

    async def send(self, subject: str, payload: bytes, *, message_id: str = "") -> bool:
        """Publish without asking for an answer; return False while disconnected."""
        if not self._online.is_set():
            return False
        if (stream := self._stream_of(subject)) is not None and not stream.knows(message_id):
            stream.publish(subject, payload)
        self._deliver(subject, payload)
        return True

    async def listen(
        self, subjects: Iterable[str], callback: RequestCallback, *, instead: Mapping[str, str] | None = None
    ) -> None:
        """Call back for each message on any of `subjects`, from now on, in the order in which they are sent.

        Everybody may hear everything.
        """
        del instead
        self._listeners += [(subject, callback) for subject in subjects]

    def log(
        self, stream: str, readers: Sequence[str] = (), subjects: Sequence[str] = (), *, rare: bool = False
    ) -> MemoryLog:
        """Return the stream of that name as a log; its readers have no names."""
        del readers, rare
        return MemoryLog(stream, partial(self.streams.get, stream), self._online, self._heartbeat, subjects)

    def bucket(self, name: str) -> MemoryBucket:
        """Return the bucket of that name, which is there."""
        return MemoryBucket(self.buckets.setdefault(name, {}), self._online)

    async def holding(self, subjects: Sequence[str]) -> list[str]:
        """Return the names of the streams that take any subject of these filters, in order.

        Raises:
            LogError: The bus is not connected.
        """
        if not self._online.is_set():
            raise LogError("disconnected")
        wanted = [(one, taken) for one in self.streams.values() for taken in one.settings.subjects]
        return sorted({one.name for one, taken in wanted if any(overlap(taken, subject) for subject in subjects)})

    @property
    def trouble(self) -> str:
        """Why there is no connection; empty while there is one."""
        return "" if self._online.is_set() else "the bus in memory is disconnected"

    async def provide(self, settings: StreamSettings, *, update: bool = False) -> list[Difference]:
        """Create a stream if it does not exist; nothing is ever different about one that does."""
        del update
        if settings.name not in self.streams:
            self.streams[settings.name] = MemoryStream(settings, self._clock)
        return []

    async def examine(self, settings: StreamSettings) -> list[Difference] | None:
        """Return None when a stream does not exist; nothing is ever different about one that does."""
        return [] if settings.name in self.streams else None

    async def run(self) -> None:
        """Wait for `close`."""
        await self._closed.wait()

    def disown(self) -> None:
        """Do nothing: a forked child has a copy of all there is."""

    async def close(self, deadline: float = 2.0) -> None:
        """End `run`. The bus stays as it is: others may use it."""
        del deadline
        self._closed.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _stream_of(self, subject: str) -> MemoryStream | None:
        streams = self.streams.values()
        return next((one for one in streams if any(matches(taken, subject) for taken in one.settings.subjects)), None)

    def _deliver(self, subject: str, payload: bytes) -> None:
        loop = asyncio.get_running_loop()
        for wanted, callback in self._listeners:
            if matches(wanted, subject):
                loop.call_soon(self._call, callback, subject, payload)

    def _call(self, callback: RequestCallback, subject: str, payload: bytes) -> None:
        try:
            callback(subject, payload)
        except Exception as error:  # noqa: BLE001 - one bad message must not silence those after it
            self._log(logging.ERROR, subject, f"a request on {subject} failed: {error!r}")
