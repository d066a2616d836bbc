"""The semantics of time: ranges, lookback, stale markers, offsets, `@`, subqueries and steps."""

from __future__ import annotations

import pytest

from fog_aggregator.promql import BadQueryError, Limits, Options, instant_query, range_query
from tests.promql.asking import ask, load, over, repeat, samples, value

STRAIGHT = load(f"x_total {repeat(100)}")
"""0, 1, 2 … every 10 s from 0 on."""


def test_ranges_are_left_open() -> None:
    """At 10 s `[5m]` holds 30 samples, and 31 with the beginning included, as before Prometheus 3."""
    assert value(STRAIGHT, "count_over_time(x_total[5m])", 600) == 30
    assert value(STRAIGHT, "count_over_time(x_total[5m])", 600, closed=True) == 31


def test_a_range_of_one_interval_holds_one_sample() -> None:
    """So the rate over it is empty; with the beginning included it is there."""
    assert ask(STRAIGHT, "rate(x_total[10s])", 600) == {}
    assert value(STRAIGHT, "rate(x_total[10s])", 600, closed=True) == pytest.approx(0.1)


def test_lookback_is_left_open() -> None:
    """The last sample counts until five minutes after it, exclusively."""
    storage = load("x 1")
    assert value(storage, "x", 299.999) == 1
    assert ask(storage, "x", 300) == {}
    assert value(storage, "x", 300, closed=True) == 1
    assert ask(storage, "x", 300.001, closed=True) == {}


def test_lookback_is_an_option() -> None:
    """Nothing else knows how long it is."""
    result = instant_query("x", load("x 1"), 59_999, Options(lookback=60_000))
    assert len(result.data.labels) == 1  # type: ignore[union-attr]
    assert len(instant_query("x", load("x 1"), 60_000, Options(lookback=60_000)).data.labels) == 0  # type: ignore[union-attr]


def test_a_stale_marker_ends_a_series() -> None:
    """Even with an older sample in the lookback; the next sample begins it again."""
    storage = load("x 1 2 stale _ 5")
    assert [ask(storage, "x", at) for at in (10, 20, 30)] == [{'{__name__="x"}': 2}, {}, {}]
    assert value(storage, "x", 40) == 5


def test_stale_markers_are_no_values_of_ranges() -> None:
    """They are skipped: neither counted nor NaN."""
    storage = load("x 1 2 stale _ 5")
    assert value(storage, "count_over_time(x[1m])", 40) == 3
    assert value(storage, "sum_over_time(x[1m])", 40) == 8
    assert value(storage, "last_over_time(x[1m])", 20) == 2
    assert samples(storage, "x[1m]", 40) == {'{__name__="x"}': [(0, 1), (10, 2), (40, 5)]}


def test_series_of_stale_markers_alone_are_none() -> None:
    """Wherever they stand among others, and though they fill a block."""
    storage = load(*[f'x{{a="{number}"}} {"stale _ " * (number + 1)}' for number in range(5)], "x 1 2")
    assert ask(storage, "count_over_time(x[1m])", 10) == {"{}": 2}
    assert ask(load("x stale"), "rate(x[1m])", 10) == {}
    assert ask(load("x stale"), "x", 0) == {}


def test_other_nans_are_values() -> None:
    """Only the one bit pattern is the marker."""
    storage = load("x 1 NaN")
    assert str(ask(storage, "x", 10)) == str({'{__name__="x"}': float("nan")})
    assert value(storage, "count_over_time(x[1m])", 10) == 2


def test_series_with_and_without_gaps_agree() -> None:
    """A series that shares its times with others is evaluated as one that does not."""
    line = "1 5 2 8 _ _ 3 9 4 7 7 1"
    together, alone = load(f'x{{a="1"}} {line}', f'x{{a="2"}} {line}'), load(f'x{{a="1"}} {line}')
    for function in ("rate", "delta", "irate", "max_over_time", "stddev_over_time", "changes", "resets", "deriv"):
        expression = f'{function}(x{{a="1"}}[45s])'
        assert over(together, expression, 0, 200, 7) == over(alone, expression, 0, 200, 7), function


def test_timestamp_of_a_selector_is_the_samples() -> None:
    """Through parentheses too; of anything else it is the step's."""
    storage = load("x 1 2")
    assert value(storage, "timestamp(x)", 17) == 10
    assert value(storage, "timestamp((x))", 17) == 10
    assert value(storage, "timestamp(x offset 8s)", 17) == 0
    assert value(storage, "timestamp(x * 1)", 17) == 17
    assert value(storage, "timestamp(-x)", 17) == 17


def test_offsets_shift_and_may_be_negative() -> None:
    """Into the past, or the future."""
    assert value(STRAIGHT, "x_total offset 1m", 600) == 54
    assert value(STRAIGHT, "x_total offset -1m", 600) == 66
    assert value(STRAIGHT, "sum_over_time(x_total[20s] offset 1m)", 600) == 54 + 53


def test_at_fixes_the_window_for_all_steps() -> None:
    """The offset is applied after it, whatever stands first."""
    assert over(STRAIGHT, "x_total @ 100", 0, 20, 10) == {'{__name__="x_total"}': {0: 10, 10: 10, 20: 10}}
    assert value(STRAIGHT, "x_total @ 100 offset 50s", 600) == 5
    assert value(STRAIGHT, "x_total offset 50s @ 100", 600) == 5
    assert value(STRAIGHT, "sum_over_time(x_total[20s] @ 100)", 600) == 19


def test_start_and_end_are_those_of_the_query() -> None:
    """Inside subqueries as well."""
    assert set(over(STRAIGHT, "x_total @ start()", 100, 200, 50)['{__name__="x_total"}'].values()) == {10}
    assert set(over(STRAIGHT, "x_total @ end()", 100, 200, 50)['{__name__="x_total"}'].values()) == {20}
    inside = over(STRAIGHT, "max_over_time((x_total @ end())[1m:10s])", 100, 200, 50)
    assert set(inside["{}"].values()) == {20}
    inside = over(STRAIGHT, "max_over_time((x_total @ start())[1m:10s])", 100, 200, 50)
    assert set(inside["{}"].values()) == {10}


def test_a_prediction_is_for_each_step_though_the_window_is_fixed() -> None:
    """Its time goes on when the window does not."""
    found = over(STRAIGHT, "predict_linear(x_total[1m] @ 100, 10)", 100, 120, 10)
    assert found == {"{}": {100: pytest.approx(11), 110: pytest.approx(12), 120: pytest.approx(13)}}


def test_subqueries_step_at_multiples_of_their_step() -> None:
    """Not from where the query or the range begins."""
    assert [time for time, _ in samples(STRAIGHT, "x_total[1m:25s]", 607)['{__name__="x_total"}']] == [550, 575, 600]


def test_subqueries_are_left_open_too() -> None:
    """A step at the beginning of the range is not in it."""
    assert [time for time, _ in samples(STRAIGHT, "x_total[1m:30s]", 600)['{__name__="x_total"}']] == [570, 600]
    assert value(STRAIGHT, "count_over_time(x_total[1m:30s])", 600) == 2
    assert value(STRAIGHT, "count_over_time(x_total[1m:30s])", 600, closed=True) == 3


def test_the_default_step_of_subqueries_is_an_option() -> None:
    """A minute, if nobody says otherwise."""
    assert value(STRAIGHT, "count_over_time(x_total[5m:])", 600) == 5
    result = instant_query("count_over_time(x_total[5m:])", STRAIGHT, 600_000, Options(subquery_step=30_000))
    assert result.data.values.tolist() == [10]  # type: ignore[union-attr]


def test_subqueries_before_1970_step_at_the_same_multiples() -> None:
    """Division rounds towards the past."""
    assert [time for time, _ in samples(STRAIGHT, "vector(1)[1m:25s]", 20)["{}"]] == [-25, 0]


def test_offsets_and_at_of_subqueries() -> None:
    """They shift the whole window."""
    assert value(STRAIGHT, "max_over_time(x_total[1m:10s] offset 2m)", 600) == 48
    assert value(STRAIGHT, "max_over_time(x_total[1m:10s] @ 100)", 600) == 10
    assert value(STRAIGHT, "max_over_time(rate(x_total[1m])[1m:10s] @ 100 offset 20s)", 600) == pytest.approx(0.1)


def test_subqueries_nest() -> None:
    """An inner one is evaluated at the steps of the outer one."""
    assert value(STRAIGHT, "max_over_time(sum_over_time(x_total[20s:10s])[1m:30s])", 600) == 60 + 59


def test_steps_end_at_the_end() -> None:
    """The last is the last multiple that is not after it."""
    assert list(over(STRAIGHT, "x_total", 100, 159, 20)['{__name__="x_total"}']) == [100, 120, 140]
    assert list(over(STRAIGHT, "x_total", 100, 160, 20)['{__name__="x_total"}']) == [100, 120, 140, 160]


def test_an_instant_query_is_a_range_query_of_one_step() -> None:
    """The values are the same."""
    for expression in ("x_total", "rate(x_total[1m])", "sum(x_total)", "x_total > bool 3"):
        (instant,) = ask(STRAIGHT, expression, 600).values()
        ((ranged,),) = (found.values() for found in over(STRAIGHT, expression, 600, 600, 1).values())
        assert instant == ranged


@pytest.mark.parametrize(
    ("start", "end", "step", "said"),
    [
        (100, 0, 10, "end timestamp must not be before start time"),
        (0, 100, 0, "zero or negative query resolution step widths are not accepted. Try a positive integer"),
        (0, 100, -1, "zero or negative query resolution step widths are not accepted. Try a positive integer"),
        (0, 11_001, 1, "exceeded maximum resolution of 11,000 points per timeseries."),
        (0, 2**53, 2**52, "out of bounds"),
    ],
)
def test_ranges_that_cannot_be(start: int, end: int, step: int, said: str) -> None:
    """With the words of Prometheus where it has some."""
    with pytest.raises(BadQueryError, match=said.replace("(", r"\(")):
        range_query("1", STRAIGHT, start, end, step)


def test_the_number_of_points_is_a_limit() -> None:
    """As many steps as it says, and one for the beginning, as in Prometheus."""
    limited = Options(limits=Limits(points=10))
    assert range_query("1", STRAIGHT, 0, 10, 1, limited).data.steps.size == 11  # type: ignore[union-attr]
    with pytest.raises(BadQueryError):
        range_query("1", STRAIGHT, 0, 11, 1, limited)


@pytest.mark.parametrize(
    ("expression", "kind"), [('"a"', "string"), ("x[5m]", "range vector"), ("x[5m:1m]", "range vector")]
)
def test_ranges_are_of_vectors_and_scalars(expression: str, kind: str) -> None:
    """Anything else has no value at a step."""
    with pytest.raises(BadQueryError) as caught:
        range_query(expression, STRAIGHT, 0, 10, 1)
    assert str(caught.value) == f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector'
