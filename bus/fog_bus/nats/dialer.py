"""Connect to the first server that answers, among those that were given and those that the cluster has named."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from fog_bus.nats.client import Client
from fog_bus.nats.options import NatsOptions, redacted
from fog_bus.nats.troubles import Troubles, text_of

PING_INTERVAL: Final = 10.0
MAX_OUTSTANDING_PINGS: Final = 2
CONNECT_TIMEOUT: Final = 5.0
_DROP_TIMEOUT: Final = 1.0


class Dialer:
    """Make one client after another, each for one TCP connection.

    Args:
        options: Where and as whom.
        rng: For the order of servers.
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
        self._discovered: list[str] = []

    async def connect(self, on_end: Callable[[], None], on_error: Callable[[Exception], None]) -> Client | None:
        """Try each server once: the given ones, then those that the cluster has named."""
        given = [redacted(server) for server in self._options.servers]
        named = [server for server in self._discovered if server not in given]
        self._rng.shuffle(given)
        self._rng.shuffle(named)
        for server in given + named:
            client = Client(insist_on_tls=self._options.wants_tls)
            client.on_end = on_end
            try:
                await client.connect([server], **self._arguments(on_error))
                self.failures.clear()
                return client
            except Exception as error:  # noqa: BLE001 — the next server, or the next round, may do better
                self.failures[server] = error
                self._troubles.note(error, f"cannot connect to NATS at {server}: {text_of(error)}; trying again")
            finally:
                if not client.is_connected:
                    await drop(client)
        return None

    def discovered(self, servers: Iterable[str]) -> None:
        """Note the servers that the cluster has named, as URLs."""
        self._discovered = list(servers)

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
