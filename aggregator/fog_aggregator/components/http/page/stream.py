"""Send what changes to those who follow, as server-sent events."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.http.output import json_bytes
from fog_aggregator.components.http.page.feed import Feed, TooManyFollowersError
from fog_aggregator.components.http.page.keys import FEED
from fog_schema.paths import Path

EVENT_STREAM: Final = "text/event-stream"
LONGEST: Final = 900.0
"""Seconds after which a follower has to come again, with its login: one that was taken away ends so."""
PATIENCE: Final = 20.0
"""Seconds that a follower may take to read what it was sent."""
_RETRY: Final = 2_000
_ID: Final = re.compile(r"([0-9a-f]{8})-(\d{1,15})", re.ASCII)
_HEADERS: Final = {
    "Content-Type": EVENT_STREAM,
    "X-Accel-Buffering": "no",  # nginx sends on what it gets
    "Vary": "Accept, Accept-Encoding",
}


async def stream(request: web.Request, query: Mapping[str, Any]) -> web.StreamResponse:
    """Tell of all that changes at and under a path, until the client goes, or the service."""
    feed = request.app[FEED]
    response = web.StreamResponse(headers=_HEADERS)
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    try:
        with feed.following():
            await response.prepare(request)
            await _tell(request, response, _Follower(feed, query["path"], request.headers.get("Last-Event-ID", "")))
    except TooManyFollowersError:
        raise web.HTTPServiceUnavailable(text="as many clients follow as may: ask /api/status instead") from None
    return response


async def _tell(request: web.Request, response: web.StreamResponse, follower: _Follower) -> None:
    """Write what there is, and wait for more."""
    feed, until = follower.feed, time.monotonic() + LONGEST
    await feed.begun()
    pieces = [f"retry: {_RETRY}\n\n".encode(), *follower.beginning()]
    while not feed.is_closed and time.monotonic() < until:
        waiting = asyncio.ensure_future(feed.beat())
        try:
            async with asyncio.timeout(PATIENCE):
                for piece in pieces:
                    await response.write(piece)
                await response.write(await follower.pulse())
                for piece in follower.news():
                    await response.write(piece)
            await waiting
        except TimeoutError:
            feed.metrics.ended.labels(reason="slow").increment()
            if request.transport is not None:
                request.transport.abort()
            return
        finally:
            waiting.cancel()
        pieces = list(follower.news())


@dataclass(slots=True)
class _Follower:
    """One who follows a part of the tree.

    Attributes:
        feed: The stream that it follows.
        under: The path at and under which it is told what changes.
        last_id: The id of the last message that it had before; empty for none.
        number: The number of the last message that it has.
    """

    feed: Feed
    under: Path
    last_id: str = ""
    number: int = 0

    def beginning(self) -> Iterator[bytes]:
        """Go on after the last message that it had; say so where that is too long ago."""
        ring, known = self.feed.ring, _ID.fullmatch(self.last_id)
        self.number = ring.last
        if not self.last_id:
            return
        if known is None or known[1] != self.feed.name:
            yield self._gap("the aggregator has started anew, or the id is none of its")
        elif not ring.reaches(int(known[2])):
            yield self._gap("the messages after this id are no longer there")
        else:
            self.number = int(known[2])

    def news(self) -> Iterator[bytes]:
        """Write the messages that it has not had; of those that are gone, that they are."""
        ring = self.feed.ring
        if not ring.reaches(self.number):
            self.number = ring.last
            yield self._gap("messages came faster than they were read")
        while found := ring.after(self.number):
            for one in found:
                self.number = one.number
                if shown := one.message.shown(self.under):
                    yield self._event(one.message.kind, shown)

    async def pulse(self) -> bytes:
        """Write how the service is."""
        return self._event("status", await self.feed.pulses.line(self.under))

    def _gap(self, reason: str) -> bytes:
        """Say that messages are missing: the follower is to load what it shows."""
        return self._event("gap", json_bytes({"reason": reason}))

    def _event(self, kind: str, line: bytes) -> bytes:
        return f"id: {self.feed.name}-{self.number}\nevent: {kind}\ndata: ".encode() + line + b"\n"
