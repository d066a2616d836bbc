"""Hold the series that rules make: recorded ones, `ALERTS` and `ALERTS_FOR_STATE`. Bounded, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from fog_aggregator.promql.labels import NAME, Labels, Matcher, MatchKind, label, select_labels
from fog_aggregator.promql.storage import Floats, Ints, Part, Selection
from fog_aggregator.rules.ports import Sample

MAX_SERIES: Final = 100_000
RETENTION: Final = 6 * 3_600_000
"""As long as the history is kept by default."""

_FIRST: Final = 16
"""Samples for which a new series has room."""


class _Series:
    """The samples of one series, in two arrays that grow by doubling; old ones are cut off when it is full."""

    __slots__ = ("_times", "_values", "begin", "end")

    def __init__(self) -> None:
        self._times = np.empty(_FIRST, np.int64)
        self._values = np.empty(_FIRST, np.float64)
        self.begin = self.end = 0

    def append(self, time: int, value: float) -> bool:
        """Add a sample; one that is not newer than the last is left out."""
        if self.end > self.begin and time <= self._times[self.end - 1]:
            return False
        if self.end == self._times.size:
            self._make_room()
        self._times[self.end], self._values[self.end] = time, value
        self.end += 1
        return True

    def _make_room(self) -> None:
        """Copy: a reader may still look at the arrays of before."""
        used = self.end - self.begin
        size = max(_FIRST, 2 * used)
        times, values = np.empty(size, np.int64), np.empty(size, np.float64)
        times[:used], values[:used] = self._times[self.begin : self.end], self._values[self.begin : self.end]
        self._times, self._values, self.begin, self.end = times, values, 0, used

    def forget(self, before: int) -> None:
        """Cut off what is older."""
        self.begin += int(self._times[self.begin : self.end].searchsorted(before))

    @property
    def oldest(self) -> int:
        """The time of the first sample."""
        return int(self._times[self.begin])

    @property
    def newest(self) -> int:
        """The time of the last sample."""
        return int(self._times[self.end - 1])

    def between(self, start: int, end: int) -> tuple[Ints, Floats]:
        """Return the samples between two times, both included, as views."""
        times = self._times[self.begin : self.end]
        low, high = times.searchsorted([start, end + 1]) + self.begin
        return self._times[low:high], self._values[low:high]


class SampleStore:
    """A storage of samples that are written one evaluation after the other. Not thread-safe.

    Args:
        max_series: The most series that are held; newcomers beyond it are refused, and counted.
        retention: How long samples are kept, in milliseconds.

    Attributes:
        refused: Samples of series that were one too many.
        began: The time of the first sample that was ever written; None before.
    """

    def __init__(self, max_series: int = MAX_SERIES, retention: int = RETENTION) -> None:
        self.refused = 0
        self.began: int | None = None
        self._max_series = max_series
        self._retention = retention
        self._series: dict[str, dict[Labels, _Series]] = {}
        self._swept = 0

    def __len__(self) -> int:
        return sum(map(len, self._series.values()))

    @property
    def oldest(self) -> int | None:
        """The time of the oldest sample; None without any."""
        return min((one.oldest for pool in self._series.values() for one in pool.values()), default=None)

    @property
    def newest(self) -> int | None:
        """The time of the newest sample; None without any."""
        return max((one.newest for pool in self._series.values() for one in pool.values()), default=None)

    def names(self) -> frozenset[str]:
        """Return the names of all series."""
        return frozenset(self._series)

    def write(self, samples: Sequence[Sample]) -> str:
        """Store samples; return what could not be stored, in words, or nothing."""
        room, refused = self._max_series - len(self), 0
        for labels, time, value in samples:
            of_name = self._series.setdefault(label(labels, NAME), {})
            series = of_name.get(labels)
            if series is None:
                if room <= 0:
                    refused += 1
                    continue
                room -= 1
                series = of_name[labels] = _Series()
            series.append(time, value)
            if self.began is None:
                self.began = time
            self._sweep(time)
        self.refused += refused
        if refused:
            return f"{refused} series are too many: rules may make {self._max_series} series in all"
        return ""

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find the series that fulfil every matcher, with their samples from `start` to `end`, both included."""
        found = [(labels, *series.between(start, end)) for labels, series in self._matching(matchers)]
        found = [one for one in found if one[1].size]
        if not found:
            return Selection(())
        offsets = np.cumsum([0, *(times.size for _, times, _ in found)]).astype(np.int64)
        return Selection(
            [
                Part(
                    [labels for labels, _, _ in found],
                    np.concatenate([times for _, times, _ in found]),
                    np.concatenate([values for _, _, values in found]),
                    offsets,
                )
            ]
        )

    def _matching(self, matchers: Sequence[Matcher]) -> Iterator[tuple[Labels, _Series]]:
        named = next((one for one in matchers if one.name == NAME and one.kind is MatchKind.EQUAL), None)
        pools = self._series.values() if named is None else [self._series.get(named.value, {})]
        for pool in pools:
            every = list(pool)
            for position in select_labels(every, [one for one in matchers if one is not named]):
                yield every[position], pool[every[position]]

    def _sweep(self, now: int) -> None:
        """Forget old samples and the series that have no others, a few times in the retention."""
        if now - self._swept < self._retention // 8:
            return
        self._swept, before = now, now - self._retention
        for name, pool in list(self._series.items()):
            for labels, series in list(pool.items()):
                series.forget(before)
                if series.begin == series.end:
                    del pool[labels]
            if not pool:
                del self._series[name]
