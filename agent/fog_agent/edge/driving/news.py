"""Let several tasks of one event loop wait until what each of them goes by is another, or a moment has come."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

State: TypeAlias = Callable[[], float]
"""Tells the one number that a task goes by, such as the moment at which it has something to do."""


class _Waiter(NamedTuple):
    """A task that waits. Waking it takes a future, and never cancels it."""

    future: asyncio.Future[None]
    state: State
    known: float


class News:
    """Wake the tasks that have a reason to go on: the others would look, and wait again, several times a frame.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._reported = 0
        self._waiters: set[_Waiter] = set()

    def tell(self) -> None:
        """Wake every task whose number is another than the one that it knows; called after whatever may change one."""
        self._reported += 1
        for waiter in self._waiters:
            if waiter.state() != waiter.known:
                _wake(waiter.future)

    async def wait(self, until: float, state: State, known: float) -> None:
        """Wait until `state` tells another number than `known`, at most until then; infinity is for ever."""
        if state() != known:
            return
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), state, known)
        timer = None if until == math.inf else loop.call_later(max(0.0, until - self._clock()), _wake, waiter.future)
        self._waiters.add(waiter)
        try:
            await waiter.future
        finally:
            self._waiters.discard(waiter)
            if timer is not None:
                timer.cancel()

    async def verdict(self, ask: Callable[[], Awaitable[bool | None]], end: float) -> bool:
        """Tell everybody, and ask after all news until there is a verdict that is not None; at `end` it is False."""
        self.tell()
        while True:
            known = self._reported
            answer = await ask()
            if answer is not None or self._clock() >= end:
                return bool(answer)
            await self.wait(end, lambda: self._reported, known)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
