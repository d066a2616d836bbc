"""Find the other aggregator of a pair by the totals that it sends up, and learn from them where it is asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final, NamedTuple

from fog_aggregator.components.below.addresses import find
from fog_aggregator.core.places.limits import ADDRESS_KEY
from fog_bus.options.kinds import redact
from fog_bus.ports import Transport
from fog_schema.codec import decode, encode_request
from fog_schema.errors import FrameError
from fog_schema.frames import DELTA, FINAL, Frame, Request
from fog_schema.paths import Path, format_path
from fog_schema.subjects import Subjects

LOGGER: Final = logging.getLogger("fog_aggregator")
CONNECT_SECONDS: Final = 5.0
INTERVALS: Final = 3
"""A frame comes within one, and the keyframe that is asked for within another."""
LEAST_SECONDS: Final = 5.0
MOST_SECONDS: Final = 60.0
_WAITING: Final = 64
_LONGEST_SHOWN: Final = 80


class Found(NamedTuple):
    """Where the other aggregator is asked.

    Args:
        address: Its address.
        pattern: The allowed one that it is, or is an example of.
    """

    address: str
    pattern: str


class Search:
    """Learn from the rollups of a path at which addresses its other aggregators are asked. Pure.

    Args:
        allowed: The addresses that may be asked, and patterns of them.

    Attributes:
        found: The first allowed address that was told.
        settled: Whether an address is found, or all that were heard have told none that is allowed.
        reason: Why those that were heard are not asked; empty while nobody was.
    """

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.found: Found | None = None
        self.settled = False
        self.reason = ""
        self._allowed = allowed
        self._awaited: set[int] = set()

    def hear(self, frame: Frame) -> int:
        """Take a rollup; return the epoch that is to be asked for a keyframe, 0 for none."""
        if frame.kind == DELTA:
            self._awaited.add(frame.epoch)
            self.reason = self.reason or "it sent no keyframe when it was asked for one"
            return frame.epoch
        if frame.info is None or frame.flags & FINAL:
            return 0
        self._awaited.discard(frame.epoch)
        reported = frame.info.get(ADDRESS_KEY)
        found = find(reported, self._allowed) if reported else None
        if found is not None:
            self.found = Found(*found)
        elif reported:
            self.reason = f"it is asked at {redact(reported)[:_LONGEST_SHOWN]!r}, which --bootstrap.allow does not have"
        else:
            self.reason = "it tells no address: start it with --http.advertise"
        self.settled = found is not None or not self._awaited
        return 0


class PairSearch:
    """Listen to the rollups of our own path, which only others send while we have not begun.

    Args:
        path: The path.
        subjects: The subjects of rollups and of requests.
        allowed: The addresses that may be asked, and patterns of them.
        interval: Seconds between two rollups.
        open_bus: Opens a connection, which ends with the search.
    """

    def __init__(
        self,
        path: Path,
        subjects: Subjects,
        allowed: tuple[str, ...],
        interval: float,
        open_bus: Callable[[], AbstractAsyncContextManager[Transport]],
    ) -> None:
        self._path = path
        self._subjects = subjects
        self._allowed = allowed
        self._patience = min(max(INTERVALS * interval, LEAST_SECONDS), MOST_SECONDS)
        self._open_bus = open_bus
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)

    async def find(self) -> Found | None:
        """Return where the other one is asked; None, and a line in the log, when none is found in time."""
        search, subject = Search(self._allowed), self._subjects.rollups(self._path)
        async with self._open_bus() as bus:
            if await bus.connected(CONNECT_SECONDS):
                await bus.listen([subject], self._take)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._patience):
                        await self._listen(search, bus)
            else:
                search.reason = bus.trouble
        if search.found is None:
            silent = f"nobody was heard on {subject} within {self._patience:g} s"
            LOGGER.warning(
                "no checkpoint of another aggregator of %s: %s; beginning without",
                *(format_path(self._path), search.reason or silent),
            )
        return search.found

    async def _listen(self, search: Search, bus: Transport) -> None:
        while not search.settled:
            try:
                epoch = search.hear(decode(await self._frames.get()))
            except FrameError as error:
                LOGGER.debug("not a rollup: %s", error)
                continue
            if epoch:
                await bus.send(self._subjects.resync(self._path), encode_request(Request(epoch)))

    def _take(self, subject: str, data: bytes) -> None:
        """Keep a frame for the search; those that come too fast, or after it, are left out."""
        del subject
        if not self._frames.full():
            self._frames.put_nowait(data)
