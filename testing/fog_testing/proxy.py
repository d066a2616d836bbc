"""A TCP proxy with faults: what a network does to connections, without root.

    async with FaultProxy("127.0.0.1", server.port) as proxy:
        client = await nats.connect(proxy.url)
        proxy.impose(down=HELD)                 # a partition, one way: bytes wait, and flow again later
        proxy.impose(up=BLACK_HOLE, new=False)  # old connections only: their bytes vanish
        proxy.cut()                             # RST on both sides of every open connection

`up` is from client to server, `down` from server to client. Everything here belongs to one event loop.
"""

import asyncio
import contextlib
import math
import socket
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

Direction = Literal["up", "down"]

_CHUNK: Final = 64 * 1024
_STEPS_PER_SECOND: Final = 50  # a limited rate is kept in steps this fine
_LINGER_NOT: Final = struct.pack("ii", 1, 0)  # SO_LINGER that makes a close a reset


@dataclass(frozen=True, slots=True)
class Conditions:
    """The faults of one direction of a connection; an end of stream and a reset count as bytes."""

    delay: float = 0.0
    """Seconds that each read waits. Bytes that arrive meanwhile wait for the next read: up to twice as long."""
    rate: float = math.inf
    """Bytes per second."""
    held: bool = False
    """Nothing passes and nothing is lost: buffers fill, and all of it flows when released. A partition, to TCP."""
    black_hole: bool = False
    """Bytes are taken and vanish: the peer died behind a kernel that lives. When lifted, the stream has a hole."""


CLEAR: Final = Conditions()
HELD: Final = Conditions(held=True)
BLACK_HOLE: Final = Conditions(black_hole=True)


class Link:
    """One connection through the proxy, while it is open."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        up: Conditions,
        down: Conditions,
    ) -> None:
        self._flows: dict[Direction, _Flow] = {
            "up": _Flow(client[0], server[1], up),
            "down": _Flow(server[0], client[1], down),
        }
        self._tasks: list[asyncio.Task[None]] = []

    def impose(self, *, up: Conditions | None = None, down: Conditions | None = None) -> None:
        """Change the conditions of one direction or of both, from the next byte on."""
        if up is not None:
            self._flows["up"].impose(up)
        if down is not None:
            self._flows["down"].impose(down)

    def cut(self) -> None:
        """Reset the connection on both sides. Bytes that waited in it are lost."""
        for flow in self._flows.values():
            flow.reset()
        for task in self._tasks:
            task.cancel()

    def half_close(self, direction: Direction) -> None:
        """End the stream towards that direction's receiver; the other direction goes on."""
        self._flows[direction].end()

    def inject(self, direction: Direction, data: bytes) -> None:
        """Send bytes of our own (garbage, a forged message) to that direction's receiver."""
        self._flows[direction].send(data)

    async def run(self) -> None:
        """Move bytes until both sides have ended their streams or one is reset. The proxy's business."""
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = [group.create_task(flow.run()) for flow in self._flows.values()]
        except* ConnectionError:
            self.cut()
        finally:
            for flow in self._flows.values():
                flow.close()


class FaultProxy:
    """Listens on a free port of 127.0.0.1 and passes connections on, under conditions that a test imposes.

    Args:
        host: Where connections go. The target may come and go; a client whose target is away is reset.
        port: The target's port.
    """

    def __init__(self, host: str, port: int) -> None:
        self.refuse_new = False
        """While true, new connections are reset as soon as they are accepted."""
        self._target = (host, port)
        self._up = self._down = CLEAR
        self._links: list[Link] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that clients connect to. Raises `RuntimeError` while it is not open."""
        if self._listener is None:
            raise RuntimeError("the proxy is not open: use it in `async with`")
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The proxy as a NATS address."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def links(self) -> tuple[Link, ...]:
        """The open connections, the oldest first."""
        return tuple(self._links)

    def impose(
        self, *, up: Conditions | None = None, down: Conditions | None = None, old: bool = True, new: bool = True
    ) -> None:
        """Change the conditions of the connections that are open (`old`), of those to come (`new`), or of both."""
        if new:
            self._up = self._up if up is None else up
            self._down = self._down if down is None else down
        if old:
            for link in self._links:
                link.impose(up=up, down=down)

    def cut(self) -> None:
        """Reset every open connection on both sides."""
        for link in self._links:
            link.cut()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuse_new:
            _reset(writer)
            return
        try:
            server = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            return
        link = Link((reader, writer), server, self._up, self._down)
        self._links.append(link)
        try:
            await link.run()
        finally:
            self._links.remove(link)


class _Flow:
    """One direction: moves bytes from a reader to a writer, under conditions that may change at any time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, conditions: Conditions) -> None:
        self._reader = reader
        self._writer = writer
        self._conditions = conditions
        self._ended = False
        self._changed = asyncio.Event()

    def impose(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._changed.set()

    async def run(self) -> None:
        """Until the sender ends its stream, and so the receiver's. Raises `ConnectionError` when either is reset."""
        reset = None
        try:
            while data := await self._reader.read(_CHUNK):
                await self._pass_on(data)
        except ConnectionError as error:
            reset = error
        while self._conditions.held or self._conditions.black_hole:  # where bytes do not get through, no end does
            await self._change()
        if reset is not None:
            raise reset
        self.end()

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    def end(self) -> None:
        if not (self._ended or self._writer.is_closing()):
            self._ended = True
            with contextlib.suppress(OSError):  # its peer is gone, and the next write will say so
                self._writer.write_eof()

    def reset(self) -> None:
        _reset(self._writer)

    def close(self) -> None:
        self._writer.close()

    async def _pass_on(self, data: bytes) -> None:
        await self._pause(self._conditions.delay)
        rest = memoryview(data)
        while rest:
            while self._conditions.held:
                await self._change()
            step, rest = rest[: self._step()], rest[self._step() :]
            if not (self._conditions.black_hole or self._ended):
                self._writer.write(step)
                await self._writer.drain()
                await self._pause(len(step) / self._conditions.rate)

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than these conditions last."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):  # `wait_for` of Python 3.11 can lose a cancellation
                    await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _step(self) -> int:
        """How many bytes to send at once."""
        return max(1, int(min(_CHUNK, self._conditions.rate / _STEPS_PER_SECOND)))


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST instead of FIN."""
    with contextlib.suppress(OSError):  # its peer was faster
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
