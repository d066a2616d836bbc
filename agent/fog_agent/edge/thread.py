"""A thread with an event loop, in which an agent lives from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Final, Protocol

from fog_agent.edge.endings import LastCall

log = logging.getLogger("fog_agent")

PATIENCE: Final = 2.0
"""Seconds beyond an agent's deadline after which its thread is no longer waited for."""
_abandoned: Final[list[object]] = []


class Lived(Protocol):
    """An agent."""

    @property
    def interval(self) -> float:
        """Seconds between frames."""

    @property
    def deadline(self) -> float:
        """Seconds that stopping may take."""

    async def start(self, *, aside: bool) -> None:
        """Begin to publish, on a thread aside or in the loop itself."""

    async def stop(self) -> bool:
        """Flush and stop; True when all was acknowledged."""

    async def flush(self) -> bool:
        """Send what was counted until now; True when it was acknowledged."""


class AgentThread:
    """Runs an agent once, in a daemon thread with an event loop of its own, until the process's end. Thread-safe.

    Args:
        agent: what is run.
        needed: asked when it is to stop before it has begun: whether there is anything to publish.
    """

    def __init__(self, agent: Lived, needed: Callable[[], bool] = lambda: True) -> None:
        self.agent = agent
        self._needed = needed
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()
        self._started = threading.Event()
        self._problem: BaseException | None = None
        self._alone = False
        self._flushed = False
        self._last_call = LastCall(self.stop)
        self._last_call.arm()

    @property
    def is_over(self) -> bool:
        """Whether its thread has ended, by itself or because it was told to."""
        return self._thread is not None and not self._thread.is_alive()

    @property
    def waits(self) -> bool:
        """Whether it has not begun, and nobody has stopped it."""
        return self._thread is None and not self._ending

    def runs(self, agent: object) -> bool:
        """Whether this is the thread of `agent`."""
        return self.agent is agent

    def begin(self) -> None:
        """Start the thread, unless it was started or is to stop."""
        with self._lock:
            if self._thread is None and not self._ending:
                self._thread = threading.Thread(target=self._main, name="fog-agent", daemon=True)
                self._thread.start()

    def begin_if_needed(self) -> bool:
        """Start the thread if there is anything to publish; tell whether that is settled."""
        if not self._ending and not self._needed():
            return False
        self._alone = True
        self.begin()
        return True

    def wait(self) -> None:
        """Wait until the agent has started, and raise what its start raised."""
        self._started.wait()
        if self._problem is not None:
            self._last_call.disarm()
            raise self._problem

    def stop(self) -> bool:
        """Flush the last counts and end, within the agent's deadline; True when all was acknowledged."""
        with self._lock:
            thread, first, self._ending = self._thread, not self._ending, True
        if thread is not None:
            self._tell_to_end()
            thread.join(self.agent.deadline + PATIENCE)
        elif first and self._needed():
            self._begin_and_end()
        self._last_call.disarm()
        return self._flushed

    def leave(self) -> None:
        """Make way for another agent of the same collector and path, which publishes what this one has not begun to."""
        with self._lock:
            begun, self._ending = self._thread is not None, True
        if begun:
            self.stop()
        self._last_call.disarm()

    def flush(self) -> bool:
        """Send what was counted until now and wait until it is acknowledged; True when it was before the deadline."""
        self.begin()
        self._started.wait()
        if self._loop is None:
            return False
        return asyncio.run_coroutine_threadsafe(self.agent.flush(), self._loop).result(self.agent.deadline + 1.0)

    def abandon(self) -> None:
        """In a forked child, which does not have the thread: keep what waits on its loop for ever, so it never ends."""
        _abandoned.append(self)
        self._last_call.disarm()

    def _main(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        try:
            await self.agent.start(aside=False)
        except BaseException as error:  # it belongs to whoever waits for the start
            self._problem = error
            if self._alone:
                log.exception("the agent cannot begin in its thread: nothing that is counted here is sent")
            return
        finally:
            self._loop = asyncio.get_running_loop()
            self._started.set()
        if not self._ending:
            await self._end.wait()
        self._flushed = await self.agent.stop()

    def _tell_to_end(self) -> None:
        """Wake the loop; before there is one, `_ending` is seen instead."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._end.set)

    def _begin_and_end(self) -> None:
        """Run from start to end, in a thread, so that nothing lasts for ever; here, when none may begin any more."""
        self._alone = True
        thread = threading.Thread(target=self._main, name="fog-agent", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # at the interpreter's end
            self._main()
            return
        thread.join(self.agent.deadline + PATIENCE)
