"""Lie to a client of a real nats-server about the time, as a server would whose clock is set.

The server's process has the true clock, and no way to set it for one process alone: Go asks the kernel without the C
library. So a proxy stands before one client, and changes the times in what the server says: those of messages in the
reply subjects of deliveries, and that of each answer of the API. All else is the server's own. The retention of a
stream goes by the true clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from fog_testing.nats_server import NatsServer

_TS: Final = re.compile(rb'"ts":"([^"]+)"')
_STAMP: Final = 7
"""The place of the time in `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<time>.<pending>`."""


class ClockProxy:
    """A TCP proxy before a nats-server, whose clock is what a test says. Belongs to one event loop.

    Args:
        server: The server.
    """

    def __init__(self, server: NatsServer) -> None:
        self._server = server
        self._steps: list[tuple[float, float]] = [(0.0, 0.0)]
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The address to connect to."""
        assert self._listener is not None
        return f"nats://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    def set_clock(self, ahead: float, seconds: float = math.inf) -> None:
        """Let the server's clock be ahead from now on, or for some seconds."""
        now = time.time()
        self._steps += [(now, ahead), (now + seconds, 0.0)]

    def ahead(self, at: float | None = None) -> float:
        """Return how far the clock was ahead at a true time; now, unless it is told."""
        moment = time.time() if at is None else at
        return next(ahead for since, ahead in reversed(self._steps) if since <= moment)

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server.port, limit=2**24)
        pumps = [asyncio.create_task(_copy(reader, to_server)), asyncio.create_task(self._lie(from_server, writer))]
        self._tasks.update(pumps)
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        self._tasks.difference_update(pumps)
        to_server.close()
        writer.close()

    async def _lie(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the server says, line by line, and the payloads behind lines that have one."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                words = line.split()
                if words[:1] in ([b"MSG"], [b"HMSG"]):
                    payload = await reader.readexactly(int(words[-1]) + 2)
                    line, payload = self._changed(words, payload)
                    line += payload
                writer.write(line)
                await writer.drain()

    def _changed(self, words: list[bytes], payload: bytes) -> tuple[bytes, bytes]:
        headers = words[0] == b"HMSG"
        if len(words) == (6 if headers else 5):
            words[3] = self._restamped(words[3])
        if not headers:
            payload = _TS.sub(self._told, payload)
            words[-1] = str(len(payload) - 2).encode()
        return b" ".join(words) + b"\r\n", payload

    def _restamped(self, reply: bytes) -> bytes:
        tokens = reply.split(b".")
        if len(tokens) == 9 and tokens[:2] == [b"$JS", b"ACK"]:
            stamp = int(tokens[_STAMP])
            tokens[_STAMP] = str(stamp + int(self.ahead(stamp / 1e9) * 1e9)).encode()
        return b".".join(tokens)

    def _told(self, found: re.Match[bytes]) -> bytes:
        told = datetime.fromisoformat(found[1].decode()) + timedelta(seconds=self.ahead())
        return b'"ts":"' + told.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode() + b'"'


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
