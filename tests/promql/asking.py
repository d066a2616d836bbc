"""Short ways to load series and to ask for values."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fog_aggregator.promql import MemoryStorage, Options, Result, instant_query, range_query, read_openmetrics
from fog_aggregator.promql.evaluation.matrix import Matrix
from fog_aggregator.promql.labels import Labels, show
from fog_aggregator.promql.query import MatrixResult, ScalarResult, SeriesResult, VectorResult
from fog_aggregator.promql.storage import Floats, Ints


def load(*series: str, interval: float = 10.0) -> MemoryStorage:
    """Make series from lines of a name with labels and values a step apart: ``x{a="1"} 0 1 _ stale 4``."""
    lines = []
    for line in series:
        name, _, values = line.partition("} ") if "{" in line else line.partition(" ")
        name += "}" if "{" in line else ""
        lines += [
            f"{name} {value} {round(place * interval, 3)}" for place, value in enumerate(values.split()) if value != "_"
        ]
    return read_openmetrics("\n".join([*lines, "# EOF", ""]))


def repeat(count: int, first: float = 0.0, growth: float = 1.0) -> str:
    """Write a line's values: a straight line."""
    return " ".join(f"{first + place * growth:g}" for place in range(count))


def ask(storage: MemoryStorage, expression: str, at: float = 0.0, *, closed: bool = False) -> dict[str, float]:
    """Evaluate at one moment in seconds: the value of each series by its labels, a scalar's under `scalar`."""
    return values_of(instant_query(expression, storage, round(at * 1000), Options(closed=closed)))


def values_of(result: Result) -> dict[str, float]:
    """Take a vector or a scalar apart."""
    data = result.data
    if isinstance(data, ScalarResult):
        return {"scalar": data.value}
    assert isinstance(data, VectorResult)
    return {show(labels): value for labels, value in zip(data.labels, data.values.tolist(), strict=True)}


def value(storage: MemoryStorage, expression: str, at: float = 0.0, *, closed: bool = False) -> float:
    """Evaluate to the only value there is."""
    (found,) = ask(storage, expression, at, closed=closed).values()
    return found


def over(
    storage: MemoryStorage, expression: str, start: float, end: float, step: float
) -> dict[str, dict[float, float]]:
    """Evaluate over a range: by labels, the value at each moment."""
    result = range_query(expression, storage, round(start * 1000), round(end * 1000), round(step * 1000))
    assert isinstance(result.data, MatrixResult)
    matrix: Matrix = result.data.matrix
    seconds = [moment / 1000 for moment in result.data.steps.tolist()]
    return {
        show(labels): {
            moment: found
            for moment, found, there in zip(seconds, matrix.values[row].tolist(), matrix.present[row], strict=True)
            if there
        }
        for row, labels in enumerate(matrix.labels)
    }


def samples(storage: MemoryStorage, expression: str, at: float) -> dict[str, list[tuple[float, float]]]:
    """Evaluate a range vector: by labels, times and values."""
    data = instant_query(expression, storage, round(at * 1000)).data
    assert isinstance(data, SeriesResult)
    return {
        show(labels): [(moment / 1000, found) for moment, found in zip(times.tolist(), values.tolist(), strict=True)]
        for labels, times, values in data.series
    }


def columns(points: Iterable[tuple[int, float]]) -> tuple[Ints, Floats]:
    """Make the arrays of one series."""
    listed = list(points)
    return np.array([time for time, _ in listed], np.int64), np.array([found for _, found in listed], np.float64)


def storage_of(series: dict[Labels, tuple[Ints, Floats]]) -> MemoryStorage:
    """Make a storage."""
    return MemoryStorage(series)
