"""Save what was read, and how far, while reading goes on; go on from it after a restart."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Final

from fog_aggregator.components.checkpoints.directory import StateDirError
from fog_aggregator.components.checkpoints.files import CheckpointFiles
from fog_aggregator.components.checkpoints.options import CheckpointOptions
from fog_aggregator.components.checkpoints.resumption import OtherScopeError, resume
from fog_aggregator.components.checkpoints.unsaved import Unsaved
from fog_aggregator.core.checkpoint import Image
from fog_aggregator.core.checkpoint_keeper import SavingBudget, SavingSchedule
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.network import NetworkCollector
from fog_aggregator.selfmetrics import SelfMetrics
from fog_aggregator.tasks import Loops, cancel
from fog_schema.paths import format_path

LOGGER: Final = logging.getLogger("fog_aggregator")
_SMALL_BYTES: Final = 2 * 2**20
"""A checkpoint is packed by the service itself if the last one had no more: it takes 8 ms."""
SMALL_SLOTS: Final = 50_000
"""And if there are no more values than that by now."""
LAST_PATIENCE: Final = 45.0
"""Seconds that the last checkpoint may take: the shipped units give an aggregator 60 to end."""


class Checkpoints:
    """A component that restores the last checkpoint, writes one as often as it may, and one at the end.

    Args:
        options: The directory, and what checkpoints may cost.
        engine: Goes on from a checkpoint.
        network: Shows the restored fleet.
        metrics: Takes the counts of checkpoints.
        loops: Runs the loop.
    """

    def __init__(
        self,
        options: CheckpointOptions,
        engine: Engine,
        network: NetworkCollector,
        metrics: SelfMetrics,
        loops: Loops,
    ) -> None:
        self._options = options
        self._engine = engine
        self._network = network
        self._metrics = metrics
        self._loops = loops
        self._unsaved = Unsaved(engine, network)
        self._saved_at = time.monotonic()
        self._size = _SMALL_BYTES + 1  # nobody knows before the first one
        budget = SavingBudget(options.checkpoint_share, options.checkpoint_bytes_a_day or math.inf)
        self._schedule = SavingSchedule(options.checkpoint_interval, self._saved_at, budget)
        self._files: CheckpointFiles | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def failures(self) -> int:
        """Count the checkpoints that were not written since the last one that was."""
        return self._metrics.checkpoints.failures

    async def start(self) -> None:
        """Go on from the last checkpoint, if there is one.

        Raises:
            StateDirError: The state directory cannot be used, or belongs to another aggregator or another fleet.
        """
        if self._options.state_dir is None:
            return
        files = await asyncio.to_thread(CheckpointFiles, self._options.state_dir)
        try:
            files.load(self._resume)
        except BaseException:
            files.close()
            raise
        self._files = files
        self._unsaved.saved(self._unsaved.moment())
        self._metrics.checkpoints.watch(self._unsaved_seconds, lambda: self._schedule.pause(self._until_gap()))
        self._task = self._loops.spawn(self._save_forever(files))

    async def stop(self, deadline: float) -> None:
        """Write the last checkpoint, unless there is no time, and let another aggregator have the directory.

        One that is being written is left: its child is killed, as the last one has all of it.
        """
        await cancel(self._task)
        if self._files is not None:
            if deadline:
                await self._save_last(self._files)
            self._files.close()

    def _resume(self, image: Image) -> None:
        try:
            resume(self._engine, self._network, image, time.monotonic())
        except OtherScopeError:
            prefix, path, branches = image.scope
            apart = f", with {', '.join(map(format_path, branches))} apart" if branches else ""
            raise StateDirError(
                f"{self._options.state_dir}: its checkpoint is of {format_path(path) or 'everything'} under {prefix}"
                f"{apart}; give this aggregator another state directory"
            ) from None
        LOGGER.info("going on from a checkpoint: %d nodes", self._engine.fleet.node_count)

    async def _save_forever(self, files: CheckpointFiles) -> None:
        schedule, interval = self._schedule, self._options.checkpoint_interval
        while True:
            due_in = schedule.due_at(self._until_gap()) - time.monotonic()
            if due_in > 0:
                await asyncio.sleep(min(due_in, interval))  # a stream may have begun to forget sooner
                continue
            if self._has_unsaved():
                await self._save(files)
            else:
                await asyncio.sleep(interval)

    def _has_unsaved(self) -> bool:
        with self._network.held_still():
            return self._unsaved.is_there()

    def _unsaved_seconds(self) -> float:
        """Return for how long numbers may have been read that no checkpoint has."""
        return time.monotonic() - self._saved_at if self._unsaved.has_read() else 0.0

    def _until_gap(self) -> float:
        """Return the seconds until a stream may remove what was not read, if reading stopped now."""
        found = [cursor.until_gap for cursor in self._engine.cursors.values()]
        return min((seconds for seconds in found if seconds is not None), default=math.inf)

    async def _save_last(self, files: CheckpointFiles) -> None:
        try:
            async with asyncio.timeout(LAST_PATIENCE):
                await self._save(files)
        except TimeoutError:
            text = "the last checkpoint was not written within %g s; the one before stays"
            LOGGER.warning(text, LAST_PATIENCE)

    async def _save(self, files: CheckpointFiles) -> None:
        """Write state and positions of one moment, with nothing in between, beside all else."""
        metrics, began, size = self._metrics.checkpoints, time.monotonic(), 0
        try:
            # the child has no other thread that could end what it is in the middle of
            with self._network.held_still():
                moment = self._unsaved.moment()
                writing = files.begin(self._take, is_small=self._is_small())
            self._size, cpu = await writing.finished()
            size = self._size
        except OSError as error:
            metrics.written.labels(result="failed").increment()
            metrics.failures += 1
            LOGGER.warning("checkpoint not written: %s; the last one stays", error)
        else:
            self._unsaved.saved(moment)
            self._saved_at = began
            metrics.written.labels(result="written").increment()
            metrics.failures = 0
            metrics.duration.set(time.monotonic() - began)
            metrics.size.set(size)
            metrics.cpu.increment(cpu)
        finally:
            self._schedule.ended(now := time.monotonic(), now - began, size)

    def _is_small(self) -> bool:
        return self._size <= _SMALL_BYTES and self._engine.fleet.slot_count <= SMALL_SLOTS

    def _take(self) -> Image:
        return self._engine.image(self._network.ratchet)
