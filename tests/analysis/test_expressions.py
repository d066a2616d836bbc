"""The window of rates, and the bound beyond which a quantile's change is looked for."""

from __future__ import annotations

import numpy as np
import pytest

from fog_aggregator.analysis.expressions import dividing_bound, least_window, window_of
from fog_aggregator.promql.memory import MemoryStorage
from fog_aggregator.promql.query import MatrixResult, range_query


def rates(interval: int, step: int, window: str) -> set[float]:
    """Return the rates in an hour of a total that grows by its interval with each frame, as a history keeps it."""
    times = np.arange(0, 7200, step)
    storage = MemoryStorage({(("__name__", "x"),): (times * 1000, (times // interval * interval).astype(np.float64))})
    result = range_query(f"rate(x[{window}])", storage, 3_600_000, 7_100_000, step * 1000)
    assert isinstance(result.data, MatrixResult)
    return set(result.data.matrix.values[0].round(3).tolist())


@pytest.mark.parametrize(("interval", "step"), [(10, 10), (60, 10), (60, 15), (600, 10), (1, 10), (10, 30)])
def test_a_rate_over_the_least_window_is_even(interval: int, step: int) -> None:
    """One that is counted each second is shown so at each moment, however seldom frames come."""
    least = least_window(interval, step)
    assert rates(interval, step, f"{least}s") == {1.0}
    assert {round(rate) for rate in rates(interval, step, window_of(least))} == {1}


def test_a_rate_over_less_is_not() -> None:
    """Between two frames of a minute it would fall to nothing."""
    assert 0 in rates(60, 10, "1m")


def test_windows_are_not_shorter_than_usual() -> None:
    """A minute where nodes send often; five where totals are compared; longer where nodes send seldom."""
    assert [least_window(interval, 10) for interval in (0, 10, 60, 600)] == [60, 60, 250, 2410]
    assert [window_of(least) for least in (60, 250, 300, 301, 2410)] == ["5m", "5m", "5m", "301s", "2410s"]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (0.3, 3.0, "0.5"),  # observations above the old bucket became more
        (0.3, 0.4, "0.1"),  # it rose within its bucket: of that one and those above
        (3.0, 0.3, "1.0"),  # fewer lie where it was
        (0.05, 0.07, ""),  # nothing lies below the first bucket: all observations
        (0.5, 3.0, "0.5"),
        (9.0, 9.0, "4"),
    ],
)
def test_a_change_is_looked_for_beyond_the_old_value(before: float, now: float, expected: str) -> None:
    """At the bound that parts what became more, or fewer, from the rest, as its label has it."""
    assert dividing_bound(["+Inf", "0.1", "0.5", "1.0", "4"], before, now) == expected
