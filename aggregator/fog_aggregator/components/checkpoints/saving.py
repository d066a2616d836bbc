"""Saves what was read, and how far, while reading goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from fog_aggregator.components.checkpoints.files import CheckpointFiles, StateDirError
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.checkpoint import Image, Scope, restore, take_image
from fog_aggregator.core.eventlist import EventList
from fog_aggregator.core.state import State
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.selfmetrics import SelfMetrics
from fog_aggregator.tasks import running
from fog_bus.ports import Position
from fog_schema.paths import format_path

LOGGER: Final = logging.getLogger("fog_aggregator")


class Saving:
    """The checkpoints of one aggregator.

    Args:
        config: where they lie, and how often one is written.
        network: whose state they hold.
        positions: how far each stream was read; asked in the same moment as the state is taken.
    """

    def __init__(
        self,
        config: AggregatorConfig,
        network: NetworkCollector,
        metrics: SelfMetrics,
        positions: Callable[[], Mapping[str, Position]],
    ) -> None:
        self._config = config
        self._network = network
        self._metrics = metrics
        self._positions = positions
        self._writing = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def going_on(self) -> AsyncIterator[Mapping[str, Position] | None]:
        """Restore the last checkpoint; write one every interval while the body runs, and one at its end.

        Yields how far the streams were read; None when there is no checkpoint.

        Raises:
            StateDirError: the state directory cannot be used, or belongs to another aggregator or another fleet.
        """
        if self._config.state_dir is None:
            yield None
            return
        with CheckpointFiles(self._config.state_dir) as files:
            positions = files.load(self._restore)
            async with running(self._save_forever(files)):
                yield positions
            await self._save(files)

    def _restore(self, image: Image) -> Mapping[str, Position]:
        if image.scope != self._scope:
            prefix, path, branches = image.scope
            apart = f", with {', '.join(map(format_path, branches))} apart" if branches else ""
            raise StateDirError(
                f"{self._config.state_dir}: its checkpoint is of {format_path(path) or 'everything'} under {prefix}"
                f"{apart}; give this aggregator another state directory"
            )
        known = self._network.state
        state = State(horizon=known.horizon, limits=known.limits)
        events, ratchet = EventList(self._config.max_events), Ratchet()
        positions = restore(image, state, events, ratchet)
        self._network.adopt(state, events, ratchet)
        LOGGER.info("going on from a checkpoint: %d nodes", len(state.nodes))
        return positions

    async def _save_forever(self, files: CheckpointFiles) -> None:
        while True:
            await asyncio.sleep(self._config.checkpoint_interval)
            await asyncio.shield(asyncio.ensure_future(self._save(files)))

    async def _save(self, files: CheckpointFiles) -> None:
        """State and positions are of one moment, with nothing in between; a forked child writes them."""
        metrics = self._metrics
        try:
            async with self._writing:
                began = time.monotonic()
                with self._network.lock:  # no thread is in the middle of anything
                    child = files.begin(self._take)
                size = await child.finished()
        except OSError as error:
            metrics.checkpoints.labels(result="failed").increment()
            LOGGER.warning("checkpoint not written: %s; the last one stays", error)
            return
        metrics.checkpoints.labels(result="written").increment()
        metrics.checkpoint_duration.set(time.monotonic() - began)
        metrics.checkpoint_bytes.set(size)

    def _take(self) -> Image:
        network = self._network
        return take_image(network.state, network.events, network.ratchet, self._positions(), self._scope)

    @property
    def _scope(self) -> Scope:
        return self._config.prefix, self._config.path, tuple(sorted(self._config.branches))
