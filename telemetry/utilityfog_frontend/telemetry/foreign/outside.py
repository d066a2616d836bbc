"""Totals that live outside of the process: a scraped endpoint, a counter of the kernel, a file.

A total that dies with its process is told in full. One that lives on would be counted in full by each life of the
program, so that its first reading is a baseline: it is not counted, the series counts what comes after it. A program
that remembers the last reading goes on from there (`resume`), and what came while it was away is counted once.

    outside           1000  1001 | 1002  1003      two lives of a program
    told as it is     1000  1001 | 1002  1003      its fleet has 2004
    remembered           0     1 |    1     2      its fleet has 3, which is what came since the first reading
"""

from collections.abc import Callable
from itertools import count
from typing import Any, Final

from utilityfog_frontend.telemetry.instruments.family import Scope
from utilityfog_frontend.telemetry.kinds import risen
from utilityfog_frontend.telemetry.model import Family, Labels, SeriesSnapshot, Value, add_values, subtract_values
from utilityfog_frontend.telemetry.support import arguments
from utilityfog_frontend.telemetry.support.numeric import WHOLE_LIMIT

from .family import ForeignState, Reported
from .readings import FamilyReadings, LastReadings, Mark, Reading
from .series import NUMBERS, ForeignSeries

MAX_VANISHED: Final = 1_000
"""Series of one family that are remembered after they vanished, the oldest forgotten first. A forgotten one that comes
back has a new baseline."""

MOST_PLACES: Final = 9
"""Decimal places: nanoseconds."""

FamilyKey = tuple[str, tuple[float, ...]]


class Outside:
    """One source's totals that live outside.

    Args:
        incarnation: names the run of whatever counts: the boot of a machine, a start of a process. When it changes, all
            totals began anew. Asked before each reading, on the same thread; None when nobody knows.
        readings: what the collector's program remembers of an earlier life.
        places: how many decimal places the totals have; None when nobody knows.

    Attributes:
        now: the present incarnation.
        read_at: unix seconds of the last reading of any family in this life; 0 before the first.
    """

    def __init__(
        self, incarnation: Callable[[], str] | None, readings: LastReadings, places: int | None = None
    ) -> None:
        self.now = ""
        self.read_at = 0.0
        self.readings = readings
        self.places = places
        self._incarnation = incarnation

    def ask(self) -> str:
        """Ask which incarnation it is. Raises what the function raises."""
        return "" if self._incarnation is None else str(self._incarnation())


def outside_of(
    since: str, incarnation: Callable[[], str] | None, readings: LastReadings, places: int | None = None
) -> Outside | None:
    """Return what is true of a source's totals that live outside, None of those that live in the process.

    Raises:
        ValueError: `since` is neither, or totals that die with the process have an incarnation or decimal places, or
            there are no such places.
        TypeError: `since` is no string.
    """
    if arguments.text("since", since) not in {"process", "outside"}:
        raise ValueError(f"since={since!r}: the totals of a source live in the 'process' or 'outside'")
    if since == "process" and incarnation is not None:
        raise ValueError("incarnation is for totals that live outside of the process: give since='outside'")
    if places is not None and not (since == "outside" and type(places) is int and 0 <= places <= MOST_PLACES):
        raise ValueError(f"places={places!r}: totals with since='outside' have 0 to {MOST_PLACES} decimal places")
    return Outside(incarnation, readings, places) if since == "outside" else None


class OutsideSeries(ForeignSeries):
    """A count whose total lives outside.

    Attributes:
        created: unix seconds of the beginning of the count, which is later than the total's.
        first: its first reading, as long as that is the baseline and nothing was told.
        incarnation: which it was when it was told last.
        teller: the part of the source that tells it.
    """

    __slots__ = ("_order", "_peeked", "_state", "_total_created", "first", "incarnation", "teller")

    def __init__(self, state: "OutsideState", reported: SeriesSnapshot, since: Value | None, order: int) -> None:
        super().__init__(state.family, reported, 0.0, since)
        self.created = state.now  # of the count here, which began later than the total
        self.incarnation = state.outside.now
        self.teller = state.teller
        self.first: Reading | None = None
        self._total_created = reported.created
        self._state = state
        self._order = order
        self._peeked = self._reading

    @property
    def last(self) -> Reading:
        """Its last reading."""
        return Reading(self.reported, self._total_created, self.incarnation)

    def advance(self, reported: SeriesSnapshot) -> bool:
        """Take a number that goes on from the last one, for less than `tell`; tell whether it was taken."""
        reading: Any = self._reading
        last, since, carried = reading
        value: Any = reported.value
        goes_on = (
            type(value) is type(last)
            and type(value) in NUMBERS
            and last <= value < WHOLE_LIMIT
            and reported.created == self._total_created
            and self.incarnation == self._state.outside.now
        )
        if goes_on:
            self._reading = (value, since, carried)
        return goes_on

    def tell(self, reported: SeriesSnapshot) -> None:
        """Take a new value."""
        last, since, carried = self._reading
        value = reported.value
        if self.teller is not self._state.teller:  # and no new series may begin: another total's value is a baseline
            self.teller, since, carried = self._state.teller, value, self.count(self._reading)
        elif self._state.began_anew(self, reported):
            since, carried = None, self.count(self._reading)
        else:
            value = risen(last, value)
        self._reading = (value, since, carried)
        self._total_created = reported.created
        self.incarnation = self._state.outside.now

    def read(self) -> Value:
        """Return the count since this series began. For the writer: `marks` are about the last call."""
        self._peeked = reading = self._reading
        return self.count(reading)

    def count(self, reading: tuple[Value, Value | None, Value | None]) -> Value:
        """Return the count, without digits that its total does not have: 77.1 - 71.9 is 5.2, not 5.199999999999989."""
        counted, places = super().count(reading), self._state.outside.places
        return counted if places is None or type(counted) is not float else round(counted, places)

    def current(self) -> Value:
        """As `read`, since `restart`, and for anybody."""
        counted = self.count(self._reading)
        return counted if self._base is None else subtract_values(counted, self._base)

    def marks(self) -> tuple[Mark]:
        """Tell on which reading the value stands that `read` returned last."""
        self.first = None
        return (Mark(self.family, self.labels, self._order, self.marked, self._state.read_at),)

    @property
    def marked(self) -> Reading:
        """The reading on which the value stands that `read` returned last."""
        return Reading(self._peeked[0], self._total_created, self.incarnation)

    def resume(self, saved: Reading, read_at: float) -> None:
        """Count from the reading that another life took last, before this one's first or after its last."""
        mine = self.first or self.marked
        if self.first is not None:
            began_anew = self.first.began_anew(saved, read_at)
        else:
            began_anew = saved.began_anew(mine, read_at)
        if began_anew:
            missed = mine.value if self.first is not None else self.family.zero
        else:
            missed = subtract_values(risen(saved.value, mine.value), saved.value)
        value, since, carried = self._reading
        self._reading = (value, since, missed if carried is None else add_values(carried, missed))
        self.first = None


class OutsideState(ForeignState):
    """The series of one family whose totals live outside.

    Attributes:
        outside: what is true of the whole source.
        read_at: unix seconds of the last reading, of the earlier life before the first one.
        now: unix seconds of the reading that is being taken.
    """

    def __init__(self, family: Family, scope: Scope, outside: Outside) -> None:
        super().__init__(family, scope)
        self.outside = outside
        self.now = 0.0
        saved = outside.readings.get((family.name, family.bounds))
        self._remembered: dict[Labels, Reading] = dict(saved.series) if saved else {}
        self.read_at = saved.read_at if saved else 0.0
        self._vanished: dict[Labels, OutsideSeries] = {}
        self._orders = count(1)

    def update(self, reported: Reported) -> None:
        """Take what the source says now; series that vanish are remembered."""
        self.now = self._scope.clock()
        super().update(reported)
        if self.family.type.incremental:
            self.read_at = self.outside.read_at = self.now

    def began_anew(self, series: ForeignSeries, reported: SeriesSnapshot) -> bool:
        """Tell whether a series' total began anew since it was read last."""
        if not isinstance(series, OutsideSeries):
            return False
        if series.teller is not self.teller:
            return True
        return self._reading_of(reported).began_anew(series.last, self.read_at)

    def resume(self, saved: FamilyReadings) -> list[Labels]:
        """Go on from the readings of an earlier life, also where the first readings of this one are taken already.

        Return the labels that this life has seen vanish: they are to be forgotten.
        """
        for labels, reading in saved.series.items():
            series = self._live.get(labels)
            if series is None:
                self._remembered[labels] = reading
            elif isinstance(series, OutsideSeries):
                series.resume(reading, saved.read_at)
        return [labels for labels in self._vanished if self._remembered.pop(labels, None) is not None]

    def renew(self) -> None:
        """In a forked child: nothing is read here, as the parent goes on reading the same totals."""
        self.forget()
        self._vanished.clear()

    def _new_series(self, reported: SeriesSnapshot, old: ForeignSeries | None) -> ForeignSeries:
        if not self.family.type.incremental:
            return super()._new_series(reported, old)
        known = self._last_of(reported.labels, old)
        now = self._reading_of(reported)
        if known is not None:
            since = None if now.began_anew(known, self.read_at) else known.value
        else:
            # Never seen: counted in full only when it is known to have begun after the last reading of the others.
            unseen, read_at = Reading(reported.value), self.read_at or self.outside.read_at
            since = None if read_at and now.began_anew(unseen, read_at) else reported.value
        series = OutsideSeries(self, reported, since, next(self._orders))
        if known is None and since is not None:
            series.first = now
        return series

    def _last_of(self, labels: Labels, old: ForeignSeries | None) -> Reading | None:
        """Return the last reading of a series; None also when another part of the source has told it."""
        series = old or self._vanished.pop(labels, None)
        remembered = self._remembered.pop(labels, None)
        if not isinstance(series, OutsideSeries):
            return remembered
        return series.last if series.teller is self.teller else None

    def _reading_of(self, reported: SeriesSnapshot) -> Reading:
        return Reading(reported.value, reported.created, self.outside.now)

    def _vanish(self, series: ForeignSeries) -> None:
        if isinstance(series, OutsideSeries):
            self._vanished[series.labels] = series
        if len(self._vanished) > MAX_VANISHED:
            del self._vanished[next(iter(self._vanished))]
