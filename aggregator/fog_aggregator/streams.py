"""Make the streams that an aggregator reads, in development; in production a command does it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from fog_aggregator.tasks import Loops, cancel
from fog_bus.nats.api import JetStream, JetStreamError
from fog_bus.nats.connection import Connection
from fog_bus.nats.link import Link
from fog_bus.nats.provision import apply
from fog_bus.streams import StreamSettings

LOGGER: Final = logging.getLogger("fog_aggregator")
_RETRY: Final = 5.0


class NatsConnection:
    """A component that keeps the connection, and the streams if it is told to.

    Args:
        connection: The connection to keep.
        link: Carries the calls.
        streams: The streams to make, also anew when they are wiped; none to leave them to a command.
        loops: Runs the loops.

    Attributes:
        streams_made: Set once the streams were looked after; reading begins then.
    """

    def __init__(self, connection: Connection, link: Link, streams: Sequence[StreamSettings], loops: Loops) -> None:
        self.streams_made = asyncio.Event()
        self._connection = connection
        self._link = link
        self._streams = streams
        self._loops = loops
        self._logged: set[str] = set()
        self._keeping: asyncio.Task[None] | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect."""
        self._connecting = self._loops.spawn(self._connection.run())
        self._keeping = self._loops.spawn(self._keep_streams())

    async def stop(self, deadline: float) -> None:
        """Let what was published reach the server, and end."""
        await cancel(self._keeping)
        await self._connection.close(deadline)
        await cancel(self._connecting)

    async def _keep_streams(self) -> None:
        if not self._streams:
            self.streams_made.set()
            return
        while True:
            await self._connection.connected()
            try:
                for settings in self._streams:
                    for difference in await apply(JetStream(self._link), settings):
                        self._warn_once(f"{difference}; `fog streams apply` changes it")
            except JetStreamError as error:
                LOGGER.warning("streams cannot be made: %s", error)
            self.streams_made.set()
            await asyncio.sleep(_RETRY)

    def _warn_once(self, text: str) -> None:
        if text not in self._logged:
            self._logged.add(text)
            LOGGER.warning("%s", text)
