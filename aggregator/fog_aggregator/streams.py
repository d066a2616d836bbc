"""Make the streams that an aggregator reads, in development; in production a command does it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from fog_aggregator.tasks import Loops, cancel
from fog_bus.ports import LogError, Transport
from fog_bus.streams import StreamSettings

LOGGER: Final = logging.getLogger("fog_aggregator")
_RETRY: Final = 5.0


class BusConnection:
    """A component that keeps the connection, and the streams if it is told to.

    Args:
        bus: The bus to keep connected.
        streams: The streams to make, also anew when they are wiped; none to leave them to a command.
        loops: Runs the loops.

    Attributes:
        streams_made: Set once the streams were looked after; reading begins then.
    """

    def __init__(self, bus: Transport, streams: Sequence[StreamSettings], loops: Loops) -> None:
        self.streams_made = asyncio.Event()
        self._bus = bus
        self._streams = streams
        self._loops = loops
        self._logged: set[str] = set()
        self._keeping: asyncio.Task[None] | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect."""
        self._connecting = self._loops.spawn(self._bus.run())
        self._keeping = self._loops.spawn(self._keep_streams())

    async def stop(self, deadline: float) -> None:
        """Let what was published reach the server, and end."""
        await cancel(self._keeping)
        await self._bus.close(deadline)
        await cancel(self._connecting)

    async def _keep_streams(self) -> None:
        if not self._streams:
            self.streams_made.set()
            return
        while True:
            await self._bus.connected()
            try:
                for settings in self._streams:
                    for difference in await self._bus.provide(settings):
                        self._warn_once(f"{difference}; `fog streams apply --update` changes it")
            except LogError as error:
                LOGGER.warning("streams cannot be made: %s", error)
            self.streams_made.set()
            await asyncio.sleep(_RETRY)

    def _warn_once(self, text: str) -> None:
        if text not in self._logged:
            self._logged.add(text)
            LOGGER.warning("%s", text)
