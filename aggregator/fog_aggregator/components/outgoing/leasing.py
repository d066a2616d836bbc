"""Keep a lease in the bus: write its key as long as it is ours, and read it while another one's."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from fog_aggregator.core.saved import DamagedError
from fog_aggregator.outgoing.lease import WRITES, Lease, Word, read_word
from fog_aggregator.outgoing.sending import Sending
from fog_aggregator.tasks import cancel
from fog_bus.ports import Bucket, LogError
from fog_bus.rate_limited_log import RateLimitedLog

LOGGER: Final = logging.getLogger("fog_aggregator.outgoing")


async def until(work: Coroutine[Any, Any, None], end: Coroutine[Any, Any, None]) -> None:
    """Do something until something else has happened."""
    both = {asyncio.ensure_future(work), asyncio.ensure_future(end)}
    try:
        done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        await cancel(*both)


class Leasing:
    """The lease of one receiver. Belongs to the event loop.

    Args:
        bucket: Has the key.
        key: The key.
        lease: Decides.
        core: How far the receiver is: ours while the lease is, else what the other one says.
        provide: Makes a bucket that is missing; fails where this user may not.
    """

    def __init__(
        self, bucket: Bucket, key: str, lease: Lease, core: Sending, provide: Callable[[], Awaitable[object]]
    ) -> None:
        self._bucket = bucket
        self._key = key
        self._lease = lease
        self._core = core
        self._provide = provide
        self._busy = asyncio.Lock()
        self._changed = asyncio.Event()
        self._say = RateLimitedLog(time.monotonic, logger=LOGGER)

    @property
    def is_held(self) -> bool:
        """Whether the receiver is ours to send to."""
        return self._lease.is_held(time.monotonic())

    async def run(self) -> None:
        """Look at the key, and write it, for ever."""
        while True:
            try:
                await self.write()
            except Exception:
                LOGGER.exception("a fault of ours: the lease %s was not written", self._key)
            await asyncio.sleep(self._lease.term / WRITES)

    async def write(self) -> None:
        """Write the key if it is ours to write, with how far the receiver is."""
        async with self._busy:
            try:
                await self._look_and_write()
            except LogError as error:
                self._say(logging.WARNING, "lease", f"the lease {self._key} cannot be kept: {error.reason}: {error}")
                if error.reason == "missing":
                    await self._make()
            self._changed.set()

    async def until_ours(self) -> None:
        """Wait until the lease is ours."""
        while not self.is_held:
            self._changed.clear()
            await self._changed.wait()

    async def lost(self) -> None:
        """Wait until it is not."""
        while left := self._lease.seconds_left(time.monotonic()):
            self._changed.clear()
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def let_go(self) -> None:
        """Let another one go on at once."""
        async with self._busy:
            if not self.is_held:
                return
            self._lease.end()
            try:
                entry = await self._bucket.get(self._key)
                word = read_word(entry.data)
                if word is not None and word.holder == self._lease.own:
                    await self._bucket.put(self._key, Word("", self._core.image()).data(), entry.revision)
            except LogError as error:
                LOGGER.warning("the lease %s ends by itself: %s", self._key, error)

    async def _look_and_write(self) -> None:
        was_held = self.is_held
        entry = await self._bucket.get(self._key)
        word = read_word(entry.data)
        may_write = self._lease.may_write(entry.revision, word, time.monotonic())
        if not was_held and word is not None:
            self._follow(word)
        if not may_write:
            return
        began = time.monotonic()
        revision = await self._bucket.put(self._key, Word(self._lease.own, self._core.image()).data(), entry.revision)
        if revision:
            self._lease.written(revision, began)

    def _follow(self, word: Word) -> None:
        if word.sent.plain.get("cursor"):
            try:
                self._core.restore(word.sent)
            except DamagedError as error:
                self._say(logging.WARNING, "word", f"the lease {self._key} has {error}")

    async def _make(self) -> None:
        try:
            await self._provide()
        except LogError as error:
            self._say(logging.WARNING, "bucket", f"there is no bucket of leases: {error}; docs/outgoing.md makes it")
