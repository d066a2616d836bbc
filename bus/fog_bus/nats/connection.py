"""Keep a connection to NATS for as long as the program runs.

    async with Connection(NatsOptions.parse("nats://127.0.0.1:4222")) as connection:
        if await connection.connected(5):
            await connection.client.publish("greetings", b"hello")

A client lives as long as its one TCP connection; when that ends, for whatever reason, the next is a new client, after
a pause that grows and is jittered. Subscriptions are made anew for each, in a hook. Nothing is buffered while there
is no connection. A silent peer is noticed after 30 s (three pings at 10 s).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cached_property, partial
from importlib import import_module
from types import TracebackType
from typing import Final, Self

from nats.errors import UnexpectedEOF

from fog_bus.backoff import backoff
from fog_bus.nats.client import Client
from fog_bus.nats.dialer import PING_INTERVAL, Dialer, drop
from fog_bus.nats.inbox import Inbox
from fog_bus.nats.light import load_websockets
from fog_bus.nats.options import NatsOptions, NatsOptionsError
from fog_bus.nats.troubles import Troubles, reason_of, text_of

__all__ = ["Client", "Connection", "NatsOptions", "NatsOptionsError", "reason_of", "text_of"]

_STEADY: Final = 10.0
"""A connection that lived this many seconds was a good one: the next pause is a short one."""


class Connection:
    """A supervisor over nats-py's clients. Belongs to one event loop.

    Args:
        options: Where and as whom.
        rng: For the order of servers and the jitter of pauses.
        longest_pause: Seconds between two attempts at most; they begin with half a second.
        ping_interval: Seconds between pings; three without an answer end the connection.

    Attributes:
        generation: How many connections there have been; a new number is a new client.
        on_connect: Awaited with each new client, before anyone else sees it: the place to subscribe.
        on_disconnect: Called when a client's connection has ended.
        on_error: Called with what the server says of a request that it refused, such as a publish without permission.

    Raises:
        NatsOptionsError: The TLS files cannot be used.
    """

    def __init__(
        self,
        options: NatsOptions,
        *,
        rng: random.Random | None = None,
        longest_pause: float = 15.0,
        ping_interval: float = PING_INTERVAL,
    ) -> None:
        if options.wants_websockets:
            load_websockets()
        self.options = options
        if options.creds or options.nkey:
            import_module("nkeys")  # not while connecting, in a thread: a fork meanwhile leaves the child its lock
        self.generation = 0
        self.on_connect: list[Callable[[Client], Awaitable[None]]] = []
        self.on_disconnect: list[Callable[[], None]] = []
        self.on_error: list[Callable[[str], None]] = []
        rng = rng or random.Random()
        self._troubles = Troubles()
        self._dialer = Dialer(options, rng, ping_interval, self._troubles)
        self._pauses = _Pauses(rng, longest_pause)
        self._client: Client | None = None
        self._up = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def errors(self) -> Counter[str]:
        """How often what went wrong, by reason: see `reason_of`."""
        return self._troubles.errors

    @property
    def failures(self) -> dict[str, BaseException]:
        """Why the last attempt at each server failed, by its address; empty once there is a connection."""
        return self._dialer.failures

    @property
    def client(self) -> Client | None:
        """The client that is connected now, if one is. Do not keep it."""
        return self._client if self._client is not None and self._client.is_connected else None

    @property
    def max_payload(self) -> int | None:
        """The longest message in bytes that the server takes; None while not connected."""
        return self.client.max_payload if self.client is not None else None

    @cached_property
    def inbox(self) -> Inbox:
        """Where answers come, for all links of this connection; nothing is subscribed to before one asks for it."""
        inbox = Inbox(self.options.inbox_prefix or "_INBOX")
        self.on_connect.insert(0, inbox.open)
        self.on_disconnect.append(inbox.hang_up)
        self.on_error.append(inbox.refused)
        return inbox

    def disown(self) -> None:
        """In a forked child, whose parent has the connection: let nothing that is done here reach the parent's."""
        if self._client is not None:
            self._client.disown()

    async def connected(self, deadline: float | None = None) -> bool:
        """Wait for a connection, at most `deadline` seconds; tell whether there is one.

        While anybody waits with a deadline, the pauses between attempts are as short as the first one.
        """
        if self._up.is_set():  # nearly always, and each frame asks several times
            return True
        with self._pauses.shortened() if deadline else nullcontext(), suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                await self._up.wait()
        return self._up.is_set()

    async def run(self) -> None:
        """Keep connected until `close`. Without a server it goes on trying, and says so.

        Cancelled, it drops the connection, and may be run again: a link that is lost and restored.
        """
        life = asyncio.create_task(self._live())
        life.add_done_callback(lambda ended: None if ended.cancelled() else self._closing.set())
        try:
            await self._closing.wait()
        finally:
            while not life.done():  # more than once: Python 3.11's `wait_for`, under nats-py, can lose a cancellation
                life.cancel()
                await asyncio.wait([life], timeout=0.1)
        if not life.cancelled():
            life.result()

    async def close(self, deadline: float = 2.0) -> None:
        """Let what was published reach the server, at most `deadline` seconds, and end `run`; with 0 end it at once."""
        if self.client is not None and deadline > 0 and not self._closing.is_set():
            with suppress(Exception):
                async with asyncio.timeout(deadline):
                    await self.client.flush()
        self._closing.set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
        if self._task is not None:
            await self._task

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            ended = asyncio.Event()
            started = loop.time()
            client = await self._dialer.connect(partial(self._ended, ended), self._on_error)
            if client is not None:
                await self._serve(client, ended)
                if loop.time() - started > _STEADY:
                    attempt = 0
            await self._pauses.after(attempt)
            attempt += 1

    async def _serve(self, client: Client, ended: asyncio.Event) -> None:
        try:
            for hook in self.on_connect:
                await hook(client)
            self._client = client
            self.generation += 1
            if client.is_connected:  # or `connected` would be true of one that has ended, and its callers never wait
                self._up.set()
            self._troubles.log(logging.INFO, "connected", f"connected to NATS at {_where(client)}")
            await ended.wait()
            if self._closing.is_set():
                return  # nats-py takes the answer to a flush that was given up for a fault of the protocol
            error = client.last_error or ConnectionError("it was closed")
            self._troubles.note(error, f"lost the connection to NATS: {text_of(error)}; connecting again")
        except Exception as error:  # noqa: BLE001 — a hook met the end of its connection
            self._troubles.note(error, f"lost a new connection to NATS: {text_of(error)}; connecting again")
        finally:
            self._up.clear()
            self._client = None
            self._dialer.discovered(client.named_servers())
            await drop(client)
            for gone in self.on_disconnect:
                gone()

    def _ended(self, ended: asyncio.Event) -> None:
        self._up.clear()
        ended.set()

    def _on_error(self, error: Exception) -> None:
        """Take what nats-py reports while connected: above all, which request the server refused."""
        if self._client is None or isinstance(error, OSError | UnexpectedEOF):
            return  # the dialer or `_serve` says it
        self._troubles.note(error, f"NATS: {text_of(error)}")
        for hook in self.on_error:
            hook(text_of(error))


class _Pauses:
    """Pauses between attempts to connect: they grow, but not while anybody is in a hurry."""

    def __init__(self, rng: random.Random, longest: float) -> None:
        self._length = partial(backoff, rng=rng, longest=longest)
        self._hurried = asyncio.Event()
        self._in_a_hurry = 0

    async def after(self, attempt: int) -> None:
        """Pause after an attempt; somebody who comes in a hurry shortens the pause."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._length(attempt)):
                await self._hurried.wait()
                await asyncio.sleep(self._length(0))

    @contextmanager
    def shortened(self) -> Iterator[None]:
        """Be in a hurry while inside."""
        self._in_a_hurry += 1
        self._hurried.set()
        try:
            yield
        finally:
            self._in_a_hurry -= 1
            if not self._in_a_hurry:
                self._hurried.clear()


def _where(client: Client) -> str:
    return client.connected_url.netloc if client.connected_url is not None else "?"
