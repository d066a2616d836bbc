"""Publish a subtree's totals on its rollup subject, by the same writer, outbox and sender as a node's."""

from __future__ import annotations

import asyncio
import logging
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fog_agent.core.schedule import phase_of
from fog_agent.core.writer import Settings
from fog_agent.edge.attach import new_epoch
from fog_agent.edge.selfmetrics import WriterMetrics
from fog_agent.edge.sender import Sender
from fog_aggregator.components.rollup.options import RollupOptions
from fog_aggregator.components.rollup.replica import Replica
from fog_aggregator.core.places.limits import ADDRESS_KEY
from fog_aggregator.core.places.origin import Origin
from fog_aggregator.query.totals import Totals
from fog_aggregator.tasks import Loops, cancel
from fog_bus.ports import Bus
from fog_schema import __version__
from fog_schema.paths import Path, format_path
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector

LOGGER: Final = logging.getLogger("fog_aggregator")


@dataclass(frozen=True, slots=True)
class RollupSource:
    """The subtree, as it goes up.

    Attributes:
        totals: Gives the totals as they are now.
        may_publish: Tells whether the totals may go up.
        origin: Tells which state the totals come from.
    """

    totals: Callable[[], Totals]
    may_publish: Callable[[], bool]
    origin: Callable[[], Origin]


class RollupPublication:
    """A component that publishes a subtree's totals from when the aggregator is ready until it stops.

    Args:
        path: The subtree's.
        options: Seconds between frames; the moment is spread by a hash of the path.
        subjects: The subject to publish on, and those to be asked on.
        source: Gives the totals.
        own: The collector for the metrics of the publication itself (``fog_aggregator_rollup_*``).
        bus: Carries the frames.
        loops: Runs the loop.
    """

    def __init__(
        self,
        path: Path,
        options: RollupOptions,
        subjects: Subjects,
        source: RollupSource,
        own: TelemetryCollector,
        bus: Bus,
        loops: Loops,
    ) -> None:
        self._path = path
        self._subjects = subjects
        address = ((ADDRESS_KEY, options.http_advertise),) if options.http_advertise else ()
        info = (("version", __version__), ("host", platform.node()[:256]), *address)
        self._settings = settings = Settings(options.rollup_interval, info=info)
        metrics = WriterMetrics(own, settings, "fog_aggregator_rollup")
        self._replica = Replica(source.totals, settings, metrics, new_epoch, source.origin)
        self._bus = bus
        self._may_publish = source.may_publish
        self._loops = loops
        self._sender: Sender | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Do nothing yet: `tick` begins once the totals may go up."""

    def tick(self) -> None:
        """Begin to publish, if the totals may go up from now on; or anew, after an order that takes counts out of them.

        The epoch before is left as it is: what it says is not joined any more (R13.20).
        """
        publication = self._replica.begin(may_publish=self._may_publish(), now=time.monotonic())
        if publication is not None:
            subject = self._subjects.rollups(self._path)
            is_first = self._sender is None
            self._sender = Sender(publication, self._bus, subject, phase=phase_of(self._path))
            if self._task is not None:
                self._task.cancel()
            self._task = self._loops.spawn(self._publish(self._sender, is_first=is_first))

    async def stop(self, deadline: float) -> None:
        """End with a final, if anything was said and `deadline` seconds are enough."""
        if self._sender is not None and deadline and not await self._sender.finish(deadline):
            LOGGER.warning("the final rollup of %s was not acknowledged in time", format_path(self._path))
        await cancel(self._task)

    async def _publish(self, sender: Sender, *, is_first: bool) -> None:
        if is_first:
            await self._bus.listen(self._subjects.asks(self._path), self._requested)
        LOGGER.info("publishing the rollup of %s every %g s", format_path(self._path), self._settings.interval)
        await sender.run()

    def _requested(self, subject: str, data: bytes) -> None:
        """Pass a request on to whoever publishes now."""
        if self._sender is not None:
            self._sender.requested(subject, data)
