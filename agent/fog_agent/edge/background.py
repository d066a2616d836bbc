"""An agent in a thread of its own, for programs without an event loop."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
from types import TracebackType
from typing import Any, Self

from fog_agent.edge.agent import Agent
from utilityfog_frontend.telemetry.collector import TelemetryCollector


class BackgroundAgent:
    """`Agent` for synchronous programs: the same arguments, an event loop in a daemon thread.

        with BackgroundAgent(collector, path="fog/0/3"):
            the_program()

    Without ``with``, call `start`; the last counts are flushed at the interpreter's exit at the latest. After a fork
    the child needs a new one. Thread-safe.

    Raises:
        PathError, ValueError: as `Agent` does, at once and in the caller's thread.
    """

    def __init__(self, collector: TelemetryCollector, *, path: str, **options: Any) -> None:
        if options.get("handle_signals"):
            raise ValueError(
                "handle_signals needs the main thread's event loop: end the program's `with` block instead"
            )
        self._agent = Agent(collector, path=path, **options)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._started = threading.Event()
        self._problem: BaseException | None = None
        self._flushed = False

    def start(self) -> None:
        """Begin to publish. Returns at once, with or without a server.

        Raises:
            RuntimeError: when it runs already, or another agent has this collector and path.
        """
        if self._thread is not None:
            raise RuntimeError("this background agent runs already")
        self._thread = threading.Thread(target=self._main, name="fog-agent", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._problem is not None:
            self._thread = None
            raise self._problem
        atexit.register(self.stop)

    def stop(self) -> bool:
        """Flush the last counts and end the thread, within the agent's deadline; True when all was acknowledged."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._end is None:
            return True
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._end.set)
        thread.join(self._agent.deadline + 2.0)
        atexit.unregister(self.stop)
        return self._flushed

    def flush(self) -> bool:
        """Send what was counted until now and wait until it is acknowledged; True when it was before the deadline."""
        if self._loop is None or self._thread is None:
            return False
        return asyncio.run_coroutine_threadsafe(self._agent.flush(), self._loop).result(self._agent.deadline + 1.0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _main(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._agent.start()
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller of start(), who raises it
            self._problem = error
            return
        finally:
            self._started.set()
        await self._end.wait()
        self._flushed = await self._agent.stop()
