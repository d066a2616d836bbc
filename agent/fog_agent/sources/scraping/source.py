"""A scraped target: a thread reads its pages, the collector asks for the last one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.outside import OutsideTotals
from fog_agent.sources.ports import Context
from fog_agent.sources.rounds import Rounds
from fog_agent.sources.scraping.families import Families
from fog_agent.sources.scraping.fetch import Fetch, FetchError
from fog_agent.sources.scraping.page import PageReader
from fog_agent.sources.scraping.settings import Settings
from utilityfog_frontend.telemetry.model import FamilySnapshot

REASONS: Final = ("line", "value", "buckets", "duplicate", "series", "body", "page")
PATIENCE: Final = 1.0
"""Seconds beyond its timeout after which a reading hangs: the timeout ends a connection, but no look-up of a name."""
GAUGES_LAST: Final = 3
"""Intervals without a page after which a target's gauges end; counts stay."""


class Target:
    """One target. `start` and `stop` once each, from one thread; `collect` from any.

    Args:
        settings: Of the target.
        fetch: Returns a page; raises FetchError.
        metrics: Of all sources.
        outside: Gets its families.
        clock: Unix seconds.
    """

    def __init__(
        self,
        settings: Settings,
        fetch: Fetch,
        metrics: SourceMetrics,
        outside: OutsideTotals,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._fetch = fetch
        self._metrics = metrics
        self._outside = outside
        self._clock = clock
        self._reader = PageReader(Families(settings.labels, honor=settings.honor_labels), settings.most_series)
        self._families: Sequence[FamilySnapshot] = ()
        self._read_at = time.monotonic()
        self._rounds = Rounds(f"fog-scrape-{self.name}", settings.interval, self.scrape, self._failed)
        metrics.expect(self.name, *REASONS)

    def start(self) -> None:
        """Begin to read; wait a little for the first page, so that the first frame has it."""
        self._outside.add(self.name, self.collect)
        self._rounds.start(self._outside.patience())

    def stop(self) -> None:
        """End. All that was read is in the collector."""
        self._rounds.order_stop()
        self._fetch.abort()
        self._rounds.stop()

    def look(self) -> None:
        """Read one page."""
        self._outside.add(self.name, self.collect)
        self.scrape()

    def collect(self) -> Sequence[FamilySnapshot]:
        """Return what was read last; of a target that is away for long, only counts."""
        if self._rounds.under_way() > self._settings.timeout + PATIENCE:
            self._metrics.down(
                self.name, f"has hung for more than {self._settings.timeout:g} s: a look-up of its name?"
            )
        if time.monotonic() - self._read_at <= GAUGES_LAST * self._settings.interval:
            return self._families
        return [one for one in self._families if one.family.type.incremental]

    def scrape(self) -> None:
        """Read one page."""
        begun, asked = time.monotonic(), self._clock()
        try:
            body = self._fetch()
            page = self._reader.read(body, self._clock(), asked)
        except FetchError as error:
            if error.reason != "target":
                self._metrics.refuse(self.name, error.reason)
            self._metrics.down(self.name, str(error))
            return
        except ValueError as error:
            self._metrics.refuse(self.name, "page")
            self._metrics.down(self.name, str(error))
            return
        for reason, count in page.refused.items():
            self._metrics.refuse(self.name, reason, page.texts[reason], count)
        self._families = page.families
        self._read_at = time.monotonic()
        self._metrics.read(self.name, self._read_at - begun)
        self._metrics.up(self.name, up=True)

    def _failed(self, error: Exception) -> None:
        self._metrics.down(self.name, f"cannot be read: {error!r}")


def scraped(settings: Settings, context: Context) -> Target:
    """Make the source of a target."""
    return Target(settings, Fetch(settings), context.metrics, OutsideTotals.of(context.collector))
