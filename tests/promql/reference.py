"""Slow twins of the functions over windows: one window at a time, as their definitions read."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

Window: TypeAlias = Sequence[tuple[float, float]]
"""Seconds and values of the samples in a window, at least one."""

Edges: TypeAlias = tuple[float, float]
"""Where the window begins and ends, in seconds."""


def _extrapolated(window: Window, edges: Edges, *, counter: bool, per_second: bool) -> float | None:
    if len(window) < 2:
        return None
    (first, begin), (last, end) = window[0], window[-1]
    change = end - begin
    if counter:
        change += sum(before for (_, before), (_, after) in itertools.pairwise(window) if after < before)
    covered, spacing = last - first, (last - first) / (len(window) - 1)
    to_start, to_end = first - edges[0], edges[1] - last
    to_start = spacing / 2 if to_start >= 1.1 * spacing else to_start
    to_end = spacing / 2 if to_end >= 1.1 * spacing else to_end
    if counter and change > 0 and begin >= 0:
        to_start = min(to_start, covered * begin / change)
    stretched = change * (covered + to_start + to_end) / covered
    return stretched / (edges[1] - edges[0]) if per_second else stretched


def _instant(window: Window, _: Edges, *, counter: bool) -> float | None:
    if len(window) < 2:
        return None
    (before, old), (now, new) = window[-2:]
    if counter:
        return (new if new < old else new - old) / (now - before)
    return new - old


def _slope(window: Window, _: Edges) -> float | None:
    if len(window) < 2:
        return None
    middle = statistics.fmean(time for time, _ in window)
    mean = statistics.fmean(value for _, value in window)
    return sum((time - middle) * (value - mean) for time, value in window) / sum(
        (time - middle) ** 2 for time, _ in window
    )


def _count(window: Window, happens: Callable[[float, float], bool]) -> float:
    return float(sum(happens(old, new) for (_, old), (_, new) in itertools.pairwise(window)))


def _values(window: Window) -> list[float]:
    return [value for _, value in window]


TWINS: Final[dict[str, Callable[[Window, Edges], float | None]]] = {
    "avg_over_time": lambda window, _: math.fsum(_values(window)) / len(window),
    "changes": lambda window, _: _count(window, lambda old, new: old != new),
    "count_over_time": lambda window, _: float(len(window)),
    "delta": lambda window, edges: _extrapolated(window, edges, counter=False, per_second=False),
    "deriv": _slope,
    "first_over_time": lambda window, _: window[0][1],
    "idelta": lambda window, edges: _instant(window, edges, counter=False),
    "increase": lambda window, edges: _extrapolated(window, edges, counter=True, per_second=False),
    "irate": lambda window, edges: _instant(window, edges, counter=True),
    "last_over_time": lambda window, _: window[-1][1],
    "max_over_time": lambda window, _: max(_values(window)),
    "min_over_time": lambda window, _: min(_values(window)),
    "present_over_time": lambda _, __: 1.0,
    "rate": lambda window, edges: _extrapolated(window, edges, counter=True, per_second=True),
    "resets": lambda window, _: _count(window, lambda old, new: new < old),
    "stddev_over_time": lambda window, _: statistics.pstdev(_values(window)),
    "stdvar_over_time": lambda window, _: statistics.pvariance(_values(window)),
    "sum_over_time": lambda window, _: math.fsum(_values(window)),
}
"""By the name of the function."""
