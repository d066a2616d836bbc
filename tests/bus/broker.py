"""Helpers of the NATS tests: connections, streams and bytes that no client would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fog_bus.nats.api import JetStream
from fog_bus.nats.connection import Connection, NatsOptions
from fog_bus.nats.link import Link
from fog_bus.ports import Outcome


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[Link]:
    """Provide a link whose connection is there, and tries again fast when it is not."""
    connection = Connection(NatsOptions.parse(url, **options), longest_pause=0.1)
    link = Link(connection)
    async with connection:
        assert await connection.connected(10)
        yield link


async def make_stream(link: Link, name: str = "S", *subjects: str, **settings: Any) -> None:
    """Make a stream as an administrator does; subjects `s.>` unless told."""
    config = {"name": name, "subjects": list(subjects) or ["s.>"], **settings}
    await JetStream(link).call(f"STREAM.CREATE.{name}", config)


async def publish(link: Link, numbers: range, subject: str = "s.a") -> None:
    """Put each number into a stream and wait for the acknowledgement, through whatever happens to the connection."""
    for number in numbers:
        while (await link.publish(subject, str(number).encode(), 5)).outcome is not Outcome.ACKED:
            await link.connection.connected()


async def raw(port: int, data: bytes) -> None:
    """Send bytes as a client of one's own making would, and wait until the server has taken them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b'CONNECT {"headers":true,"verbose":false}\r\n' + data + b"PING\r\n")
    await reader.readuntil(b"PONG")
    writer.close()
    await writer.wait_closed()


def hpub(subject: bytes, headers: bytes, payload: bytes) -> bytes:
    """Return a publish with whatever is to be taken for headers."""
    return b"HPUB %s %d %d\r\n%s%s\r\n" % (subject, len(headers), len(headers) + len(payload), headers, payload)
