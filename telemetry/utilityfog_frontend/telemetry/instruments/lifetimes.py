"""Which series live and which have ended: what a writer to the bus needs to know, and an exporter does not."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from utilityfog_frontend.telemetry.model import Family, Labels, Value, add_values

from .series import Series

ENDED_LIMIT = 10_000
OVERFLOW = "~overflow"
"""Every label value of the series that counts for those refused."""


UNSETTLED_LIMIT = 1_000


class Journal(Protocol):
    """Keeps counts where a kill -9 does not reach them."""

    def end(self, series: object) -> None:
        """Note that a series was removed or reset."""


class EndedSeries(Series):
    """Several series of the same family and labels that ended unseen: their counts together.

    An increment may be under way when its series ends, and still finds its way there: so each is read late.
    """

    __slots__ = ("_unsettled", "_value")

    def __init__(self, like: Series, labels: Labels) -> None:
        super().__init__(like.family, labels, like.created, like.gate)
        self.ended = True
        self._value = like.family.zero
        self._unsettled = deque([like])

    def add(self, series: Series) -> None:
        """Count what `series` has counted."""
        self._unsettled.append(series)

    def settle(self) -> None:
        """Read the oldest for the last time, and forget it."""
        if len(self._unsettled) > 1:
            self._value = add_values(self._value, self._unsettled.popleft().read())

    def read(self) -> Value:
        """Return the sum of what they counted."""
        total = self._value
        for series in self._unsettled:
            total = add_values(total, series.read())
        return total

    def current(self) -> Value:
        """As `read`: an ended series is shown by nobody."""
        return self.read()

    def restart(self, now: float) -> None:
        """Nothing: it has ended."""

    def activity(self) -> object:
        """None: it has ended."""
        return None


class Backlog:
    """Series that ended while nobody watched, merged by family and labels, and beyond the limit into `~overflow`.

    Gauges are not kept: a gauge that nobody saw has nothing to say once it is gone.
    """

    def __init__(self) -> None:
        self._ended: dict[tuple[Family, Labels], Series] = {}
        self._unsettled: deque[EndedSeries] = deque()
        self._journaled: list[Series] = []

    @property
    def is_full(self) -> bool:
        """Whether no more series of a journal may end: merged, they would be counted there twice or not at all."""
        return len(self._journaled) >= ENDED_LIMIT

    def add(self, series: Series) -> None:
        """Keep what `series` counted."""
        if not series.family.type.incremental:
            return
        if series.journaled:
            self._journaled.append(series)
            return
        labels = series.labels
        if (series.family, labels) not in self._ended and len(self._ended) >= ENDED_LIMIT:
            labels = tuple((name, OVERFLOW) for name, _ in labels)
        retained = self._ended.get((series.family, labels))
        if retained is None and labels == series.labels:
            self._ended[series.family, labels] = series
        elif isinstance(retained, EndedSeries):
            retained.add(series)
            self._settle_later(retained)
        else:
            both = self._ended[series.family, labels] = EndedSeries(retained or series, labels)
            if retained is not None:
                both.add(series)
                self._settle_later(both)

    def _settle_later(self, ended: EndedSeries) -> None:
        self._unsettled.append(ended)
        if len(self._unsettled) > UNSETTLED_LIMIT:
            self._unsettled.popleft().settle()

    def __bool__(self) -> bool:
        return bool(self._ended or self._journaled)

    def take(self) -> list[Series]:
        """All of it, once."""
        ended, self._ended = self._ended, {}
        journaled, self._journaled = self._journaled, []
        self._unsettled.clear()
        return [*ended.values(), *journaled]


class SeriesLifetimes:
    """Knows when series start and end. Its lock is the one for structure: held to register, to add or to end a series.

    `live` lists all live series; it is called under the lock, when the answer has changed.
    """

    def __init__(
        self,
        live: Callable[[], Iterable[Series]] = tuple,
        refresh: Callable[[], None] = lambda: None,
        journal: Journal | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self._live = live
        self._refresh = refresh
        self._journal = journal
        self._cached: tuple[Series, ...] | None = ()
        self._watches: list[SeriesWatch] = []
        self._backlog = Backlog()

    @property
    def refusing(self) -> bool:
        """Whether new children go to the overflow child, because too many ended ones wait already."""
        return any(watch.refuses for watch in self._watches) or self._backlog.is_full

    @property
    def has_backlog(self) -> bool:
        """Whether counts have ended while there was no watch."""
        return bool(self._backlog)

    def started(self) -> None:
        """Note a series that was added. The caller holds the lock."""
        self._cached = None

    def ended(self, series: Series) -> None:
        """Note a series that was removed. The caller holds the lock."""
        series.ended = True
        if self._journal is not None:
            self._journal.end(series)
        self._cached = None
        for watch in self._watches:
            watch.note_ended(series)
        if not self._watches:
            self._backlog.add(series)

    def series(self) -> tuple[Series, ...]:
        """All live series: the same tuple while none was added or removed."""
        with self.lock:
            if self._cached is None:
                self._cached = tuple(self._live())
            return self._cached

    def watch(self, refresh: Callable[[], None] = lambda: None) -> "SeriesWatch":
        """Begin a watch, which first gets what ended while there was none. It calls `refresh` before it looks."""
        with self.lock:
            watch = SeriesWatch(self, refresh, [] if self._watches else self._backlog.take())
            self._watches.append(watch)
            return watch

    def unwatch(self, watch: "SeriesWatch", untaken: list[Series]) -> None:
        """Forget a watch, and keep what it has not taken for the next one. The caller holds the lock."""
        if watch in self._watches:
            self._watches.remove(watch)
            if not self._watches:
                for series in untaken:
                    self._backlog.add(series)

    def renew(self) -> None:
        """In a forked child: the lock anew; the parent's watches and its ended series are the parent's."""
        self.lock = threading.RLock()
        watches, self._watches = self._watches, []
        for watch in watches:
            watch.abandon()
        self._backlog = Backlog()
        self._cached = None


class SeriesWatch:
    """How a writer to the bus follows a collector. Safe from any thread.

    Attributes:
        refuse_newcomers: while true, new children of any labelled family go to its overflow child, and a reset keeps
            the series (the node's own value starts from zero, `read()` goes on): nothing new ends.
        closed: after `close()`, and in a forked child.
    """

    def __init__(self, lifetimes: SeriesLifetimes, refresh: Callable[[], None], ended: list[Series]) -> None:
        self.refuse_newcomers = False
        self.closed = False
        self._lifetimes = lifetimes
        self._refresh = refresh
        self._ended = ended

    @property
    def refuses(self) -> bool:
        """As `refuse_newcomers`, and also while too many ended series wait to be taken."""
        return self.refuse_newcomers or len(self._ended) >= ENDED_LIMIT

    def series(self) -> tuple[Series, ...]:
        """All live series in the order of their registration: the same tuple while none was added or removed."""
        if self.closed:
            return ()
        self._refresh()
        return self._lifetimes.series()

    def take_ended(self) -> list[Series]:
        """Return the series that ended since the last call, still readable.

        The first call of the first watch gives all that ended since the collector was made, as does the first call of
        a watch that follows on a closed one for the time between: merged by family and labels, at most 10,000.
        """
        with self._lifetimes.lock:
            ended, self._ended = self._ended, []
            return ended

    def note_ended(self, series: Series) -> None:
        """For the lifetimes, which holds its lock."""
        self._ended.append(series)

    def abandon(self) -> None:
        """For the lifetimes: closed, and nothing to tell."""
        self.closed = True
        self._ended = []

    def close(self) -> None:
        """End the watch."""
        with self._lifetimes.lock:
            if not self.closed:
                self._lifetimes.unwatch(self, self._ended)
                self.abandon()
