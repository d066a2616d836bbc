"""Start and stop the sources of a node: the failing of one stops neither another one nor the agent."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.ports import Readable, Source


class Sources:
    """The sources of a node. `start`, then `retry` now and then, then `stop`; one call at a time.

    Args:
        sources: None of them started.
        metrics: Gets what goes wrong; not needed without sources.
    """

    def __init__(self, sources: Iterable[Source] = (), metrics: SourceMetrics | None = None) -> None:
        self._metrics = metrics
        self._waiting: list[Source] = list(sources)
        self._running: list[Source] = []

    def start(self) -> None:
        """Start all; one that cannot is down, and is tried again by `retry`."""
        self.retry()

    def look(self) -> list[str]:
        """Read once each source that may be read, without starting any; return the names of the others."""
        readable = [source for source in self._waiting if isinstance(source, Readable)]
        threads = [threading.Thread(target=source.look, daemon=True) for source in readable]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [source.name for source in self._waiting if not isinstance(source, Readable)]

    def retry(self) -> None:
        """Start those that could not be started before."""
        waiting, self._waiting = self._waiting, []
        for source in waiting:
            try:
                source.start()
            except (OSError, ValueError) as error:
                self._down(source.name, f"cannot start, and is tried again: {error}")
                self._waiting.append(source)
            else:
                self._running.append(source)

    def stop(self) -> None:
        """Stop all at once; what they took is in the collector then. Called again it does nothing.

        Several targets that hang, as where no name can be looked up, are waited for no longer than one.
        """
        running, self._running, self._waiting = self._running, [], []
        threads = [threading.Thread(target=self._stop, args=[source], daemon=True) for source in running]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _stop(self, source: Source) -> None:
        try:
            source.stop()
        except Exception as error:  # noqa: BLE001 - the others are stopped all the same
            self._down(source.name, f"cannot stop: {error!r}")

    def _down(self, name: str, text: str) -> None:
        if self._metrics is not None:
            self._metrics.down(name, text)
