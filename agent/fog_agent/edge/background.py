"""An agent in a thread of its own, for programs without an event loop."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from fog_agent.edge.agent import Agent
from fog_agent.edge.forks import Key
from fog_agent.edge.thread import AgentThread
from utilityfog_frontend.telemetry.collector import TelemetryCollector


class BackgroundAgent:
    """`Agent` for synchronous programs: the same arguments, an event loop in a daemon thread.

        with BackgroundAgent(collector, path="fog/0/3"):
            the_program()

    Without ``with``, call `start`; the last counts are flushed when the process ends at the latest, also in a child
    of multiprocessing. It begins anew in a forked child, once that has counted something, and may be started there by
    hand. Thread-safe.

    Raises:
        PathError, ValueError: as `Agent` does, at once and in the caller's thread.
    """

    def __init__(self, collector: TelemetryCollector, *, path: str, **options: Any) -> None:
        if options.get("handle_signals"):
            raise ValueError(
                "handle_signals needs the main thread's event loop: end the program's `with` block instead"
            )
        self._agent = Agent(collector, path=path, **options)
        self._agent.forkable = self
        self._thread: AgentThread | None = None
        self._from_parent = False

    def start(self) -> None:
        """Begin to publish. Returns at once, with or without a server.

        Raises:
            RuntimeError: when it runs already, or another agent has this collector and path.
        """
        if self._thread is not None and not self._thread.is_over and not self._from_parent:
            raise RuntimeError("this background agent runs already")
        thread = AgentThread(self._agent)
        thread.begin()
        thread.wait()
        self._thread, self._from_parent = thread, False

    def stop(self) -> bool:
        """Flush the last counts and end the thread, within the agent's deadline; True when all was acknowledged."""
        thread, self._thread = self._thread, None
        return True if thread is None else thread.stop()

    def flush(self) -> bool:
        """Send what was counted until now and wait until it is acknowledged; True when it was before the deadline."""
        return self._thread is not None and self._thread.flush()

    @property
    def key(self) -> Key:
        """The collector and the path: two agents with the same would count everything twice."""
        return self._agent.key

    def forked(self, parent: int) -> AgentThread | None:
        """In a child of the process `parent`: return a thread in which the agent begins anew; see `forks`."""
        if self._thread is not None:
            self._thread.abandon()
        self._thread, self._from_parent = self._agent.forked(parent), True
        return self._thread

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
