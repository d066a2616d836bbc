"""A stream in memory as a `Log`."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Final

from fog_bus.filters import matches
from fog_bus.memory.stream import MemoryStream
from fog_bus.ports import LogError, Message, Share, StreamInfo

HEARTBEAT: Final = 0.5
_BATCH: Final = 1000


class MemoryLog:
    """One stream of a bus. Implements `fog_bus.ports.Log`.

    Args:
        stream: The stream's name.
        find: Return the stream; None while it does not exist.
        online: Set while the bus is connected.
        heartbeat: Seconds after which a reader says that there is nothing to read.
        subjects: Filters of the subjects that are delivered; all without them.
    """

    def __init__(
        self,
        stream: str,
        find: Callable[[], MemoryStream | None],
        online: asyncio.Event,
        heartbeat: float = HEARTBEAT,
        subjects: Sequence[str] = (),
    ) -> None:
        self.stream = stream
        self._subjects = subjects
        self._find = find
        self._online = online
        self._heartbeat = heartbeat

    async def connected(self) -> None:
        """Wait until the bus is connected."""
        await self._online.wait()

    async def info(self, *, beyond: int | None = None) -> StreamInfo:
        """Tell what the stream is now.

        Raises:
            LogError: There is no stream, or the bus is not connected.
        """
        del beyond  # there are no deleted messages at its end
        return self._stream().info(self._subjects)

    async def stored_at(self, seq: int) -> int:
        """Tell when a message was stored, nanoseconds since 1970; 0 for no such message.

        Raises:
            LogError: There is no stream, or the bus is not connected.
        """
        return self._stream().timestamp_of(seq)

    async def shares(self, most: int) -> list[Share]:
        """Tell which subjects have most of the stream's messages.

        Raises:
            LogError: There is no stream, or the bus is not connected.
        """
        messages = self._stream().messages
        found = Counter(message.subject for message in messages).most_common(most)
        return [Share(subject, count, count / len(messages)) for subject, count in found]

    async def subjects(self, matching: str, skip: int = 0) -> list[str]:
        """Tell which of the subjects that a filter matches have messages.

        Raises:
            LogError: There is no stream, or the bus is not connected.
        """
        found = {message.subject for message in self._stream().messages}
        return sorted(subject for subject in found if matches(matching, subject))[skip:]

    async def open(self, seq: int) -> MemoryLogReader:
        """Open a reader that begins with the first message at or after `seq`.

        Raises:
            LogError: There is no stream, or the bus is not connected.
        """
        return MemoryLogReader(self._stream(), self._online, seq, self._heartbeat, self._subjects)

    async def open_at(self, timestamp: float, subjects: Sequence[str]) -> MemoryLogReader:
        """Open a reader of some subjects' messages that begins with the first one stored at or after a moment.

        Raises:
            LogError: There is no stream, or the bus is not connected.
        """
        stream = self._stream()
        at = bisect_left(stream.messages, timestamp * 1e9, key=attrgetter("timestamp_ns"))
        seq = stream.messages[at].seq if at < len(stream.messages) else stream.last_seq + 1
        return MemoryLogReader(stream, self._online, seq, self._heartbeat, subjects)

    def _stream(self) -> MemoryStream:
        stream = self._find()
        if not self._online.is_set():
            raise LogError("disconnected")
        if stream is None:
            raise LogError("missing", f"there is no stream {self.stream}")
        return stream


class MemoryLogReader:
    """One reader of a stream. Implements `fog_bus.ports.LogReader`."""

    def __init__(
        self,
        stream: MemoryStream,
        online: asyncio.Event,
        seq: int,
        heartbeat: float,
        subjects: Sequence[str] = (),
    ) -> None:
        self._stream = stream
        self._online = online
        self._seq = seq
        self._heartbeat = heartbeat
        self._subjects = subjects
        self._disruptions = stream.disruptions
        self._changed = asyncio.Event()
        stream.watchers.append(self._wake)

    @property
    def pending(self) -> int:
        """How many messages of its subjects the stream has beyond the last one returned."""
        if not self._subjects:
            return max(0, self._stream.last_seq - self._seq + 1)
        return sum(map(self._is_ours, self._stream.read(self._seq, len(self._stream.messages))))

    async def next(self) -> list[Message]:
        """Return the next messages, 1,000 at most; none when none came within a heartbeat.

        Raises:
            LogError: The stream was disrupted, or the bus is not connected any more.
        """
        messages = self._read()
        if not messages:
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat):
                    await self._changed.wait()
            messages = self._read()
        if messages:
            self._seq = messages[-1].seq + 1
        return [message for message in messages if self._is_ours(message)]

    async def close(self) -> None:
        """Let go of the stream."""
        self._stream.watchers.remove(self._wake)

    def _read(self) -> list[Message]:
        if not self._online.is_set():
            raise LogError("disconnected")
        if self._disruptions != self._stream.disruptions:
            raise LogError("consumer", "the server was restarted")
        return self._stream.read(self._seq, _BATCH)

    def _is_ours(self, message: Message) -> bool:
        return not self._subjects or any(matches(subject, message.subject) for subject in self._subjects)

    def _wake(self, _removed: Sequence[Message]) -> None:
        self._changed.set()
