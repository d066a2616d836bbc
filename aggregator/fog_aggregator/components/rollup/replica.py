"""Publish a subtree's totals as one replica among several: what is published, in which epoch, and from when. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fog_agent.core.publication import Metrics, Publication
from fog_agent.core.writer import Settings
from fog_aggregator.components.rollup.watch import RollupWatch
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.core.places.origin import Origin
from fog_aggregator.query.totals import Totals


class Replica:
    """One run of a subtree's aggregator, as its parent's agent.

    Its epoch begins when the totals may go up, and ends with the run: each run is an epoch of its own (R13.1), and may
    have sent more than what the next one goes on from. An order that takes counts out of the totals begins another one,
    as counts never fall in an epoch (R13.20).

    Args:
        totals: Gives the totals as they are now.
        settings: Of its writer.
        metrics: Takes what the publication tells of itself.
        draw_epoch: Gives a new epoch's id.
        origin: Tells which state the totals come from now.

    Attributes:
        publication: The frames to be sent, from when the totals may go up; None before.
    """

    def __init__(
        self,
        totals: Callable[[], Totals],
        settings: Settings,
        metrics: Metrics,
        draw_epoch: Callable[[], int],
        origin: Callable[[], Origin] = Origin,
    ) -> None:
        self.publication: Publication | None = None
        self._totals = totals
        self._settings = settings
        self._metrics = metrics
        self._draw_epoch = draw_epoch
        self._origin = origin
        self._revision = -1

    def begin(self, *, may_publish: bool, now: float) -> Publication | None:
        """Begin to publish at `now` (monotonic seconds) if the totals may go up; return what is published, once.

        After an order about the totals it is another publication, in place of the one before.
        """
        if not may_publish:
            return None
        origin = self._origin()
        if self.publication is not None and origin.revision == self._revision:
            return None
        self._revision = origin.revision
        quarantined = self._totals().coverage.nodes[Life.QUARANTINED]
        info = (*self._settings.info, *origin._replace(quarantined=quarantined).as_info())
        watch = RollupWatch(self._totals)
        self.publication = Publication(
            (watch,),
            self._metrics,
            replace(self._settings, info=info),
            now,
            self._draw_epoch,
            coverage=lambda: watch.coverage,
        )
        return self.publication
