"""Hold the samples that come of a view's columns, as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s
from fog_aggregator.core.kinds.buckets.ladder import ladder_of
from fog_aggregator.core.kinds.buckets.rows import values_of
from fog_aggregator.core.series import Bounds, Labels
from fog_schema.limits import MAX_WHOLE
from utilityfog_frontend.telemetry.model import HistogramValue

_BLOCK: Final = 1000
_BLOCK_VALUES: Final = 32_768
"""So many samples are turned into Python's at a time, and of histograms so many buckets: each is 200 bytes as text."""


@dataclass(frozen=True)
class Samples:
    """Some samples as columns, in the order of series.

    Attributes:
        series: the catalog's number of each.
        group: the group's number of each.
        values: shape (n,), or (n, buckets) for histograms.
        born: when each began to count, unix seconds, inf when that is not known; None for gauges.
        sums: histograms only.
        extra: labels of the statistic that these are.
        exponential: the values are rows of exponential histograms.
        stayed: of counters, which ones are sums that stay at the most (R12.38); None to look at the values.
    """

    series: Int32s
    group: Int32s
    values: NDArray[Any]
    born: Float64s | None = None
    sums: Float64s | None = None
    extra: Labels = ()
    stayed: Bools | None = None
    exponential: bool = False

    def __len__(self) -> int:
        return len(self.series)

    def take(self, chosen: slice | Bools) -> Samples:
        """Return some of them."""
        if not isinstance(chosen, slice) and chosen.all():
            return self
        return Samples(
            self.series[chosen],
            self.group[chosen],
            self.values[chosen],
            None if self.born is None else self.born[chosen],
            None if self.sums is None else self.sums[chosen],
            self.extra,
            None if self.stayed is None else self.stayed[chosen],
            self.exponential,
        )

    def with_values(self, values: NDArray[Any]) -> Samples:
        """Return the same with other values."""
        return Samples(self.series, self.group, values, self.born, self.sums, self.extra, self.stayed)

    def ladder(self, bounds: Bounds) -> tuple[Bounds, Int64s]:
        """Return the bounds of histograms, and how many observations each has at or below them and +Inf.

        Args:
            bounds: the family's; an exponential histogram has as many as it needs to be exact.
        """
        if not self.exponential:
            return bounds, self.values.cumsum(axis=1)
        bounds, counts = ladder_of(self.values)
        return bounds, counts.cumsum(axis=1)

    @property
    def lines(self) -> int:
        """Count the samples, of histograms one for each bucket, and the sum and the count."""
        each = 1 if self.sums is None else self.values.shape[1] + 2
        return len(self) * (len(ladder_of(self.values)[0]) + 3 if self.exponential else each)

    @property
    def saturated(self) -> Bools | None:
        """Tell which ones are counts that stay at the most that there can be (R12.38); None when none does.

        The true ones are larger.
        """
        if self.born is None:
            return None
        stayed: Bools = self.values == MAX_WHOLE if self.stayed is None else self.stayed
        if not stayed.any():
            return None
        return stayed if stayed.ndim == 1 else np.asarray(stayed.any(axis=1))

    def blocks(self, *, created: bool = True) -> Iterator[Samples]:
        """Return all of them, some at a time; `created`: whether anybody asks when they began to count."""
        del created  # it is known
        block = min(_BLOCK, max(1, _BLOCK_VALUES // (self.values.shape[1] if self.values.ndim > 1 else 1)))
        return (self.take(slice(start, start + block)) for start in range(0, len(self.series), block))

    def python_values(self) -> list[Any]:
        """Return the values as Python's."""
        values: list[Any] = self.values.tolist()
        if self.sums is None:
            return values
        sums = self.sums.tolist()
        if self.exponential:
            return [*values_of(self.values, sums)]
        return [HistogramValue(tuple(counts), total) for counts, total in zip(values, sums, strict=True)]

    def moments(self) -> list[float | None]:
        """Return when each began to count."""
        if self.born is None:
            return [None] * len(self.series)
        born: list[float | None] = self.born.tolist()
        return [None if moment == inf else moment for moment in born]


class GridSamples(Samples):
    """Samples where every series has one in each group; the columns are made when they are wanted.

    Of the finest level of a large fleet the columns take as much memory as the state, and more time than all sums.

    Args:
        rows: the catalog's number of each series; shape (rows,).
        groups: the number of each group; shape (groups,).
        grid: the values; shape (groups, rows).
        births: returns when each began to count, in the shape of `grid`.
    """

    _rows: Int32s
    _groups: Int32s
    _grid: NDArray[np.int64]
    _births: Callable[[], Float64s]

    def __init__(self, rows: Int32s, groups: Int32s, grid: NDArray[np.int64], births: Callable[[], Float64s]) -> None:
        self.__dict__.update(_rows=rows, _groups=groups, _grid=grid, _births=births)

    def __len__(self) -> int:
        return int(self._grid.size)

    @cached_property
    def series(self) -> Int32s:
        """Return the catalog's number of each."""
        return np.repeat(self._rows, len(self._groups))

    @cached_property
    def group(self) -> Int32s:
        """Return the group's number of each."""
        return np.tile(self._groups, len(self._rows))

    @cached_property
    def values(self) -> NDArray[Any]:
        """Return the value of each."""
        return self._grid.T.reshape(-1)

    @cached_property
    def born(self) -> Float64s:
        """Return when each began to count."""
        return self._births().T.reshape(-1)

    @property
    def saturated(self) -> Bools | None:
        """Tell which ones are counts that stay at the most that there can be; None when none does."""
        return super().saturated if self._grid.max(initial=0) == MAX_WHOLE else None

    def blocks(self, *, created: bool = True) -> Iterator[Samples]:
        """Return all of them, some at a time, series after series."""
        births, groups = self._births() if created else None, len(self._groups)
        together = max(1, _BLOCK // max(1, groups))
        for start in range(0, len(self._rows), together):
            rows = slice(start, start + together)
            series = np.repeat(self._rows[rows], groups)
            group = np.tile(self._groups, len(self._rows[rows]))
            values = self._grid[:, rows].T.reshape(-1)
            born = None if births is None else births[:, rows].T.reshape(-1)
            yield from Samples(series, group, values, born).blocks()


Clamp: TypeAlias = Callable[[Samples], list[float]]
"""Gives the values to export of some samples."""
