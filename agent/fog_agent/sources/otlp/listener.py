"""A small server of HTTP/1.1 for one path, on a loop of asyncio: `http.server` would cost 9.7 MB of memory.

Each request has a deadline, and bodies of all connections together have room for a few large ones: beyond that the
answer is 503, after which a sender tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from fog_agent.sources.otlp.answers import MAX_BODY, PROTOBUF, Answer, RefusalError, check_head, refused, too_large

MOST_CONNECTIONS: Final = 100
MAX_HEAD: Final = 16_384
MOST_UNDER_WAY: Final = 4 * MAX_BODY
"""Bytes of all bodies that are being read."""
READ_SECONDS: Final = 10.0
"""A request may take so long to come."""
IDLE_SECONDS: Final = 120.0
"""A connection without a request is kept so long, or until others need its place."""

Take = Callable[[bytes, str], Answer]
"""Takes a body and its encoding; raises RefusalError."""


class Listener:
    """Serves connections. All of it runs on one loop.

    Args:
        take: gets each body.
        refuse: hears of each request that is refused as a whole.
    """

    def __init__(self, take: Take, refuse: Callable[[RefusalError], None]) -> None:
        self._take = take
        self._refuse = refuse
        self._connections: set[asyncio.Task[None]] = set()
        self._idle: dict[asyncio.Task[None], None] = {}
        self._under_way = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection until it ends."""
        task = asyncio.current_task()
        if task is None or not self._has_room():
            self._refuse(RefusalError(503, "busy", f"more than {MOST_CONNECTIONS} connections are sending"))
            writer.close()
            return
        self._connections.add(task)
        try:
            again = True
            while again:
                self._idle[task] = None
                async with asyncio.timeout(IDLE_SECONDS):  # `wait_for` of Python 3.11 can lose a cancellation
                    head = await reader.readuntil(b"\r\n\r\n")
                self._idle.pop(task, None)
                again = await self._request(head, reader, writer)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, ValueError):
            pass  # it went away, was too slow, or speaks no HTTP
        except asyncio.CancelledError:
            pass  # by a newcomer or a stop: nobody waits for this task, and asyncio would log a traceback
        finally:
            self._connections.discard(task)
            self._idle.pop(task, None)
            writer.close()

    def _has_room(self) -> bool:
        """Tell whether a connection may come; the one that has been idle for longest goes where there are too many."""
        if len(self._connections) < MOST_CONNECTIONS:
            return True
        oldest = next(iter(self._idle), None)
        if oldest is None:
            return False
        del self._idle[oldest]
        self._connections.discard(oldest)
        oldest.cancel()
        return True

    async def stop(self) -> None:
        """End all connections."""
        for task in list(self._connections):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _request(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; tell whether there may be another one."""
        first, _, rest = head.decode("latin-1").partition("\r\n")
        method, target, version = first.split(" ", 2)
        headers = {
            name.strip().lower(): text.strip() for name, _, text in (line.partition(":") for line in rest.split("\r\n"))
        }
        again = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        try:
            check_head(method, target, headers)
            async with asyncio.timeout(READ_SECONDS):
                answer = await self._body(reader, writer, headers)
        except RefusalError as refusal:
            self._refuse(refusal)
            kind = headers.get("content-type", "").partition(";")[0]
            answer = refused(refusal, speaks_protobuf=kind.strip().lower() == PROTOBUF)
            again = False  # its body was perhaps not read
        writer.write(_encoded(answer, again=again))
        async with asyncio.timeout(READ_SECONDS):
            await writer.drain()
        if not again:
            await self._drained(reader, writer)
        return again

    async def _body(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: dict[str, str]
    ) -> Answer:
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = bytearray()
        try:
            await self._read(reader, headers, body)
            return self._take(bytes(body), headers.get("content-encoding", ""))
        finally:
            self._under_way -= len(body)

    async def _read(self, reader: asyncio.StreamReader, headers: dict[str, str], body: bytearray) -> None:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while length := _length((await reader.readuntil(b"\r\n")).partition(b";")[0].strip().decode("latin-1"), 16):
                await self._more(reader, length, body)
                await reader.readexactly(2)
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass  # trailers
        elif "content-length" in headers:
            await self._more(reader, _length(headers["content-length"], 10), body)
        else:
            raise RefusalError(411, "malformed", "a request needs Content-Length, or Transfer-Encoding: chunked")

    async def _more(self, reader: asyncio.StreamReader, length: int, body: bytearray) -> None:
        """Read a part of a body, in pieces: nothing is allocated for what only was announced."""
        if len(body) + length > MAX_BODY:
            raise too_large()
        while length:
            piece = await reader.read(min(length, 65_536))
            if not piece:
                raise EOFError
            if self._under_way + len(piece) > MOST_UNDER_WAY:
                retry = {"Retry-After": "1"}
                raise RefusalError(503, "busy", "too many bodies are being read: send it again later", **retry)
            length -= len(piece)
            self._under_way += len(piece)
            body += piece

    async def _drained(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read on for a moment what a refused sender still sends: a connection that is reset may lose its answer."""
        if writer.can_write_eof():
            writer.write_eof()
        left = MAX_BODY
        with suppress(TimeoutError, OSError):
            while left > 0:
                async with asyncio.timeout(1.0):
                    piece = await reader.read(65_536)
                if not piece:
                    break
                left -= len(piece)


def _length(text: str, base: int) -> int:
    digits = text.lower()
    if not digits or len(digits) > 12 or set(digits) - set("0123456789abcdef"[:base]):
        raise RefusalError(400, "malformed", f"{text[:20]!r} is no length")
    return int(digits, base)


def _encoded(answer: Answer, *, again: bool) -> bytes:
    headers = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        f"Connection: {'keep-alive' if again else 'close'}",
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    return "\r\n".join([*headers, "", ""]).encode("latin-1") + answer.body
