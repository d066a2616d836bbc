"""Ask a real nats-server for streams, and for what is in them."""

from __future__ import annotations

import asyncio

from fog_bus.nats.api import JetStream
from fog_bus.nats.connection import Connection
from fog_bus.nats.link import Link
from fog_bus.nats.options import NatsOptions
from fog_bus.nats.provision import apply
from fog_bus.streams import METRICS, control_stream, events_stream, metrics_stream, rollups_stream
from fog_schema.codec import decode
from fog_schema.frames import Frame
from fog_schema.subjects import Subjects


async def make_streams(url: str, **login: str) -> None:
    """Make the four streams, as an aggregator does that has branches or is one."""
    connection = Connection(NatsOptions.parse(url, **login))
    jetstream = JetStream(Link(connection))
    async with connection:
        assert await connection.connected(10)
        for make in (metrics_stream, events_stream, rollups_stream, control_stream):
            await apply(jetstream, make(Subjects()))


async def last_frame(url: str, path: tuple[str, ...], stream: str = METRICS, **login: str) -> Frame:
    """Return the last frame that the stream of metrics, or of rollups, has of a path."""
    subjects = Subjects()
    subject = subjects.metrics(path) if stream == METRICS else subjects.rollups(path)
    connection = Connection(NatsOptions.parse(url, **login))
    async with connection:
        assert await connection.connected(10)
        assert connection.client is not None
        message = await connection.client.jetstream().get_last_msg(stream, subject)
        return decode(message.data or b"")


def with_streams(url: str) -> str:
    """For tests without a loop."""
    asyncio.run(make_streams(url))
    return url
