"""Connect to the first server that answers, among those that were given and those that the cluster has named."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from fog_bus.nats.client import Client
from fog_bus.nats.options import NatsOptions, redacted
from fog_bus.nats.resolver import Address, Resolver
from fog_bus.nats.troubles import Troubles, text_of

PING_INTERVAL: Final = 10.0
MAX_OUTSTANDING_PINGS: Final = 2
CONNECT_TIMEOUT: Final = 5.0
FIRST_PATIENCE: Final = 2.0
"""Seconds that one of several addresses has for its first word; twice as many in each round after one in vain."""
_DEFAULT_PORT: Final = 4222
_DROP_TIMEOUT: Final = 1.0


class Dialer:
    """Make one client after another, each for one TCP connection.

    Args:
        options: Where and as whom.
        rng: For the order of servers, and of each one's addresses.
        ping_interval: Seconds between pings.
        troubles: Counts what goes wrong.

    Attributes:
        failures: Why the last attempt at each server failed, by its address; empty once there is a connection.

    Raises:
        NatsOptionsError: The TLS files cannot be used.
    """

    def __init__(self, options: NatsOptions, rng: random.Random, ping_interval: float, troubles: Troubles) -> None:
        self.failures: dict[str, BaseException] = {}
        self._options = options
        self._tls = options.tls()
        self._rng = rng
        self._ping_interval = ping_interval
        self._troubles = troubles
        self._resolver = Resolver()
        self._discovered: dict[str, str | None] = {}
        self._patience = FIRST_PATIENCE

    async def connect(self, on_end: Callable[[], None], on_error: Callable[[Exception], None]) -> Client | None:
        """Try each address of each server once: the given servers, then those that the cluster has named."""
        given = [redacted(server) for server in self._options.servers]
        named = [server for server in self._discovered if server not in given]
        self._rng.shuffle(given)
        self._rng.shuffle(named)
        arguments = self._arguments(on_error)
        for server in given + named:
            addresses = await self._addresses_of(server)
            several = len(given) + len(named) > 1 or len(addresses) > 1
            for address in addresses:
                client = Client(insist_on_tls=self._options.wants_tls, address=address)
                if await self._reach(client, server, self._patience if several else None, arguments):
                    client.on_end = on_end  # not before: the end of one that was never connected is nobody's
                    self.failures.clear()
                    self._patience = FIRST_PATIENCE
                    return client
        self._patience = min(2 * self._patience, CONNECT_TIMEOUT)
        return None

    def discovered(self, servers: Mapping[str, str | None]) -> None:
        """Note the servers that the cluster has named, as URLs, with the name that each one's certificate must bear."""
        self._discovered = dict(servers)

    async def _addresses_of(self, server: str) -> list[Address | None]:
        """Resolve a server's name; its addresses come in any order. None lets the transport resolve."""
        parts = urlsplit(server)
        if parts.scheme in ("ws", "wss"):
            return [None]
        try:
            addresses = await self._resolver.addresses(parts.hostname or "", parts.port or _DEFAULT_PORT)
        except OSError as error:
            self._failed(server, error)
            return []
        return self._rng.sample(addresses, len(addresses))

    async def _reach(self, client: Client, server: str, patience: float | None, arguments: dict[str, Any]) -> bool:
        """Connect a client; tell whether that was possible. Its server's first word comes within `patience` seconds."""
        try:
            async with asyncio.timeout(patience) as first_word:
                client.on_first_word = lambda: first_word.reschedule(None)
                await client.connect([server], tls_hostname=self._discovered.get(server), **arguments)
        except Exception as error:  # noqa: BLE001 — the next server, or the next round, may do better
            self._failed(server, error if str(error) else TimeoutError(f"no answer from {client.address or server}"))
        finally:
            if not client.is_connected:
                await drop(client)
        return client.is_connected

    def _failed(self, server: str, error: Exception) -> None:
        self.failures[server] = error
        self._troubles.note(error, f"cannot connect to NATS at {server}: {text_of(error)}; trying again")

    def _arguments(self, report: Callable[[Exception], None]) -> dict[str, Any]:
        """Return arguments for nats-py's `connect`: a callback that cannot raise, no buffer, no reconnecting."""

        async def on_error(error: Exception) -> None:
            with suppress(Exception):
                report(error)

        arguments: dict[str, Any] = {
            "error_cb": on_error,
            "name": self._options.name,
            "allow_reconnect": False,
            "connect_timeout": CONNECT_TIMEOUT,
            "ping_interval": self._ping_interval,
            "max_outstanding_pings": MAX_OUTSTANDING_PINGS,
            "pending_size": -1,
            **self._options.login(),
        }
        if self._options.tls_first:
            arguments["tls_handshake_first"] = True
        if self._tls is not None:
            arguments["tls"] = self._tls
        if self._options.inbox_prefix is not None:
            arguments["inbox_prefix"] = self._options.inbox_prefix
        return arguments


async def drop(client: Client) -> None:
    """Close a client, in at most a second, whatever state it is in."""
    with suppress(Exception):
        async with asyncio.timeout(_DROP_TIMEOUT):
            await client.close()
