"""Follow a subtree's totals as a collector's watch follows its series: for the same writer as a node's. Pure."""

from __future__ import annotations

from collections.abc import Callable

from fog_agent.core.epoch_series import SeriesValue
from fog_aggregator.core.kinds.later import later
from fog_aggregator.core.places.coverage import Coverage
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.query.family_variants import described
from fog_aggregator.query.totals import Totals
from fog_schema.frames import Absences, CoverageNumbers
from utilityfog_frontend.telemetry.model import Family


class RollupSeries:
    """One series of a subtree, for its writer.

    Attributes:
        entry: The catalog's entry; it is another one when the series was forgotten and came back.
        family: The family, in the SDK's words.
        value: The subtree's total when it was last looked at.
    """

    __slots__ = ("entry", "family", "value")

    gate = None

    def __init__(self, entry: SeriesEntry, family: Family, value: SeriesValue) -> None:
        self.entry = entry
        self.family = family
        self.value = value

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """Return the labels, sorted by name."""
        return self.entry.labels

    def read(self) -> SeriesValue:
        """Return the total."""
        return self.value

    def peek(self) -> SeriesValue:
        """Return the total, as `read` does."""
        return self.value


class RollupWatch:
    """A watch over a subtree's totals. It looks at them when it is asked for its series.

    Args:
        totals: Gives the totals as they are now.

    Attributes:
        coverage: The coverage of the totals when they were last looked at.
        refuse_newcomers: While true, new series wait.
    """

    def __init__(self, totals: Callable[[], Totals]) -> None:
        self.refuse_newcomers = False
        self.coverage = CoverageNumbers(0, 0, 0, 0), Absences()
        self._totals = totals
        self._live: dict[int, RollupSeries] = {}
        self._series: tuple[RollupSeries, ...] = ()
        self._ended: list[RollupSeries] = []
        self._families: dict[tuple[int, tuple[float, ...]], tuple[object, Family]] = {}

    def series(self) -> tuple[RollupSeries, ...]:
        """Return every series that has a total now: the same tuple while none came or went."""
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
                one.value = later(one.value, value)
        if known < len(live):
            self._end(totals)
        self._describe(totals)  # of a series that has gone, the number of its family may stand for another one
        if fresh and not self.refuse_newcomers:
            for number, value in fresh:
                live[number] = RollupSeries(entries[number], self._family(totals, entries[number]), value)
            self._series = tuple(live.values())
        return self._series

    def take_ended(self) -> list[RollupSeries]:
        """Return the series that have gone since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def _end(self, totals: Totals) -> None:
        """Let go of series that have no total any more, and of those whose number another series has now."""
        gone = [n for n, one in self._live.items() if n not in totals.values or one.entry is not totals.entries[n]]
        self._ended += [self._live.pop(number) for number in gone]
        self._series = tuple(self._live.values())

    def _describe(self, totals: Totals) -> None:
        """Describe families anew that most nodes describe in other words now; the next keyframe says so (R12.27)."""
        changed = {key for key, (known, _) in self._families.items() if totals.families[key[0]] is not known}
        if changed:
            self._families = {key: one for key, one in self._families.items() if key not in changed}
            for one in self._live.values():
                if (one.entry.family, one.entry.bounds) in changed:
                    one.family = self._family(totals, one.entry)

    def _family(self, totals: Totals, entry: SeriesEntry) -> Family:
        known = self._families.get((entry.family, entry.bounds))
        if known is None:
            family = totals.families[entry.family]
            known = self._families[entry.family, entry.bounds] = (family, described(family, entry.bounds))
        return known[1]


def coverage_numbers(coverage: Coverage) -> tuple[CoverageNumbers, Absences]:
    """Return the coverage as it travels: seconds are milliseconds, and whoever is not read is missing."""
    live, stale, departed, ended, missing, _, unread = coverage.nodes
    return CoverageNumbers(live, stale, departed, round(coverage.oldest * 1000)), Absences(ended, missing + unread)
