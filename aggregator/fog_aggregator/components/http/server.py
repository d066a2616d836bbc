"""The socket of the HTTP server: bounded in connections, in time, in what it reads."""

from __future__ import annotations

import asyncio
import errno
from typing import Final

from aiohttp import web

from fog_aggregator.components.http.hardening import SERVER_LOGGER, is_loopback
from fog_aggregator.components.http.keys import LOOPBACK

MOST_CONNECTIONS: Final = 512
PATIENCE: Final = 20.0
"""Seconds that a connection has for a whole request header, from its beginning or from the answer before."""
SHUTDOWN_SECONDS: Final = 1.5
_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 21\r\nConnection: close\r\n\r\n"
    b"too many connections\n"
)
_ADVICE: Final = {
    errno.EADDRINUSE: "something listens there already: stop it, or choose another address with --listen",
    errno.EADDRNOTAVAIL: "this machine has no such address: choose another one with --listen",
    errno.EACCES: "ports below 1024 need privileges: choose a higher one with --listen",
}


class ListenError(OSError):
    """The address cannot be listened on; the text says what to do."""


class WebServer:
    """Serves an application. Belongs to one event loop.

    Args:
        app: what `make_app` made.
        listen: host and port; port 0 takes a free one.
        most_connections: beyond that, a connection is answered 503 and closed.
        patience: seconds that a connection has for each whole request header.
    """

    def __init__(
        self,
        app: web.Application,
        listen: tuple[str, int] = ("127.0.0.1", 10364),
        *,
        most_connections: int = MOST_CONNECTIONS,
        patience: float = PATIENCE,
    ) -> None:
        self._listen = listen
        self._most_connections = most_connections
        self._server: asyncio.Server | None = None
        app[LOOPBACK] = is_loopback(listen[0])
        self._runner = web.AppRunner(
            app,
            handle_signals=False,
            access_log=None,
            logger=SERVER_LOGGER,
            keepalive_timeout=patience,
            lingering_time=1.0,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens on; the port is the real one once it has started."""
        if self._server is None or not self._server.sockets:
            return self._listen
        host, port = self._server.sockets[0].getsockname()[:2]
        return str(host), int(port)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._runner.server.connections) if self._runner.server is not None else 0

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            ListenError: the address is taken, or cannot be used.
        """
        await self._runner.setup()
        host, port = self._listen
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._connection, host or None, port, backlog=128
            )
        except OSError as error:
            await self._runner.cleanup()
            raise ListenError(f"cannot listen on {_shown(host, port)}: {_advice(error)}") from error

    async def stop(self, deadline: float = SHUTDOWN_SECONDS) -> None:
        """Stop listening, give answers that are being written a moment, close all connections."""
        del deadline  # the runner has its own, which is shorter
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()
        self._server = None

    def _connection(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or self.connections >= self._most_connections:
            return _Busy()
        protocol: asyncio.Protocol = server()
        return protocol


class _Busy(asyncio.Protocol):
    """Says so, and goes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer without having read anything."""
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(_BUSY)
        transport.close()


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _advice(error: OSError) -> str:
    return _ADVICE.get(error.errno or 0) or error.strerror or str(error)
