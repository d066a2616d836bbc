"""Publish a subtree's totals as one replica among several: what is published, in which epoch, and from when. Pure."""

from __future__ import annotations

from collections.abc import Callable

from fog_agent.core.publication import Metrics, Publication
from fog_agent.core.writer import Settings
from fog_aggregator.components.rollup.watch import RollupWatch
from fog_aggregator.query.totals import Totals


class Replica:
    """One run of a subtree's aggregator, as its parent's agent.

    Its epoch begins when the totals may go up, and ends with the run: each run is an epoch of its own (R13.1), and may
    have sent more than what the next one goes on from.

    Args:
        totals: Gives the totals as they are now.
        settings: Of its writer.
        metrics: Takes what the publication tells of itself.
        draw_epoch: Gives a new epoch's id.

    Attributes:
        publication: The frames to be sent, from when the totals may go up; None before.
    """

    def __init__(
        self, totals: Callable[[], Totals], settings: Settings, metrics: Metrics, draw_epoch: Callable[[], int]
    ) -> None:
        self.publication: Publication | None = None
        self._watch = RollupWatch(totals)
        self._settings = settings
        self._metrics = metrics
        self._draw_epoch = draw_epoch

    def begin(self, *, may_publish: bool, now: float) -> Publication | None:
        """Begin to publish at `now` (monotonic seconds) if the totals may go up; return what is published, once."""
        if self.publication is not None or not may_publish:
            return None
        watch = self._watch
        self.publication = Publication(
            (watch,), self._metrics, self._settings, now, self._draw_epoch, coverage=lambda: watch.coverage
        )
        return self.publication
