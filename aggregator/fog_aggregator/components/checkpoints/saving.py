"""Save what was read, and how far, while reading goes on; go on from it after a restart."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from fog_aggregator.components.checkpoints.directory import StateDirError
from fog_aggregator.components.checkpoints.files import CheckpointFiles
from fog_aggregator.components.checkpoints.options import CheckpointOptions
from fog_aggregator.components.checkpoints.resumption import OtherScopeError, resume
from fog_aggregator.core.checkpoint import Image
from fog_aggregator.core.checkpoint_keeper import SavingSchedule
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.network import NetworkCollector
from fog_aggregator.selfmetrics import SelfMetrics
from fog_aggregator.tasks import Loops, cancel
from fog_schema.paths import format_path

LOGGER: Final = logging.getLogger("fog_aggregator")


class Checkpoints:
    """A component that restores the last checkpoint, writes one every interval, and one at the end.

    Args:
        options: The directory, and the seconds between two checkpoints.
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
        self._writing = asyncio.Lock()
        self._files: CheckpointFiles | None = None
        self._task: asyncio.Task[None] | None = None

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
        self._task = self._loops.spawn(self._save_forever(files))

    async def stop(self, deadline: float) -> None:
        """Write the last checkpoint, unless there is no time, and let another aggregator have the directory."""
        await cancel(self._task)
        if self._files is not None:
            if deadline:
                await self._save(self._files)
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
        schedule = SavingSchedule(self._options.checkpoint_interval, time.monotonic())
        while True:
            await asyncio.sleep(schedule.due_at - time.monotonic())
            await asyncio.shield(asyncio.ensure_future(self._save(files)))
            schedule.ended(time.monotonic())

    async def _save(self, files: CheckpointFiles) -> None:
        """Write state and positions of one moment, with nothing in between, from a forked child."""
        metrics = self._metrics
        try:
            async with self._writing:
                began = time.monotonic()
                with (
                    self._network.held_still()
                ):  # the child has no other thread that could end what it is in the middle of
                    child = files.begin(self._take)
                size = await child.finished()
        except OSError as error:
            metrics.checkpoints.written.labels(result="failed").increment()
            LOGGER.warning("checkpoint not written: %s; the last one stays", error)
            return
        metrics.checkpoints.written.labels(result="written").increment()
        metrics.checkpoints.duration.set(time.monotonic() - began)
        metrics.checkpoints.size.set(size)

    def _take(self) -> Image:
        return self._engine.image(self._network.ratchet)
