"""The socket of the HTTP server: bounded in connections, for all and for each client, in time, in what it reads."""

from __future__ import annotations

import asyncio
import errno
import ssl
from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.http.hardening import SERVER_LOGGER
from fog_aggregator.components.http.keys import LOOPBACK
from fog_aggregator.components.http.options import is_loopback

MOST_CONNECTIONS: Final = 512
SHARE: Final = 0.5
"""Which part of the connections one client may have: a proxy is one client, too."""
HANDSHAKE_SECONDS: Final = 5.0
MOST_HANDSHAKES: Final = 64
"""Handshakes of TLS at once; each takes 370 kB and a descriptor, and one client may have half of them."""
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
        most_connections: beyond that, the oldest idle connection goes; without an idle one, the new one is answered
            503 and closed. One client may have half of them.
        patience: seconds that a connection has for each whole request header.
        tls: the server's certificate; None for plain HTTP.
    """

    def __init__(
        self,
        app: web.Application,
        listen: tuple[str, int] = ("127.0.0.1", 10364),
        *,
        most_connections: int = MOST_CONNECTIONS,
        patience: float = PATIENCE,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listen = listen
        self._tls = tls
        self._most_connections = most_connections
        self._server: asyncio.Server | None = None
        self._handshakes: dict[asyncio.Transport, asyncio.Task[None]] = {}
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
                self._connection,
                host or None,
                port,
                backlog=128,
            )
        except OSError as error:
            await self._runner.cleanup()
            raise ListenError(f"cannot listen on {_shown(host, port)}: {_advice(error)}") from error

    async def stop(self, deadline: float = SHUTDOWN_SECONDS) -> None:
        """Stop listening, give answers that are being written a moment, close all connections."""
        del deadline  # the runner has its own, which is shorter
        if self._server is not None:
            self._server.close()
        for transport in self._handshakes:
            transport.abort()
        await self._runner.cleanup()
        self._server = None

    def _connection(self) -> asyncio.Protocol:
        return _Gate(self)

    def greet(self, gate: _Gate, transport: asyncio.Transport) -> None:
        """Admit a connection, after its handshake if there is TLS; of too many that are in theirs the oldest goes."""
        if self._tls is None:
            self.admit(gate, transport)
            return
        transport.pause_reading()  # until TLS reads
        client, open_ones = _client_of(transport), [one for one in self._handshakes if not one.is_closing()]
        of_client = [one for one in open_ones if _client_of(one) == client]
        for present, most in ((of_client, MOST_HANDSHAKES * SHARE), (open_ones, MOST_HANDSHAKES)):
            if len(present) >= most:
                present[0].abort()
                break
        self._handshakes[transport] = asyncio.create_task(self._shake_hands(gate, transport, self._tls))

    async def _shake_hands(self, gate: _Gate, transport: asyncio.Transport, tls: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                transport, gate, tls, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except OSError:  # also what TLS says, and the end of patience
            transport.abort()
        else:
            if secured is not None and not secured.is_closing():
                self.admit(gate, secured)
        finally:
            del self._handshakes[transport]

    def admit(self, gate: _Gate, transport: asyncio.Transport) -> None:
        """Hand a connection to the application if there is room, or an idle one can go; else say so, and close it."""
        server, client = self._runner.server, _client_of(transport)
        if server is None:
            transport.abort()
            return
        # In the order in which they came; one that was let go is among them for a moment.
        handlers: list[Any] = [one for one in server.connections if one.transport and not one.transport.is_closing()]
        of_client = [one for one in handlers if _client_of(one.transport) == client]
        for present, most in ((of_client, self._most_connections * SHARE), (handlers, self._most_connections)):
            if len(present) >= most and not _let_go(present):
                transport.write(_BUSY)
                transport.close()
                return
        handler = server()
        transport.set_protocol(handler)
        handler.connection_made(transport)
        if gate.received:
            handler.data_received(bytes(gate.received))


class _Gate(asyncio.Protocol):
    """Looks at whom a connection is from before the application has it."""

    def __init__(self, server: WebServer) -> None:
        self._server = server
        self.received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the server decide."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a server's sockets have
        self._server.greet(self, transport)

    def data_received(self, data: bytes) -> None:
        """Keep what came along with the end of a handshake: it is for the application."""
        self.received += data


def _client_of(transport: asyncio.BaseTransport | None) -> str:
    """Return the address of the other side, without its port."""
    peer = transport.get_extra_info("peername") if transport is not None else None
    return str(peer[0]) if peer else ""


def _let_go(handlers: list[Any]) -> bool:
    """Close the oldest connection that waits for a request; tell whether there was one.

    aiohttp offers no question for that: `_current_request` is of its 3.x, and a test holds it.
    """
    for handler in handlers:
        if handler.transport is not None and handler._current_request is None:  # noqa: SLF001 - see above
            handler.transport.abort()
            return True
    return False


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _advice(error: OSError) -> str:
    return _ADVICE.get(error.errno or 0) or error.strerror or str(error)
