"""A connection for commands that ask one thing and end."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

from nats.errors import Error as NatsError

from fog_bus.nats.connection import Connection, reason_of, text_of
from fog_bus.nats.link import Link
from fog_bus.nats.options import NatsOptions
from fog_cli.errors import CommandError
from fog_cli.logs import LogSettings, set_up_logging
from fog_cli.nats_settings import NatsSettings

CONNECT_SECONDS: Final = 2.0


@asynccontextmanager
async def connected_link(nats: NatsSettings | NatsOptions, name: str = "fog") -> AsyncIterator[Link]:
    """Provide a link to NATS while inside; trouble is one line of an exception, not of a log.

    Raises:
        UsageError: when the options cannot work.
        CommandError: when there is no connection within 2 s; says whether no server answers or one refuses.
    """
    set_up_logging(LogSettings(level="error"))
    options = nats if isinstance(nats, NatsOptions) else nats.options(name)
    connection = Connection(options)
    link = Link(connection)
    async with connection:
        if not await connection.connected(CONNECT_SECONDS):
            raise CommandError(_why_not(connection))
        yield link


def _why_not(connection: Connection) -> str:
    """Say why there is no connection: a server that answers and refuses tells more than one that does not."""
    options = connection.options
    for server, error in connection.failures.items():
        text = text_of(error).strip("'")
        if reason_of(error) == "authorization":
            return f"the NATS server at {server} refuses {options.who}: {text}: check the credentials"
        if isinstance(error, ssl.SSLError) or not isinstance(error, OSError):
            return f"cannot connect to NATS at {server}: {text}"
    return f"no NATS server answers at {options.where}: start it, or name another with --nats"


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
