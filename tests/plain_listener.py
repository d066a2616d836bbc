"""A listener that answers as a nats-server without TLS does, and keeps what it receives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

_INFO: Final = {"server_id": "PLAIN", "version": "2.12.0", "proto": 1, "headers": True, "max_payload": 1048576}


@dataclass
class PlainListener:
    """A server that offers no TLS, and lets everybody in.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        ended: How many connections there have been and are no more.
        heard: All that came, of all connections.
    """

    port: int = 0
    ended: int = 0
    heard: bytearray = field(default_factory=bytearray)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        writer.write(b"INFO " + json.dumps(_INFO | {"port": self.port}).encode() + b"\r\n")
        while data := await reader.read(4096):
            self.heard += data
            writer.write(b"PONG\r\n" * data.count(b"PING\r\n"))
        writer.close()
        self.ended += 1


@asynccontextmanager
async def plain_listener() -> AsyncIterator[PlainListener]:
    """Provide a listener on a free port while inside."""
    listener = PlainListener()
    server = await asyncio.start_server(listener.answer, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
