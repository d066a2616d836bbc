"""Classic histograms: quantiles and fractions of cumulative buckets with the label `le`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from fog_aggregator.promql.evaluation.annotations import Annotations
from fog_aggregator.promql.evaluation.matrix import Matrix, empty, relabel
from fog_aggregator.promql.formatting import parse_number
from fog_aggregator.promql.labels import Labels, drop, label
from fog_aggregator.promql.storage import Floats, Ints, Mask

_LE: Final = frozenset({"le"})
_TOLERANCE: Final = 1e-12
"""A relative difference of neighbouring buckets that is rounding, and is not reported."""

Kernel: TypeAlias = Callable[[Floats, Floats, Ints], Floats]
"""From ascending bounds [buckets], counts [buckets x cells] and the step of each cell to a value a cell."""


@dataclass(frozen=True, slots=True)
class _Histogram:
    """The rows of one histogram, by ascending bound."""

    labels: Labels
    bounds: Floats
    rows: Ints


def of_buckets(matrix: Matrix, kernel: Kernel, annotations: Annotations) -> Matrix:
    """Apply a kernel to each histogram at each step; cells with the same bounds go together."""
    histograms = _histograms(matrix, annotations)
    steps = matrix.values.shape[1]
    if not histograms:
        return empty(steps)
    values = np.full((len(histograms), steps), np.nan)
    present = np.zeros(values.shape, np.bool_)
    for bounds, cells in _by_bounds(matrix, histograms).items():
        rows = np.concatenate([np.full(where.size, number) for number, where, _ in cells])
        columns = np.concatenate([where for _, where, _ in cells])
        counts = np.concatenate([counts for _, _, counts in cells], axis=1)
        ascending, counts = _coalesce(np.array(bounds), counts)
        values[rows, columns] = kernel(ascending, counts, columns)
        present[rows, columns] = True
    return relabel(Matrix([histogram.labels for histogram in histograms], values, present))


def _histograms(matrix: Matrix, annotations: Annotations) -> list[_Histogram]:
    """Group the rows by their labels without `le`."""
    groups: dict[Labels, list[tuple[float, int]]] = {}
    for row, labels in enumerate(matrix.labels):
        text = label(labels, "le")
        bound = parse_number(text)
        if bound is None:
            annotations.bad_bucket(text)
        else:
            groups.setdefault(drop(labels, _LE), []).append((bound, row))
    found = []
    for labels, members in groups.items():
        members.sort()
        found.append(
            _Histogram(labels, np.array([bound for bound, _ in members]), np.array([row for _, row in members]))
        )
    return found


_Cells: TypeAlias = list[tuple[int, Ints, Floats]]
"""Number of a histogram, steps, and the counts there [buckets x steps]."""


def _by_bounds(matrix: Matrix, histograms: list[_Histogram]) -> dict[tuple[float, ...], _Cells]:
    """Collect the cells by the bounds that are present there."""
    found: dict[tuple[float, ...], _Cells] = {}
    for number, histogram in enumerate(histograms):
        for buckets, where in _patterns(matrix.present[histogram.rows]):
            bounds = tuple(histogram.bounds[buckets].tolist())
            counts = matrix.values[np.ix_(histogram.rows[buckets], where)]
            found.setdefault(bounds, []).append((number, where, counts))
    return found


def _patterns(present: Mask) -> Iterator[tuple[Ints, Ints]]:
    """List which rows are present together, and at which steps."""
    if present.all():
        yield np.arange(present.shape[0]), np.arange(present.shape[1])
        return
    patterns, which = np.unique(present, axis=1, return_inverse=True)
    which = which.reshape(-1)
    for number in range(patterns.shape[1]):
        rows = np.flatnonzero(patterns[:, number])
        if rows.size:
            yield rows, np.flatnonzero(which == number)


def _coalesce(bounds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Add the buckets of equal bounds."""
    starts = np.flatnonzero(np.concatenate(([True], bounds[1:] != bounds[:-1])))
    if starts.size == bounds.size:
        return bounds, counts
    return bounds[starts], np.add.reduceat(counts, starts, axis=0)


def quantile_kernel(wanted: Floats, times: Ints, annotations: Annotations) -> Kernel:
    """Make the kernel of histogram_quantile for a quantile at each step."""

    def kernel(bounds: Floats, counts: Floats, steps: Ints) -> Floats:
        quantile = wanted[steps]
        if not np.isposinf(bounds[-1]):
            found = np.full(steps.size, np.nan)
        else:
            valid = (quantile >= 0) & (quantile <= 1)
            rising = _monotonic(bounds, counts, valid, times[steps], annotations)
            found = _quantiles(bounds, rising, quantile)
        found = np.where(quantile < 0, -np.inf, np.where(quantile > 1, np.inf, found))
        return np.where(np.isnan(quantile), np.nan, found)

    return kernel


def _monotonic(bounds: Floats, counts: Floats, counted: Mask, times: Ints, annotations: Annotations) -> Floats:
    """Lift each bucket to the one below it, and note where that changes more than rounding does."""
    rising = counts.copy()
    before = counts[0].copy()
    falls, fell_anywhere = annotations.falls, np.zeros(counted.size, np.bool_)
    for number in range(1, bounds.size):
        now = counts[number]
        scale = np.minimum(np.abs(before) + np.abs(now), np.finfo(np.float64).max)
        rounding = (np.abs(before - now) / scale < _TOLERANCE) & (before != now)
        fell = (now < before) & ~rounding & counted
        if fell.any():
            falls.low, falls.high = min(falls.low, float(bounds[number])), max(falls.high, float(bounds[number]))
            falls.most = max(falls.most, float((before - now)[fell].max()))
            fell_anywhere |= fell
        keep = rounding | (now < before)
        rising[number] = np.where(keep, before, now)
        before = rising[number]
    if fell_anywhere.any():
        falls.count += int(fell_anywhere.sum())
        falls.first = min(falls.first, int(times[fell_anywhere].min()))
        falls.last = max(falls.last, int(times[fell_anywhere].max()))
    return rising


def _quantiles(bounds: Floats, counts: Floats, quantile: Floats) -> Floats:
    """Interpolate in the bucket that the rank falls into; the last finite bound is the most there can be."""
    if bounds.size < 2:
        return np.full(quantile.size, np.nan)
    observations = counts[-1]
    rank = quantile * observations
    reached = counts[:-1] >= rank
    bucket = np.where(reached.any(axis=0), reached.argmax(axis=0), bounds.size - 1)
    below = np.maximum(bucket - 1, 0)
    cells = np.arange(quantile.size)
    is_first = bucket == 0
    start = np.where(is_first, 0.0, bounds[below])
    under = np.where(is_first, 0.0, counts[below, cells])
    inside = counts[bucket, cells] - under
    found = start + (bounds[bucket] - start) * ((rank - under) / inside)
    found = np.where(is_first & (bounds[0] <= 0), bounds[0], found)
    found = np.where(bucket == bounds.size - 1, bounds[-2], found)
    return np.where(observations == 0, np.nan, found)


def fraction_kernel(lower: Floats, upper: Floats) -> Kernel:
    """Make the kernel of histogram_fraction for limits at each step."""

    def kernel(bounds: Floats, counts: Floats, steps: Ints) -> Floats:
        low, high = lower[steps], upper[steps]
        total = counts[-1]
        if not np.isposinf(bounds[-1]):
            return np.full(steps.size, np.nan)
        share = (_rank(bounds, counts, high) - _rank(bounds, counts, low)) / total
        share = np.where(low >= high, 0.0, share)
        return np.where((total == 0) | np.isnan(low) | np.isnan(high), np.nan, share)

    return kernel


def _rank(bounds: Floats, counts: Floats, limit: Floats) -> Floats:
    """Estimate how many observations are at most `limit`."""
    found = counts[-1].copy()
    known = np.zeros(limit.size, np.bool_)
    under = np.zeros(limit.size)
    start = 0.0 if bounds[0] > 0 else -np.inf
    for number, end in enumerate(bounds):
        at_start = ~known & (start >= limit)
        found[at_start], known[at_start] = under[at_start], True
        inside = ~known & (start < limit) & (end > limit)
        if inside.any():
            part = (
                counts[number]
                if np.isneginf(start)
                else under + (counts[number] - under) * (limit - start) / (end - start)
            )
            found[inside], known[inside] = part[inside], True
        under, start = counts[number], float(end)
    least: Floats = np.minimum(found, counts[-1])
    return least
