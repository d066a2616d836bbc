"""A connection for commands that ask one thing and end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fog_bus.nats.connection import Connection
from fog_bus.nats.link import Link
from fog_bus.nats.options import NatsOptions
from fog_cli.errors import CommandError
from fog_cli.logs import LogSettings, set_up_logging
from fog_cli.nats_settings import NatsSettings

CONNECT_SECONDS: Final = 2.0


@asynccontextmanager
async def connected_link(nats: NatsSettings | NatsOptions, name: str = "fog") -> AsyncIterator[Link]:
    """A link to NATS while inside; trouble is one line of an exception, not of a log.

    Raises:
        UsageError: when the options cannot work.
        CommandError: when no server answers within 2 s, or one that does has not the TLS that was asked for.
    """
    set_up_logging(LogSettings(level="error"))
    options = nats if isinstance(nats, NatsOptions) else nats.options(name)
    connection = Connection(options)
    link = Link(connection)
    async with connection:
        if not await connection.connected(CONNECT_SECONDS):
            if without_tls := connection.said.get("tls"):
                raise CommandError(without_tls)
            raise CommandError(f"no NATS server answers at {options.where}: start it, or name another with --nats")
        yield link
