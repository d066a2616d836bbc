"""Tell rules the state of the service: whether the numbers are of now, since when they are known, who is silent."""

from __future__ import annotations

import time
from collections.abc import Callable

from fog_aggregator.components.rules.storage import FleetSamples
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.fleet.silent_cover import Extent, Losses
from fog_schema.paths import Path


class EngineConditions:
    """The conditions of an engine and its storage. Belongs to the event loop.

    Args:
        engine: Knows whether the numbers are of now.
        storage: The samples of the fleet.
        losses: Tells which nodes are silent.
    """

    def __init__(self, engine: Engine, storage: FleetSamples, losses: Callable[[], Losses]) -> None:
        self._engine = engine
        self._storage = storage
        self._losses = losses

    def paused(self) -> str:
        """Say why nothing can be said about the fleet now; empty when something can."""
        engine = self._engine
        if not engine.readiness.ready:
            return f"not ready: {engine.readiness.why_not()}"
        now = time.monotonic()
        if not engine.is_connected(now):
            return "cut off from NATS"
        return "" if engine.is_current(now) else "the streams are not read to their end"

    def now(self) -> int:
        """Return the time in milliseconds that evaluations are of.

        That is the server's time, while it is known to be of now: of a server that is away, or of a backlog that is
        read, it is not, and then the machine's clock is the best there is.
        """
        if self.paused():
            return time.time_ns() // 1_000_000
        return round(self._engine.server_time(time.monotonic()) * 1000)

    def known_since(self) -> int | None:
        """Return the time in milliseconds from which on the fleet's numbers are known; None when none are."""
        return self._storage.oldest

    def silent_branches(self) -> tuple[Path, ...]:
        """Return the paths under which everything is silent. Any thread may ask: it may take a while."""
        return tuple(entry.path for entry in self._losses().cover() if entry.extent is Extent.SUBTREE)
