"""The port of a storage: what the evaluator asks of whoever has samples.

A selection comes in parts. The rows of a part share their times (``offsets`` is None, ``values`` is [rows x times]), or
each row has its own (``offsets`` cuts the flat ``times`` and ``values`` into rows). Times are milliseconds, strictly
ascending in a row. A stale marker is a NaN with the bits of `STALE`; any other NaN is a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.promql.labels import Labels, Matcher

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

_STALE_BITS: Final = 0x7FF0000000000002
STALE: Final = float(np.array([_STALE_BITS], np.uint64).view(np.float64)[0])
"""The value that says that a series ended here."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some series with their samples."""

    labels: Sequence[Labels]
    times: Ints
    values: Floats
    offsets: Ints | None = None

    @property
    def samples(self) -> int:
        """The number of samples."""
        return int(self.values.size)

    @property
    def sizes(self) -> list[int]:
        """The number of samples of each series."""
        if self.offsets is None:
            return [self.times.size] * len(self.labels)
        sizes: list[int] = np.diff(self.offsets).tolist()
        return sizes


@dataclass(frozen=True, slots=True)
class Selection:
    """An answer of a storage, with what the reader of the result should be warned of."""

    parts: Sequence[Part]
    warnings: tuple[str, ...] = ()


class Storage(Protocol):
    """A source of samples."""

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find the series that fulfil every matcher, with their samples from `start` to `end`, both included.

        Series without a sample there may be left out. No two series have the same labels.

        Raises:
            QueryError: for matchers that this storage cannot serve, with what to write instead.
        """


class SeriesStorage(Storage, Protocol):
    """A source of samples that can list its series without reading them."""

    @property
    def oldest(self) -> int | None:
        """The time of the oldest sample in milliseconds; None without samples."""

    @property
    def newest(self) -> int | None:
        """The time of the newest sample."""

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """Find the series that fulfil every matcher and may have a sample from `start` to `end`, both included.

        Raises:
            QueryError: as `select`.
        """


def is_stale(values: Floats) -> Mask:
    """Tell which values are stale markers."""
    bits: Mask = values.view(np.uint64) == np.uint64(_STALE_BITS)
    return bits


def parts_of_moment(samples: Sequence[tuple[Labels, float]], time: int) -> list[Part]:
    """Make parts of samples that are all of one moment."""
    if not samples:
        return []
    values = np.array([value for _, value in samples], np.float64)[:, None]
    return [Part([labels for labels, _ in samples], np.array([time], np.int64), values)]


def parts_of_grid(labels: Sequence[Labels], times: Ints, values: Floats, present: Mask) -> list[Part]:
    """Cut a grid [series x times] with holes into parts: complete rows share the times, the others get their own."""
    if not len(labels) or not times.size:
        return []
    complete = present.all(axis=1)
    if complete.all():
        return [Part(labels, times, np.ascontiguousarray(values))]
    parts = []
    if complete.any():
        rows = np.flatnonzero(complete)
        parts.append(Part([labels[row] for row in rows.tolist()], times, values[rows]))
    rows = np.flatnonzero(~complete & present.any(axis=1))
    if rows.size:
        mask = present[rows]
        offsets = np.concatenate(([0], np.cumsum(mask.sum(axis=1)))).astype(np.int64)
        own_times = np.broadcast_to(times, mask.shape)[mask]
        parts.append(Part([labels[row] for row in rows.tolist()], own_times, values[rows][mask], offsets))
    return parts
