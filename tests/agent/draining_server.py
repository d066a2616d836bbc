"""A server that drains when it is told to end: run as a program, with NATS's address and a way to hear of signals.

A request is a connection: it is begun by its first line and ended, counted and answered by its second.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FrameType

from fog_agent import Agent
from utilityfog_frontend.telemetry import TelemetryCollector


class Server:
    """Counts requests when they begin, and again when they end."""

    def __init__(self, collector: TelemetryCollector) -> None:
        self._begun = collector.register_counter("requests_begun_total", "Requests begun")
        self._done = collector.register_counter("requests_total", "Requests answered")
        self._under_way: set[asyncio.Task[None]] = set()
        self.told = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, from its first line to its second."""
        await reader.readline()
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        self._begun.increment()
        writer.write(b"begun\n")
        await reader.readline()
        self._done.increment()
        writer.write(b"done\n")
        await writer.drain()
        writer.close()

    async def drain(self) -> None:
        """Wait for the requests under way."""
        await asyncio.wait(self._under_way)

    def tell(self, *_: int | FrameType | None) -> None:
        """Begin to drain, as a signal's handler."""
        self.told.set()
        say("draining")


def say(text: str) -> None:
    """One line to whoever started this program."""
    print(text, flush=True)


def on_loop(server: Server) -> None:
    """Hear of signals as programs on asyncio do."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.tell)


def on_signal(server: Server) -> None:
    """Hear of signals as any program does."""
    signal.signal(signal.SIGTERM, server.tell)


async def told(server: Server) -> None:
    """Serve until a handler is called."""
    await server.told.wait()


async def cancelled(server: Server) -> None:
    """Serve until Ctrl-C, which makes asyncio.run cancel its main task."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    server.tell()


async def captured(server: Server) -> None:
    """Serve as uvicorn does: with handlers of its own while it runs, then raising again what it caught."""
    before = signal.signal(signal.SIGTERM, server.tell)
    await server.told.wait()
    await server.drain()
    signal.signal(signal.SIGTERM, before)
    signal.raise_signal(signal.SIGTERM)


def nothing(_: Server) -> None:
    """No handler."""


Wait = Callable[[Server], Awaitable[None]]
Hear = Callable[[Server], None]
WAYS: dict[str, tuple[Hear, Hear, Wait]] = {
    "loop, before": (on_loop, nothing, told),
    "loop, after": (nothing, on_loop, told),
    "signal, before": (on_signal, nothing, told),
    "signal, after": (nothing, on_signal, told),
    "interrupt": (nothing, nothing, cancelled),
    "captured": (nothing, nothing, captured),
}
"""Programs: their work before the agent starts, their work after, and how they await the end."""


async def main(nats: str, way: str) -> None:
    """Serve, drain, end."""
    collector = TelemetryCollector()
    server = Server(collector)
    before, after, wait = WAYS[way]
    before(server)
    async with Agent(collector, path="fog/0", servers=nats, interval=60, handle_signals=True):
        after(server)
        listener = await asyncio.start_server(server.answer, "127.0.0.1", 0)
        say(str(listener.sockets[0].getsockname()[1]))
        await wait(server)
        await server.drain()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
