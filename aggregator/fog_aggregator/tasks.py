"""Run background loops, and hear of the first one that fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, wait
from typing import Any, Final, TypeVar

from fog_aggregator.promql.errors import QueryTimeoutError, UnavailableError

T = TypeVar("T")

_STOPS: Final = "the aggregator stops: ask again when it is back"
_LOOK: Final = 0.05
"""Seconds after which a thread that waits looks whether its request is still wanted."""


class Loops:
    """The background loops of a service. Belongs to one event loop."""

    def __init__(self) -> None:
        self._failed = asyncio.Event()
        self._error: BaseException | None = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a loop until it is cancelled; the error of the first one that fails ends `wait`."""
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._note)
        return task

    async def wait(self, stop: asyncio.Event) -> None:
        """Wait until `stop` is set or a loop fails; raise what it failed with."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (stop, self._failed)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
        if self._error is not None:
            raise self._error

    def _note(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and self._error is None:
            self._error = error
            self._failed.set()


async def yield_turn() -> None:
    """Let others have their turn on the loop."""
    await asyncio.sleep(0)


async def cancel(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel tasks and wait until they have ended, however they end."""
    for task in tasks:
        if task is not None:
            task.cancel()
    for task in tasks:
        if task is not None:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


async def done_before(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do some work, and cancel it once `stop` is set; tell whether it was done."""
    doing, asked = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((doing, asked), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
        return doing.done()
    finally:
        await cancel(doing, asked)


def wait_in_thread(
    loop: asyncio.AbstractEventLoop | None, question: Coroutine[Any, Any, T], expired: Callable[[], bool]
) -> T:
    """Let the event loop answer a question of a thread, which waits as long as its request is wanted.

    Raises:
        UnavailableError: The loop is not there, or ends.
        QueryTimeoutError: The request has ended.
    """
    if loop is None or loop.is_closed():
        question.close()
        raise UnavailableError(_STOPS)
    future: Future[T] = asyncio.run_coroutine_threadsafe(question, loop)
    try:
        while not future.done():
            if expired():
                future.cancel()
                raise QueryTimeoutError("the query ended before there was an answer")
            wait((future,), _LOOK)
        return future.result()
    except CancelledError:
        raise UnavailableError(_STOPS) from None
