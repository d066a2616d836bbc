"""Where a publisher's calls run: in place, or on a thread of their own, so that the program's event loop is never held.

Reading 10,000 series and encoding them takes tens of milliseconds, and sources may be waited for. All calls for one
publisher run one after the other, whoever makes them.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, Protocol, TypeAlias, TypeVar

T = TypeVar("T")

CLOSE_SECONDS: Final = 1.5
"""How long the last calls are waited for: none of them waits for a source for longer than a second."""


Then: TypeAlias = Callable[[Any, Exception | None], None]
"""Called in the loop with what a call returned, or None and what it raised. Must not raise."""


class Worker(Protocol):
    """Runs calls one after the other."""

    def submit(self, call: Callable[[], Any], then: Then) -> None:
        """Run a call after those that were submitted before, and let `then` go on; in place that is at once."""

    async def close(self) -> bool:
        """Run no more; tell whether all calls have ended, after a bounded time."""

    def leave(self) -> bool:
        """As `close`, from another loop, once its own does not run any more. Blocks while a call is under way."""

    def disown(self) -> None:
        """In a forked child: leave to the parent what is shared with it."""


def begin(worker: Worker, call: Callable[[], T]) -> asyncio.Future[T]:
    """Run a call; the future has what it returned or raised."""
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    worker.submit(call, partial(_settle, future))
    return future


class InPlace:
    """Runs calls where they are made: in a loop that nobody else needs, or one that all of the data belongs to."""

    def submit(self, call: Callable[[], Any], then: Then) -> None:
        """Run a call."""
        then(*_run(call))

    async def close(self) -> bool:
        """Do nothing: all calls have ended."""
        return True

    def leave(self) -> bool:
        """Do nothing: all calls have ended."""
        return True

    def disown(self) -> None:
        """Do nothing: nothing is shared."""


class Aside:
    """Runs calls on a daemon thread, which begins with the first and ends with `close`, or when nobody has this.

    For one event loop. Where no thread can begin, as at the interpreter's end, calls run in place.

    The thread wakes the loop through a pipe of its own. The loop's is shared with forked children, and one that unwinds
    through `asyncio.run` takes it off the list of files that it shares as well: the parent would not be woken any more.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._done: deque[_Done] = deque()
        self._woken: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        weakref.finalize(self, self._calls.put, None)

    def submit(self, call: Callable[[], Any], then: Then) -> None:
        """Run a call; after `close` it never runs."""
        if self._closed:
            return
        if self._woken is None and not self._start(asyncio.get_running_loop()):
            then(*_run(call))
            return
        self._calls.put((call, then))

    async def close(self) -> bool:
        """End the thread once it has run what was submitted."""
        last = begin(self, lambda: None)
        self._closed = True
        self._calls.put(None)
        ended, _ = await asyncio.wait([last], timeout=CLOSE_SECONDS)
        if self._woken is not None:
            asyncio.get_running_loop().remove_reader(self._woken)
            os.close(self._woken)
            self._woken = None
        return bool(ended)

    def leave(self) -> bool:
        """End the thread once it has run what was submitted, when the loop does not run any more."""
        self._closed = True
        if self._woken is None or self._loop is None:
            return True
        ended = threading.Event()
        self._calls.put((ended.set, lambda _result, _error: None))
        self._calls.put(None)
        if self._loop.is_closed():
            os.close(self._woken)
            self._woken = None
        return ended.wait(CLOSE_SECONDS)

    def disown(self) -> None:
        """In a forked child: leave the pipe to the parent, whatever this loop does before it ends."""
        if self._woken is not None:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, self._woken, inheritable=False)
            os.close(null)

    def _start(self, loop: asyncio.AbstractEventLoop) -> bool:
        woken, wake = os.pipe()
        try:
            arguments = (self._calls, self._done, wake)
            threading.Thread(target=_serve, args=arguments, name=self._name, daemon=True).start()
        except RuntimeError:
            os.close(woken)
            os.close(wake)
            return False
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        loop.add_reader(woken, _deliver, woken, self._done)
        self._woken, self._loop = woken, loop
        return True


_Call: TypeAlias = tuple[Callable[[], Any], Then]
_Done: TypeAlias = tuple[Then, Any, Exception | None]


def _serve(calls: SimpleQueue[_Call | None], done: deque[_Done], wake: int) -> None:
    """Run calls until there is a None; it knows the queues alone, so that whoever puts into them can go."""
    while (one := calls.get()) is not None:
        call, then = one
        done.append((then, *_run(call)))
        del one, call, then
        with suppress(OSError):  # there is something to read already, or nobody reads any more
            os.write(wake, b"!")
    os.close(wake)


def _deliver(woken: int, done: deque[_Done]) -> None:
    """Run in the loop: let those go on whose calls have ended."""
    with suppress(BlockingIOError):
        os.read(woken, 4096)
    while done:
        then, result, error = done.popleft()
        then(result, error)


def _run(call: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return call(), None
    except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the call
        return None, error


def _settle(future: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    if future.done():  # whoever waited was cancelled
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
