"""A connection for commands that ask one thing and end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

from nats.errors import Error as NatsError

from fog_bus.nats.link import Link
from fog_bus.nats.options import NatsOptions
from fog_bus.nats.transport import NatsTransport
from fog_bus.ports import Transport
from fog_bus.transports import open_transport
from fog_cli.errors import CommandError
from fog_cli.logs import LogSettings, set_up_logging
from fog_cli.nats_settings import NatsSettings

T = TypeVar("T", bound=Transport)

CONNECT_SECONDS: Final = 2.0


@asynccontextmanager
async def connected_bus(nats: NatsSettings, name: str) -> AsyncIterator[Transport]:
    """Provide a connection to the bus, whichever it is, while inside; trouble is one line of an exception.

    Raises:
        UsageError: when the options cannot work.
        CommandError: when there is no connection within 2 s; says why.
    """
    async with _connected(open_transport(nats.options(name))) as bus:
        yield bus


@asynccontextmanager
async def connected_link(nats: NatsSettings | NatsOptions, name: str = "fog") -> AsyncIterator[Link]:
    """Provide a connection to NATS while inside, for commands that look at the server itself.

    Raises:
        UsageError: when the options cannot work.
        CommandError: when there is no connection within 2 s; says whether no server answers or one refuses.
    """
    options = nats if isinstance(nats, NatsOptions) else nats.options(name)
    async with _connected(NatsTransport(options)) as link:
        yield link


@asynccontextmanager
async def _connected(transport: T) -> AsyncIterator[T]:
    set_up_logging(LogSettings(level="error"))
    async with transport:
        if not await transport.connected(CONNECT_SECONDS):
            raise CommandError(transport.trouble)
        yield transport


class Refusals:
    """Collect from now on what the server does not let a link do.

    Args:
        link: A link that is connected.
        subjects: Subjects that may be refused, as they are written: the connection tells of them in lower case.
    """

    def __init__(self, link: Link, subjects: Iterable[str]) -> None:
        self._link = link
        self._subjects = {subject.lower(): subject for subject in subjects}
        self.found: list[str] = []
        link.connection.on_error.append(self._add)

    async def answers(self) -> list[str]:
        """Wait until the server has judged what was asked of it so far, and return what it refused."""
        if self._link.connection.client is not None:
            with suppress(TimeoutError, NatsError):
                await self._link.connection.client.flush()
        return self.found

    def _add(self, text: str) -> None:
        if not text.startswith("permissions violation"):
            return  # a slow consumer, for one
        head, _, subject = text.strip('"').rpartition('"')
        self.found.append(f'{head}"{self._subjects.get(subject, subject)}"')
