"""Limits of a query: samples, series, time, and steps of subqueries; each says what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fog_aggregator.promql import EvaluationError, Limits, Options, QueryTimeoutError, instant_query, range_query
from tests.promql.asking import load, repeat

STORAGE = load(*[f'x{{a="{number}"}} {repeat(100)}' for number in range(20)])


def test_samples_that_are_read_are_limited() -> None:
    """20 series of 30 samples each, and 20 values."""
    expression, least = "rate(x[5m])", 20 * 30 + 20
    instant_query(expression, STORAGE, 900_000, Options(limits=Limits(samples=least)))
    with pytest.raises(EvaluationError, match="too many samples into memory in query execution: more than 619"):
        instant_query(expression, STORAGE, 900_000, Options(limits=Limits(samples=least - 1)))


def test_values_that_are_computed_are_limited() -> None:
    """A product of vectors has many more values than its sides."""
    limits = Options(limits=Limits(samples=5_000))
    range_query("x", STORAGE, 0, 900_000, 10_000, limits)
    with pytest.raises(EvaluationError, match="too many samples"):
        range_query("x + x + x", STORAGE, 0, 900_000, 10_000, limits)


def test_steps_of_subqueries_are_limited() -> None:
    """A year by milliseconds is refused before it is laid out."""
    with pytest.raises(EvaluationError, match="too many samples"):
        instant_query("sum_over_time(vector(1)[1y:1ms])", STORAGE, 900_000)


def test_series_are_limited() -> None:
    """The selectors of a query count together."""
    limits = Options(limits=Limits(series=39))
    instant_query("x", STORAGE, 900_000, limits)
    with pytest.raises(EvaluationError, match="find 40 series, and a query may read 39: select fewer"):
        instant_query("x + x", STORAGE, 900_000, limits)


def after(checks: int) -> Callable[[], bool]:
    """Make a deadline that passes after so many questions."""
    left = [checks]

    def expired() -> bool:
        left[0] -= 1
        return left[0] < 0

    return expired


def test_time_is_limited_by_whoever_has_a_clock() -> None:
    """However late it is noticed, the evaluation ends there."""
    for checks in range(8):
        with pytest.raises(QueryTimeoutError, match="query timed out in expression evaluation"):
            instant_query("sum(rate(x[5m])) + sum(x)", STORAGE, 900_000, Options(expired=after(checks)))
    instant_query("sum(rate(x[5m])) + sum(x)", STORAGE, 900_000, Options(expired=after(100)))


@pytest.mark.parametrize(
    "function", ["avg_over_time", "sum_over_time", "stddev_over_time", "stdvar_over_time", "deriv"]
)
def test_the_time_is_looked_at_within_a_window(function: str) -> None:
    """One window of many samples is gone through one by one: 10,000 of them ask for the time some 40 times more."""
    few, many = (
        load("x " + " ".join(f"{number / 7}" for number in range(size)), interval=0.001) for size in (100, 10_000)
    )
    asked = [0]

    def count() -> bool:
        asked[0] += 1
        return False

    instant_query(f"{function}(x[1m])", few, 10_000, Options(expired=count))
    least, asked[0] = asked[0], 0
    instant_query(f"{function}(x[1m])", many, 10_000, Options(expired=count))
    assert asked[0] >= least + 39


def test_the_time_is_looked_at_in_each_block() -> None:
    """A block is 200 series: 1,000 series ask for it five times more than one."""
    many = load(*[f'x{{a="{number}"}} 1 2' for number in range(1000)])
    asked = [0]

    def count() -> bool:
        asked[0] += 1
        return False

    instant_query("x", load("x 1 2"), 10_000, Options(expired=count))
    least, asked[0] = asked[0], 0
    instant_query("x", many, 10_000, Options(expired=count))
    assert asked[0] == least + 4
