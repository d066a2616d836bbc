"""Signals that end a program: held until what was counted is flushed, then passed on to whoever had them before."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from functools import partial
from types import FrameType
from typing import Any, Final

NUMBERS: Final = (signal.SIGTERM, signal.SIGINT)
PAUSE: Final = 0.2
"""Seconds between two flushes while a program drains."""
DRAINING: Final = 120.0
"""Seconds after a signal for which a program is taken to drain: more than service managers give it."""

Handler = Callable[[int, FrameType | None], Any] | int


class HeldSignals:
    """Take SIGTERM and SIGINT from the time it is made until `close`; only in the main thread, where the loop runs.

    The first of each is held for a flush and then passed on: to the handler that was there before, or to the system's,
    which ends the program. A second one is passed on at once: somebody will not wait. A signal that was ignored stays
    ignored.

    A signal is the beginning of an end, and some programs leave nobody the time for the end itself: one that is killed
    while it drains, one that raises the signal again when it has drained. So while the program lives after a signal,
    flushes follow each other closely, for some time.

    The loop's own handlers are others, one for each signal: one that the program gave its loop
    before hears of the signal beside this one. A handler that the program sets later takes this one's place.

    Args:
        loop: where the flush runs.
        flush: what is to be done first; bounded in time, and raises nothing.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, flush: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self._loop = loop
        self._flush = flush
        self._pid = os.getpid()
        self._seen: set[int] = set()
        self._pending: list[int] = []
        self._flushes: set[asyncio.Task[object]] = set()
        self._closing = self._closed = False
        self._before: dict[int, Handler] = {}
        for number in NUMBERS:
            before = signal.getsignal(number)
            if before is not None and before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._arrived)

    def postpone(self) -> None:
        """Pass nothing on before `close`, flushed or not: the program is ending its publication anyway."""
        self._closing = True

    def close(self) -> None:
        """Give the signals back, and pass on those that are still held."""
        self._closing = self._closed = True
        for number, before in self._before.items():
            if signal.getsignal(number) == self._arrived:
                signal.signal(number, before)
        for flush in self._flushes:
            flush.cancel()
        while self._pending:
            self._pass_on(self._pending.pop(0))

    def _arrived(self, number: int, _: FrameType | None) -> None:
        """Between any two steps of the program: only note it. A forked child has neither this loop nor this agent."""
        if number in self._seen or self._closed or not self._loop.is_running() or os.getpid() != self._pid:
            self._pass_on(number)
            return
        self._seen.add(number)
        self._pending.append(number)
        self._loop.call_soon_threadsafe(self._flush_first, number)

    def _flush_first(self, number: int) -> None:
        if not self._closed:
            task = self._loop.create_task(self._flush())
            self._flushes.add(task)
            task.add_done_callback(partial(self._flushed, number))

    def _flushed(self, number: int, flush: asyncio.Task[object]) -> None:
        self._flushes.discard(flush)
        if number in self._pending and not self._closing:
            self._flushes.add(self._loop.create_task(self._drain()))
            self._pending.remove(number)
            self._pass_on(number)

    async def _drain(self) -> None:
        """Flush what is counted while the program drains."""
        end = self._loop.time() + DRAINING
        while not self._closing and self._loop.time() < end:
            await asyncio.sleep(PAUSE)
            await self._flush()

    def _pass_on(self, number: int) -> None:
        before = self._before[number]
        if callable(before):
            before(number, None)
        else:
            signal.signal(number, before)
            os.kill(os.getpid(), number)
