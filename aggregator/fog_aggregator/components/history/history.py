"""The history as a component: it has what a run before has written, and takes steps while the engine reads."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path
from typing import Final

from fog_aggregator.components.history.files import HistoryFiles
from fog_aggregator.components.history.metrics import HistoryMetrics
from fog_aggregator.components.history.options import HistoryOptions
from fog_aggregator.components.history.present import OwnPresent
from fog_aggregator.components.history.recorder import Recorder
from fog_aggregator.components.history.source import HistorySource
from fog_aggregator.history.store import HistoryLimits, HistoryStore
from fog_aggregator.network import NetworkCollector
from utilityfog_frontend.telemetry import TelemetryCollector

LOGGER: Final = logging.getLogger("fog_aggregator")
FOLDER: Final = "history"
"""The folder in the state directory, whose lock the checkpoints hold."""


class History:
    """A component that keeps the totals of the fleet at every step of the streams' time.

    Args:
        options: How much is kept.
        state_dir: Where it is kept over a restart; None for memory alone.
        network: The fleet.
        own: The collector for the metrics of the history itself.

    Attributes:
        store: Has the steps.
        lock: Held while the store is read or written.
        step: Seconds from one step to the next.
        recorder: Takes the steps; None for no history.
        source: Answers selectors.
        from_zero: Answers those of rules: counters that began while they were watched count from zero.
    """

    def __init__(
        self, options: HistoryOptions, state_dir: Path | None, network: NetworkCollector, own: TelemetryCollector
    ) -> None:
        retention = round(options.history_retention * 1000)
        store = self.store = HistoryStore(HistoryLimits(retention, options.history_memory, options.history_series))
        lock, metrics = threading.Lock(), HistoryMetrics(own)
        self.lock, self.step = lock, options.history_step
        metrics.limit.set(options.history_memory)
        self.recorder: Recorder | None = None
        if options.history_memory:
            length = round(options.history_step * 1000)
            self.recorder = Recorder(network, store, lock, metrics, length, retention)
        present = OwnPresent(network.now, own.collect)
        self.source = HistorySource(store, lock, present)
        self.from_zero = HistorySource(store, lock, present, from_zero=True)
        self._state_dir = state_dir
        self._metrics = metrics

    async def start(self) -> None:
        """Take over what is on disk, before anything is read."""
        if self.recorder is None or self._state_dir is None:
            return
        try:
            self.recorder.files = HistoryFiles(self._state_dir / FOLDER, self._metrics.damaged.increment)
            await asyncio.to_thread(self.recorder.load)
        except OSError as error:
            LOGGER.warning("history: %s cannot be used: %s; it is kept in memory", self._state_dir / FOLDER, error)
            self.recorder.files = None
        if self.store.steps:
            LOGGER.info("history: %d steps are known", self.store.steps)

    async def stop(self, deadline: float) -> None:
        """Finish the steps that wait, unless there is no time."""
        if self.recorder is not None:
            await asyncio.to_thread(self.recorder.stop, finish=bool(deadline))

    async def settle(self) -> None:
        """Let others have their turn, and wait while too many steps wait."""
        if self.recorder is None:
            await asyncio.sleep(0)
        else:
            await self.recorder.settle()
