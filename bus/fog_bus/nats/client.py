"""nats-py's client for one connection's life: one try to connect, one end, no reconnecting.

nats-py reconnects by itself, and there hang most of its traps: it waits for the kernel's 15 minutes with unsent bytes
in the socket, sends everything buffered meanwhile, stops for ever on most errors of the server. So a client here lives
as long as its one connection, and `connection.py` builds the next. Everything that reaches into nats-py's private
parts is in this file; tests/bus/test_connection.py breaks when they change.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any, Final

import nats.aio.client
from nats.aio.client import DEFAULT_BUFFER_SIZE, PING_PROTO
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport
from nats.errors import Error, ProtocolError
from nats.protocol.parser import Parser

from fog_bus.nats.arrivals import Arrivals
from fog_bus.nats.resolver import Address

_LONGEST_LINE: Final = 1024 * 1024
"""A server's INFO names every other server of its cluster; nothing else comes near."""
_SHORT_HEADERS: Final = 256
_MOST_HEADERS: Final = 64
"""Of so many bytes, and so many of them, headers are remembered."""


class TlsNotOfferedError(Error):
    """TLS was asked for, and the server has none: it was told nothing."""

    def __str__(self) -> str:
        return (
            "TLS was asked for, and this server offers none, so it was told nothing: "
            "turn TLS on there, or ask for none (no tls:// and no TLS files)"
        )


class Client(nats.aio.client.Client):
    """A client that ends at once when its connection ends, and that no message can break.

    Args:
        insist_on_tls: Without TLS the server is told nothing, whatever it says of itself.

    Attributes:
        address: Where the server is, resolved; None lets nats-py resolve its name.
        on_end: Called at once when the connection ends; nats-py's `closed_cb` comes a few turns of the loop later.
        on_first_word: Called when a new connection's server has said what it is.
    """

    def __init__(self, *, insist_on_tls: bool = False, address: Address | None = None) -> None:
        super().__init__()
        self.address = address
        self.on_first_word: Callable[[], None] = lambda: None
        self._insist_on_tls = insist_on_tls
        self.on_end: Callable[[], None] = lambda: None
        self._ps: _Parser = _Parser(self)
        self._headers: dict[bytes, dict[str, str]] = {}
        self._writes_soon = False

    def disown(self) -> None:
        """In a forked child, whose parent has the connection: let nothing that is done to it here reach the parent's.

        Its file's number becomes /dev/null's. A loop shares its list of files with the parent's, and takes a connection
        off that list when it closes it, so that the parent would hear no more.
        """
        writer = getattr(self._transport, "_io_writer", None)
        connection = None if writer is None else writer.get_extra_info("socket")
        if connection is not None and connection.fileno() >= 0:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, connection.fileno(), inheritable=False)
            os.close(null)

    def deliver(self, subscription: Subscription, arrivals: Arrivals) -> bool:
        """Let a subscription's messages from now on arrive there, and not at its callback, at a third of the cost.

        Returns:
            False when nats-py does not tell the subscription's number: then its callback is called as before.
        """
        number = getattr(subscription, "_id", None)
        if not isinstance(number, int):
            return False
        sid = b"%d" % number
        arrivals.begin(sid)
        self._ps.arrivals[sid] = arrivals
        return True

    def forget(self, arrivals: Arrivals) -> None:
        """Let no messages arrive there any more."""
        known = self._ps.arrivals
        self._ps.arrivals = {number: one for number, one in known.items() if one is not arrivals}

    async def _select_next_server(self) -> None:
        """One try of one server; nats-py's own loop tries for ever, or twice, and hides why it failed."""
        self._current_server = self._server_pool[0]
        if self.address is None:
            await self._connect_to_server(self._current_server)
        else:
            self._transport = transport = _Tcp(self._ps.take)
            await transport.connect_to(self.address, self.options["connect_timeout"])

    def named_servers(self) -> dict[str, str | None]:
        """Return the servers that this client knows of, as URLs, with the name that each one's certificate must bear.

        None stands for the name in the URL. An address that the server told has a certificate for the server's name.
        """
        name = self.options.get("tls_hostname") or self._server_pool[0].uri.hostname
        name = None if self._host_is_ip(name) else name
        return {
            server.uri.geturl(): name if self._host_is_ip(server.uri.hostname) else None for server in self._server_pool
        }

    @property
    def cluster(self) -> str:
        """The name of the cluster that the server belongs to; empty for one that stands alone.

        A leaf that stands alone says that its cluster has its own name.
        """
        name = str(self._server_info.get("cluster") or "")
        return name if name != self._server_info.get("server_name") else ""

    @property
    def domain(self) -> str:
        """The JetStream domain of the server; empty for one that has none, as it is no leaf's and no hub's."""
        return str(self._server_info.get("domain") or "")

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002
        """Comes before CONNECT: nats-py would let the server alone decide whether user and password go in clear.

        Raises:
            TlsNotOfferedError: The server has no TLS, and we insist on it.
        """
        server = self._current_server
        if initial_connection:
            self.on_first_word()
        if initial_connection and self._insist_on_tls and server is not None and server.uri.scheme != "wss":
            if server.uri.scheme == "ws" or not (info.get("tls_required") or info.get("tls_available")):
                raise TlsNotOfferedError
            info["tls_required"] = True  # nats-py leaves alone what is only available
        if not initial_connection and isinstance(longest := info.get("max_payload"), int):
            self._max_payload = longest  # of this user, told once it has logged in: the server ends who exceeds it
        await super()._process_info(info, initial_connection)

    async def _close(self, status: int, do_cbs: bool = True) -> None:  # noqa: FBT001, FBT002 — nats-py's signature
        """Drop the socket first: nats-py would wait for bytes that may never leave."""
        if not self.is_closed:
            self.on_end()
        self._pending.clear()
        self._pending_data_size = 0
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()
        await super()._close(status, do_cbs)

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        """Behind all that waits to be sent: nats-py's own overtakes it, and then its answer proves nothing."""
        self._pongs.append(future or asyncio.get_running_loop().create_future())
        await self._send_command(PING_PROTO)
        await self._flush_pending()

    async def _flush_pending(self, force_flush: bool = False) -> Any:  # noqa: FBT001, FBT002 — nats-py's signature
        """Write once for all commands of this turn of the loop, without nats-py's queue and task.

        These have what is left to do: to wait until the socket takes more, and whatever is no TCP.
        """
        writer = getattr(self._transport, "_io_writer", None)
        if force_flush or writer is None or not self.is_connected or writer.transport.get_write_buffer_size():
            return await super()._flush_pending(force_flush)
        self._write_soon(writer)
        return None

    def post(self, subject: str, reply: str, payload: bytes) -> bool:
        """Publish past nats-py's coroutines, which take several times as long; all of a turn are written together.

        Args:
            subject: A valid one; so must `reply` be.
            reply: Where the answer goes.
            payload: Of a length that the server takes.

        Returns:
            False, and nothing is sent, where the socket takes no more at the moment, and over what is no TCP.
        """
        writer = getattr(self._transport, "_io_writer", None)
        if writer is None or not self.is_connected or self.is_draining_pubs:
            return False
        if writer.transport.get_write_buffer_size():
            return False
        command = b"PUB %b %b %d\r\n%b\r\n" % (subject.encode(), reply.encode(), len(payload), payload)
        self._pending.append(command)
        self._pending_data_size += len(command)
        self._write_soon(writer)
        return True

    def _write_soon(self, writer: asyncio.StreamWriter) -> None:
        if not self._writes_soon:
            self._writes_soon = True
            asyncio.get_running_loop().call_soon(self._write, writer)

    def _write(self, writer: asyncio.StreamWriter) -> None:
        self._writes_soon = False
        if self._pending_data_size > 0:
            writer.write(b"".join(self._pending))
            self._pending = []
            self._pending_data_size = 0

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        """Headers that cannot be read are none: an exception here ends nats-py's reading without a word.

        A stream that is silent says the same again and again: that is read once.
        """
        if not headers:
            return None
        if (known := self._headers.get(headers)) is not None:
            return dict(known)
        try:
            found: dict[str, str] | None = await super()._process_headers(headers)
        except Exception:  # noqa: BLE001 — whatever a stranger's bytes lead to
            return None
        if found is not None and len(headers) <= _SHORT_HEADERS:
            if len(self._headers) >= _MOST_HEADERS:
                self._headers.clear()
            self._headers[headers] = dict(found)
        return found

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        """Decode subjects leniently: they need not be UTF-8, and nats-py would end its reading on one that is not."""
        return self.msg_class(
            subject=subject.decode(errors="replace"),
            reply=reply.decode(errors="replace"),
            data=data,
            headers=headers,
            _client=self,
            _sid=sid,
        )


class _Tcp(TcpTransport):
    """Connects to an address that was resolved before, under the server's name.

    Args:
        take: Is offered bytes as they come, between two messages; returns those that it leaves to nats-py.
    """

    def __init__(self, take: Callable[[bytes], bytes]) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # nats-py's
        self._take = take
        self._is_waiting = False

    async def connect_to(self, address: Address, seconds: float) -> None:
        """Connect in at most `seconds`."""
        connection = socket.socket(address.family, socket.SOCK_STREAM)
        connection.setblocking(False)  # noqa: FBT003 — the socket module's signature
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().sock_connect(connection, address.where)
            reader, writer = await asyncio.open_connection(sock=connection, limit=DEFAULT_BUFFER_SIZE)
        except BaseException:
            connection.close()
            raise
        self._bare_io_reader, self._bare_io_writer = self._io_reader, self._io_writer = reader, writer
        self._hear(reader)

    async def connect_tls(self, *arguments: Any, **options: Any) -> None:
        """Connect as nats-py does."""
        await super().connect_tls(*arguments, **options)
        if self._io_reader is not None:
            self._hear(self._io_reader)

    async def read(self, buffer_size: int) -> bytes:
        """Return the next bytes that nobody took as they came."""
        self._is_waiting = True
        try:
            data: bytes = await super().read(buffer_size)
        finally:
            self._is_waiting = False
        return data

    def _hear(self, reader: asyncio.StreamReader) -> None:
        """Offer to `take` the bytes that come while nats-py's task waits for the next ones."""
        feed = reader.feed_data

        def feed_data(data: bytes) -> None:
            if self._is_waiting:
                data = self._take(data)
            if data:
                self._is_waiting = False  # it will be woken, and has these to read first
                feed(data)

        reader.feed_data = feed_data  # type: ignore[method-assign, assignment]


class _Parser(Parser):
    """Reads messages by the protocol's own separators, the space and the line's end.

    nats-py splits at all that regular expressions take for white space: a form feed in a subject, which the server
    lets through, ends the connection, and again after each reconnect. This one also takes less time.
    """

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.arrivals: dict[bytes, Arrivals] = {}

    async def parse(self, data: bytes = b"") -> None:
        """Take the next bytes from the server and hand on each message that is complete.

        Raises:
            ProtocolError: These bytes are not the protocol's; any other exception would end the reading in silence.
        """
        try:
            await self._parse(data)
        except Exception as error:
            raise ProtocolError from error

    def take(self, data: bytes) -> bytes:
        """Hand on the messages at the beginning, if they are plain, complete and arrive somewhere; return the rest.

        So answers settle what waits for them in the same turn of the loop, and deliveries wake their reader in it,
        before nats-py's task is woken.
        """
        at = 0
        while not self.buf and data.startswith(b"MSG ", at) and (end := data.find(b"\r\n", at)) >= 0:
            words = data[at:end].split(b" ")
            arrivals = self.arrivals.get(words[2]) if len(words) in (4, 5) and words[-1].isdigit() else None
            if arrivals is not None and arrivals.deliveries is not None:
                at, run = arrivals.deliveries.read(data, at)
                if run is None:
                    break
                arrivals.put(run)
                continue
            if arrivals is None or len(words) == 5:
                break
            after = end + 2 + int(words[3])
            if len(data) < after + 2:
                break
            arrivals.put((words[1].decode(errors="replace"), b"", data[end + 2 : after], None))
            at = after + 2
        return data[at:] if at else data

    async def _parse(self, data: bytes) -> None:
        self.buf += data
        if len(self.buf) < self.needed:
            return
        buffer = bytes(self.buf)
        at = self.needed = 0
        while (end := buffer.find(b"\r\n", at)) >= 0:
            line = buffer[at:end]
            body = end + 2
            if not line.startswith((b"MSG ", b"HMSG ")):
                self.buf = bytearray(line + b"\r\n")
                await super().parse()
                at = body
                continue
            operation, subject, sid, *reply, total = line.split(b" ")
            arrivals = self.arrivals.get(sid)
            if arrivals is not None and arrivals.deliveries is not None:
                at, run = arrivals.deliveries.read(buffer, at)
                if run is not None:
                    arrivals.put(run)
                    continue
            header, size = int(reply.pop()) if operation == b"HMSG" else 0, int(total)
            if not 0 <= header <= size:
                raise ProtocolError  # it would be read again, for ever
            after = body + size
            if len(buffer) < after + 2:
                self.needed = after + 2 - at  # a large message is looked at twice, not once for each of its pieces
                break
            headers, data = buffer[body : body + header], buffer[body + header : after]
            if arrivals is None:
                await self.nc._process_msg(int(sid), subject, reply[0] if reply else b"", data, headers)  # noqa: SLF001
            else:
                read = await self.nc._process_headers(headers) if headers else None  # noqa: SLF001
                arrivals.put((subject.decode(errors="replace"), reply[0] if reply else b"", data, read))
            at = after + 2
        self.buf = bytearray(buffer[at:])
        if end < 0 and len(self.buf) > _LONGEST_LINE:
            raise ProtocolError
