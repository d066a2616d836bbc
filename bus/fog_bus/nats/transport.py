"""NATS as a `Transport`: one connection, its link, its streams.

transport = NatsTransport(NatsOptions.parse("nats://127.0.0.1:4222"))
async with transport:
    await transport.connected(5)
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from fog_bus.nats.api import JetStream, JetStreamError
from fog_bus.nats.connection import Connection
from fog_bus.nats.link import Link
from fog_bus.nats.log import HEARTBEAT, RARE_HEARTBEAT, NatsBucket, NatsLog
from fog_bus.nats.options import NatsOptions
from fog_bus.nats.provision import apply, check_ours, differences, find
from fog_bus.nats.troubles import why_not
from fog_bus.ports import LogError
from fog_bus.streams import Difference, StreamSettings


class NatsTransport(Link):
    """A link with a connection of its own. Implements `fog_bus.ports.Transport`.

    Args:
        options: Where NATS is, and who we are there.

    Raises:
        NatsOptionsError: The TLS files cannot be used.
    """

    def __init__(self, options: NatsOptions) -> None:
        super().__init__(Connection(options))
        self._running: asyncio.Task[None] | None = None

    def log(
        self, stream: str, readers: Sequence[str] = (), subjects: Sequence[str] = (), *, rare: bool = False
    ) -> NatsLog:
        """Return the stream of that name as a log, whose readers have some of these names, or any."""
        return NatsLog(self, stream, RARE_HEARTBEAT if rare else HEARTBEAT, readers, subjects)

    def bucket(self, name: str) -> NatsBucket:
        """Return the bucket of that name."""
        return NatsBucket(self, name)

    async def holding(self, subjects: Sequence[str]) -> list[str]:
        """Return the names of the streams that take any subject of these filters, in order.

        Raises:
            LogError: The server refused, or did not answer.
        """
        try:
            found = [await JetStream(self).streams_of(subject) for subject in subjects]
        except JetStreamError as error:
            raise LogError(error.reason, str(error)) from error
        return sorted({name for names in found for name in names})

    @property
    def trouble(self) -> str:
        """Why there is no connection, and what to do, in a line for people; empty where nothing is wrong."""
        return "" if self.connection.client is not None else why_not(self.connection.options, self.connection.failures)

    async def provide(self, settings: StreamSettings, *, update: bool = False) -> list[Difference]:
        """Create a stream if it does not exist; return what is different about one that does, with `update` changed.

        Raises:
            LogError: The server refused, or did not answer.
        """
        try:
            return await apply(JetStream(self), settings, update=update)
        except JetStreamError as error:
            raise LogError(error.reason, str(error)) from error

    async def examine(self, settings: StreamSettings) -> list[Difference] | None:
        """Return what is different about a stream, None when it does not exist. Nothing is changed.

        Raises:
            LogError: The server refused, or did not answer.
        """
        try:
            found = await find(JetStream(self), settings.name)
            check_ours(settings, found or {})
        except JetStreamError as error:
            raise LogError(error.reason, str(error)) from error
        return None if found is None else differences(settings, found)

    async def run(self) -> None:
        """Keep connected until `close`, whatever happens to servers and connections."""
        await self.connection.run()

    def disown(self) -> None:
        """In a forked child, whose parent has the connection: let nothing that is done here reach the parent's."""
        self.connection.disown()

    async def close(self, deadline: float = 2.0) -> None:
        """Let what was published reach the server, at most `deadline` seconds, and end `run`."""
        await self.connection.close(deadline)

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
        if self._running is not None:
            await self._running
