"""An aggregator as its parent's agent: its subtree's totals, by the same writer, outbox and sender as a node's."""

from __future__ import annotations

import contextlib
import logging
import platform
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from operator import le
from typing import Final

from fog_agent.core.epoch_series import SeriesValue
from fog_agent.core.publication import Publication
from fog_agent.core.schedule import phase_of
from fog_agent.core.selfmetrics import WriterMetrics
from fog_agent.core.writer import Settings
from fog_agent.edge.options import AgentOptions
from fog_agent.edge.sender import Sender
from fog_aggregator.core.lifecycle import Coverage
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.query.family_variants import described
from fog_aggregator.query.totals import Totals
from fog_aggregator.tasks import running
from fog_bus.ports import Bus
from fog_schema import __version__
from fog_schema.frames import CoverageNumbers
from fog_schema.paths import Path, format_path
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import Family, HistogramValue

LOGGER: Final = logging.getLogger("fog_aggregator")


class RollupSeries:
    """One series of a subtree, for its writer.

    Attributes:
        entry: the catalog's, which is another one when the series was forgotten and came back.
        value: the subtree's total when it was last looked at.
    """

    __slots__ = ("entry", "family", "value")

    gate = None

    def __init__(self, entry: SeriesEntry, family: Family, value: SeriesValue) -> None:
        self.entry = entry
        self.family = family
        self.value = value

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """Sorted by name."""
        return self.entry.labels

    def read(self) -> SeriesValue:
        """The total."""
        return self.value

    def peek(self) -> SeriesValue:
        """As `read`."""
        return self.value


class RollupWatch:
    """Follows a subtree's totals, as a collector's watch follows its series. Looks when it is asked for them.

    Args:
        totals: gives the totals as they are now.

    Attributes:
        coverage: what the totals stood on when they were last looked at.
        refuse_newcomers: while true, series that come wait.
    """

    def __init__(self, totals: Callable[[], Totals]) -> None:
        self.refuse_newcomers = False
        self.coverage = CoverageNumbers(0, 0, 0, 0)
        self._totals = totals
        self._live: dict[int, RollupSeries] = {}
        self._series: tuple[RollupSeries, ...] = ()
        self._ended: list[RollupSeries] = []
        self._families: dict[tuple[int, tuple[float, ...]], Family] = {}

    def series(self) -> tuple[RollupSeries, ...]:
        """Every series that has a total now: the same tuple while none came or went."""
        totals = self._totals()
        self.coverage = coverage_numbers(totals.coverage)
        live, entries, known = self._live, totals.entries, 0
        fresh: list[tuple[int, SeriesValue]] = []
        for number, value in totals.values.items():
            one = live.get(number)
            if one is None or one.entry is not entries[number]:
                fresh.append((number, value))
                continue
            known += 1
            if value != one.value:
                one.value = _later(one.value, value)
        if known < len(live):
            self._end(totals)
        if fresh and not self.refuse_newcomers:
            for number, value in fresh:
                live[number] = RollupSeries(entries[number], self._family(totals, entries[number]), value)
            self._series = tuple(live.values())
        return self._series

    def take_ended(self) -> list[RollupSeries]:
        """Those that were gone when last looked at, since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def _end(self, totals: Totals) -> None:
        """Let go of series that have no total any more, or whose number is another's."""
        gone = [n for n, one in self._live.items() if n not in totals.values or one.entry is not totals.entries[n]]
        self._ended += [self._live.pop(number) for number in gone]
        self._series = tuple(self._live.values())

    def _family(self, totals: Totals, entry: SeriesEntry) -> Family:
        family = self._families.get((entry.family, entry.bounds))
        if family is None:
            family = described(totals.families[entry.family], entry.bounds)
            self._families[entry.family, entry.bounds] = family
        return family


class RollupPublication:
    """Publishes a subtree's totals on its rollup subject, from when the aggregator is ready until it stops.

    Args:
        path: the subtree's.
        interval: seconds between frames; the moment is spread by a hash of the path.
        subjects: the subject to publish on, and those to be asked on.
        totals: gives the totals as they are now.
        own: where it registers what it tells of itself (``fog_aggregator_rollup_*``).
    """

    def __init__(
        self,
        path: Path,
        interval: float,
        subjects: Subjects,
        totals: Callable[[], Totals],
        own: TelemetryCollector,
    ) -> None:
        self._path = path
        self._subjects = subjects
        self._watch = RollupWatch(totals)
        self._settings = Settings(interval, info=(("version", __version__), ("host", platform.node()[:256])))
        self._metrics = WriterMetrics(own, self._settings, "fog_aggregator_rollup")
        self._sender: Sender | None = None

    @contextlib.asynccontextmanager
    async def going_on(self, bus: Bus, ready: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
        """Publish over `bus` while the body runs, once `ready` returns; end with a final, if anything was said.

        Each time is an epoch of its own, a replica of the same truth.
        """
        async with running(self._publish(bus, ready)):
            yield
            if self._sender is not None and not await self._sender.finish(AgentOptions.deadline):
                LOGGER.warning("the final rollup of %s was not acknowledged in time", format_path(self._path))

    async def _publish(self, bus: Bus, ready: Callable[[], Awaitable[object]]) -> None:
        await ready()
        publication = Publication(
            (self._watch,), self._metrics, self._settings, time.monotonic(), coverage=lambda: self._watch.coverage
        )
        subject = self._subjects.rollups(self._path)
        self._sender = Sender(publication, bus, subject, phase=phase_of(self._path))
        await bus.listen(self._subjects.listens(self._path), self._sender.requested)
        LOGGER.info("publishing the rollup of %s every %g s", format_path(self._path), self._settings.interval)
        await self._sender.run()


def coverage_numbers(coverage: Coverage) -> CoverageNumbers:
    """As it travels: seconds are milliseconds."""
    live, stale, departed = coverage.nodes
    return CoverageNumbers(live, stale, departed, round(coverage.oldest * 1000))


def _later(before: SeriesValue, now: SeriesValue) -> SeriesValue:
    """The later of two totals. A count is never said to have fallen, and one that had fractions is never whole."""
    if isinstance(before, HistogramValue) and isinstance(now, HistogramValue):
        return now if all(map(le, before.counts, now.counts)) else before  # of another replica one bucket may be less
    if isinstance(before, int | float) and isinstance(now, int | float):
        most = max(before, now)
        return float(most) if isinstance(before, float) else most
    return now
