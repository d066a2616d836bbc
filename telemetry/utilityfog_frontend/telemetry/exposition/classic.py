"""Show exponential histograms as histograms with fixed bounds, powers of two, for formats that have no others."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import overload

from utilityfog_frontend.telemetry.exponential.ladder import Ladder, ladder_of
from utilityfog_frontend.telemetry.kinds import exponential_of
from utilityfog_frontend.telemetry.model import Exemplar, FamilySnapshot, HistogramValue, MetricType, SeriesSnapshot


def as_classic(snapshot: FamilySnapshot) -> FamilySnapshot:
    """Return a family of exponential histograms as histograms with the same bounds for all of its series.

    The bounds are the powers of two around all observations, and each count is exact. There are more of them as soon as
    something is observed farther out, and none of them goes. Any other family is returned as it is.
    """
    family = snapshot.family
    if not family.type.is_exponential:
        return snapshot
    ladder = ladder_of(exponential_of(one.value, family.name) for one in snapshot.series)
    shown = replace(family, type=MetricType.HISTOGRAM, bounds=ladder.bounds, exponential=None)
    return FamilySnapshot(shown, _ClassicSeries(family.name, snapshot.series, ladder))


class _ClassicSeries(Sequence[SeriesSnapshot]):
    """The series of one family, made anew each time they are read, as there may be many."""

    def __init__(self, name: str, series: Sequence[SeriesSnapshot], ladder: Ladder) -> None:
        self._name = name
        self._series = series
        self._ladder = ladder

    def __len__(self) -> int:
        return len(self._series)

    def __iter__(self) -> Iterator[SeriesSnapshot]:
        return map(self._classic, self._series)

    @overload
    def __getitem__(self, index: int) -> SeriesSnapshot: ...
    @overload
    def __getitem__(self, index: slice) -> list[SeriesSnapshot]: ...
    def __getitem__(self, index: int | slice) -> SeriesSnapshot | list[SeriesSnapshot]:
        return list(self)[index]

    def _classic(self, one: SeriesSnapshot) -> SeriesSnapshot:
        value = exponential_of(one.value, self._name)
        counts = HistogramValue(self._ladder.place(value), value.sum)
        return SeriesSnapshot(one.labels, counts, one.created, self._exemplars(one.exemplars), one.rendered)

    def _exemplars(self, exemplars: Mapping[int, Exemplar] | None) -> Mapping[int, Exemplar] | None:
        if not exemplars:
            return None
        return {bisect_left(self._ladder.bounds, one.value): one for one in exemplars.values()}
