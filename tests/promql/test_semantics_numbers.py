"""The semantics of numbers: sums that lose nothing, NaN and infinities, rounding, dates, histograms."""

from __future__ import annotations

import math

import pytest

from fog_aggregator.promql import EvaluationError, instant_query
from tests.promql.asking import ask, load, over, repeat, value

INF = math.inf


def is_nan(found: float) -> bool:
    """Tell a NaN; `found` is in the message when it is not."""
    return math.isnan(found)


def test_sums_are_compensated() -> None:
    """A number that 1e100 swallows comes back when that goes; over time and over series, of few and of very many."""
    assert value(load("x 1e100 1 -1e100"), "sum_over_time(x[1m])", 20) == 1
    assert value(load("x 1e100 1 -1e100"), "avg_over_time(x[1m])", 20) == pytest.approx(1 / 3)
    three = load('x{a="1"} 1e100', 'x{a="2"} 1', 'x{a="3"} -1e100')
    assert value(three, "sum(x)") == 1
    assert value(three, "avg(x)") == pytest.approx(1 / 3)
    tenths = load(*[f'x{{a="{number}"}} 0.1' for number in range(1000)])
    assert value(tenths, "sum(x)") == 100
    groups = load(*[f'x{{a="{number}",b="{number % 30}"}} 0.1' for number in range(300)])
    assert set(ask(groups, "sum by (b) (x)").values()) == {1.0}


def test_an_average_does_not_overflow_where_its_sum_does() -> None:
    """Of the largest numbers there are."""
    assert value(load("x 1e308 1e308 1e308"), "avg_over_time(x[1m])", 20) == pytest.approx(1e308)
    assert value(load("x 1e308 1e308 1e308"), "sum_over_time(x[1m])", 20) == INF
    assert value(load('x{a="1"} 1e308', 'x{a="2"} 1e308'), "avg(x)") == pytest.approx(1e308)


def test_infinities_in_sums() -> None:
    """They stay, and opposite ones are NaN."""
    assert value(load("x 1 Inf 2"), "sum_over_time(x[1m])", 20) == INF
    assert value(load("x 1 Inf 2"), "avg_over_time(x[1m])", 20) == INF
    assert is_nan(value(load("x Inf -Inf"), "sum_over_time(x[1m])", 10))
    assert value(load('x{a="1"} Inf', 'x{a="2"} 1'), "sum(x)") == INF
    assert is_nan(value(load('x{a="1"} Inf', 'x{a="2"} -Inf'), "sum(x)"))


def test_the_spread_of_equal_numbers_is_nothing_exactly() -> None:
    """Over time and over series."""
    storage = load(f"x {' '.join(['0.1'] * 20)}", *[f'y{{a="{number}"}} 0.1' for number in range(20)])
    assert value(storage, "stddev_over_time(x[5m])", 190) == 0
    assert value(storage, "stdvar(y)") == 0


def test_the_spread_of_one_value_that_is_not_finite_is_nan() -> None:
    """Before Prometheus 3 it was 0."""
    for text in ("NaN", "Inf"):
        assert is_nan(value(load(f"x {text}"), "stddev(x)"))
        assert is_nan(value(load(f"x {text}"), "stdvar_over_time(x[1m])"))


def test_extremes_ignore_nan_unless_all_are() -> None:
    """Over time and over series."""
    storage = load("x NaN 2 1 NaN", "y NaN NaN", 'z{a="1"} NaN', 'z{a="2"} 3', 'n{a="1"} NaN', 'n{a="2"} NaN')
    assert value(storage, "max_over_time(x[1m])", 30) == 2
    assert value(storage, "min_over_time(x[1m])", 30) == 1
    assert is_nan(value(storage, "max_over_time(y[1m])", 10))
    assert value(storage, "max(z)") == 3
    assert is_nan(value(storage, "min(n)"))


def test_quantiles() -> None:
    """They interpolate; NaN sorts lowest; outside of 0 to 1 they are infinite, with a warning."""
    storage = load('x{a="1"} 1', 'x{a="2"} 3', 'x{a="3"} NaN', "y 3 1 NaN", "z 5 1 4 2 3")
    assert value(storage, "quantile_over_time(0.25, z[1m])", 40) == 2
    assert value(storage, 'quantile(0.5, x{a!="3"})') == 2
    assert value(storage, "quantile(0.5, x)") == 1
    assert is_nan(value(storage, "quantile(0, x)"))
    assert value(storage, "quantile(1, x)") == 3
    assert value(storage, "quantile(-1, x)") == -INF
    assert value(storage, "quantile(2, x)") == INF
    assert is_nan(value(storage, "quantile(NaN, x)"))
    assert value(storage, "quantile_over_time(0.75, y[1m])", 20) == 2
    assert value(storage, "quantile_over_time(-0.1, y[1m])", 20) == -INF
    result = instant_query("quantile(2, x)", storage, 0)
    assert result.warnings == ("PromQL warning: quantile value should be between 0 and 1, got 2",)
    result = instant_query("quantile_over_time(-1e6, y[1m])", storage, 0)
    assert result.warnings == ("PromQL warning: quantile value should be between 0 and 1, got -1e+06",)


def test_a_quantile_may_differ_between_steps() -> None:
    """Its parameter is a scalar, not a constant."""
    storage = load('x{a="1"} 1 1', 'x{a="2"} 3 3', "q 0 1")
    assert over(storage, "quantile(scalar(q), x)", 0, 10, 10) == {"{}": {0: 1, 10: 3}}


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("-5 % 3", -2), ("5 % -3", 2), ("5.5 % 0", math.nan), ("1 / 0", INF), ("-1 / 0", -INF), ("0 / 0", math.nan),
        ("2 ^ 0.5", 2**0.5), ("-8 ^ (1/3)", -2), ("NaN == bool NaN", 0), ("NaN != bool NaN", 1), ("1 < bool NaN", 0),
        ("1 atan2 -1", math.atan2(1, -1)),
    ],
)  # fmt: skip
def test_arithmetic(expression: str, meant: float) -> None:
    """The remainder has the sign of the left side; divisions by zero are infinite; nothing compares with NaN."""
    assert value(load("x 1"), expression) == pytest.approx(meant, nan_ok=True)


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("round(x)", 3), ("round(-x)", -2), ("round(x, 2)", 2), ("round(x, 0.4)", 2.4), ("sgn(x)", 1),
        ("sgn(x - 2.5)", 0),
        ("clamp(x, 3, 5)", 3), ("clamp(x, 1, 2)", 2), ("clamp_min(x, 3)", 3), ("clamp_max(x, 1)", 1), ("abs(-x)", 2.5),
        ("ceil(x)", 3), ("floor(-x)", -3), ("sqrt(x * 10)", 5), ("exp(x - 2.5)", 1), ("ln(x - 1.5)", 0),
        ("log2(x + 5.5)", 3),
        ("log10(x * 400)", 3), ("deg(x * 0 + pi())", 180), ("rad(x * 72)", math.pi), ("atan(x * 0)", 0),
        ("ln(-x)", math.nan), ("sqrt(-x)", math.nan), ("ln(x * 0)", -INF),
    ],
)  # fmt: skip
def test_mathematics(expression: str, meant: float) -> None:
    """Halves are rounded upwards; out of a function's domain is NaN."""
    assert value(load("x 2.5"), expression) == pytest.approx(meant, nan_ok=True)


def test_a_clamp_of_nothing_is_empty() -> None:
    """When the least is more than the most; step by step."""
    assert ask(load("x 1"), "clamp(x, 2, 1)") == {}
    assert value(load("x NaN"), "clamp_min(x, Inf)") == INF
    assert value(load("x NaN"), "clamp_max(x, -Inf)") == -INF
    assert is_nan(value(load("x NaN"), "clamp(x, 0, 1)"))
    storage = load("x 1 1", "low 0 2")
    assert over(storage, "clamp(x, scalar(low), 1)", 0, 10, 10) == {"{}": {0: 1}}


@pytest.mark.parametrize(
    ("function", "at_0", "then"),
    [
        ("minute", 0, 53), ("hour", 0, 22), ("day_of_week", 4, 4), ("day_of_month", 1, 29), ("day_of_year", 1, 60),
        ("month", 1, 2), ("year", 1970, 2024), ("days_in_month", 31, 29),
    ],
)  # fmt: skip
def test_dates_are_utc(function: str, at_0: float, then: float) -> None:
    """Of the moment, without an argument; here of 2024-02-29T22:53:20Z, a Thursday."""
    assert value(load("x 1"), f"{function}()", 0) == at_0
    assert value(load("x 1"), f"{function}(vector(1709247200))", 0) == then


def test_dates_before_1970() -> None:
    """2 s before: the last minute of 1969."""
    assert ask(load("x -2"), "year(x)") == {"{}": 1969}
    assert ask(load("x -2"), "minute(x)") == {"{}": 59}
    assert ask(load("x -2"), "day_of_week(x)") == {"{}": 3}


def test_scalars() -> None:
    """`scalar` of anything but one series is NaN, step by step; `vector` has no labels."""
    storage = load('x{a="1"} 1 1', 'x{a="2"} _ 2')
    assert over(storage, "scalar(x)", 0, 10, 10)["{}"][0] == 1
    assert is_nan(over(storage, "scalar(x)", 0, 10, 10)["{}"][10])
    assert is_nan(value(storage, "scalar(none)"))
    assert ask(storage, "vector(time())", 7) == {"{}": 7}


def test_topk_and_bottomk() -> None:
    """The name stays; in order in instant queries, by group; NaN comes last; equal ones in the order of series."""
    storage = load('x{a="1",g="1"} 1', 'x{a="2",g="1"} 3', 'x{a="3",g="2"} NaN', 'x{a="4",g="2"} 2', 'x{a="5",g="2"} 2')
    values = list(ask(storage, "topk(4, x)").values())
    assert values == [3, 2, 2, 1]
    assert is_nan(list(ask(storage, "topk(9, x)").values())[-1])
    assert list(ask(storage, "bottomk(2, x)").values()) == [1, 2]
    assert is_nan(list(ask(storage, "bottomk(5, x)").values())[-1])
    assert list(ask(storage, "topk by (g) (1, x)")) == [
        '{__name__="x", a="2", g="1"}',
        '{__name__="x", a="4", g="2"}',
    ]
    assert ask(storage, "topk(0, x)") == ask(storage, "topk(-3, x)") == ask(storage, "topk(0.9, x)") == {}


def test_topk_picks_anew_at_each_step() -> None:
    """And its parameter may differ too."""
    storage = load('x{a="1"} 1 5', 'x{a="2"} 2 4', "k 1 2")
    assert over(storage, "topk(1, x)", 0, 10, 10) == {
        '{__name__="x", a="1"}': {10: 5},
        '{__name__="x", a="2"}': {0: 2},
    }
    assert over(storage, "topk(scalar(k), x)", 0, 10, 10) == {
        '{__name__="x", a="1"}': {10: 5},
        '{__name__="x", a="2"}': {0: 2, 10: 4},
    }


@pytest.mark.parametrize("parameter", ["NaN", "1e30", "Inf"])
def test_topk_of_no_number_is_an_error(parameter: str) -> None:
    """NaN, or beyond what 64 bits count."""
    with pytest.raises(EvaluationError):
        instant_query(f"topk({parameter}, x)", load("x 1"), 0)


def test_sorting() -> None:
    """NaN is last in both directions; over a range it does nothing, with a warning."""
    storage = load('x{a="1"} 2', 'x{a="2"} NaN', 'x{a="3"} 1')
    assert str(list(ask(storage, "sort(x)").values())) == "[1.0, 2.0, nan]"
    assert str(list(ask(storage, "sort_desc(x)").values())) == "[2.0, 1.0, nan]"


def test_count_values_writes_plain_numbers() -> None:
    """Never with an exponent; the label overwrites one of that name."""
    storage = load('x{a="1"} 1e22', 'x{a="2"} 1e-8', 'x{a="3"} 1e-8', 'x{a="4"} NaN', 'x{a="5"} -Inf')
    assert ask(storage, 'count_values("v", x)') == {
        '{v="10000000000000000000000"}': 1, '{v="0.00000001"}': 2, '{v="NaN"}': 1, '{v="-Inf"}': 1,
    }  # fmt: skip
    assert ask(storage, 'count_values without (b) ("a", x)')['{a="0.00000001"}'] == 2
    assert ask(storage, 'count_values without (a) ("a", x)') == {"{}": 5}
    assert ask(storage, 'count_values by (a) ("v", x{a="1"})') == {'{a="1", v="10000000000000000000000"}': 1}


BUCKETS = load('h{le="1"} 10', 'h{le="2"} 30', 'h{le="4"} 40', 'h{le="+Inf"} 50')


@pytest.mark.parametrize(
    ("quantile", "meant"),
    [
        ("0.1", 0.5),
        ("0.4", 1.5),
        ("0.7", 3),
        ("0.9", 4),
        ("1", 4),
        ("0", 0),
        ("-1", -INF),
        ("2", INF),
        ("NaN", math.nan),
    ],
)
def test_histogram_quantile_interpolates(quantile: str, meant: float) -> None:
    """The first bucket begins at 0; above the last finite bound is that bound."""
    assert value(BUCKETS, f"histogram_quantile({quantile}, h)") == pytest.approx(meant, nan_ok=True)


@pytest.mark.parametrize(
    ("series", "meant"),
    [
        (['h{le="1"} 10', 'h{le="2"} 30'], math.nan),
        (['h{le="+Inf"} 10'], math.nan),
        (['h{le="1"} 0', 'h{le="+Inf"} 0'], math.nan),
        (['h{le="-1"} 8', 'h{le="+Inf"} 10'], -1),
        (['h{le="1"} 5', 'h{le="1.0"} 5', 'h{le="+Inf"} 20'], 1),
        (['h{le="1"} 10', 'h{le="2"} 4', 'h{le="+Inf"} 10'], 0.5),
        (['h{le="1"} 10', 'h{le="what"} 4', 'h{le="+Inf"} 10'], 0.5),
        (['h{le="0x1p1"} 10', 'h{le="+inf"} 10'], 1),
    ],
)
def test_histograms_that_are_odd(series: list[str], meant: float) -> None:
    """No +Inf, one bucket, nothing in them, a negative first bound, a bound spelt twice, falling counts, no number."""
    assert value(load(*series), "histogram_quantile(0.5, h)") == pytest.approx(meant, nan_ok=True)


def test_histograms_say_what_was_wrong() -> None:
    """Falling counts are an info, a bound that is no number a warning."""
    result = instant_query("histogram_quantile(0.5, h)", load('h{le="1"} 10', 'h{le="2"} 4', 'h{le="+Inf"} 12'), 5000)
    (info,) = result.infos
    assert info == (
        "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/"
        "prometheus/latest/querying/functions/#histogram_quantile), from buckets 2 to 2, with a max diff of 6, over 1 "
        "samples from 1970-01-01T00:00:05Z to 1970-01-01T00:00:05Z"
    )
    result = instant_query("histogram_quantile(0.5, h)", load('h{le="x"} 1'), 0)
    assert result.warnings == ('PromQL warning: bucket label "le" is missing or has a malformed value of "x"',)


def test_falling_counts_are_lifted() -> None:
    """To the bucket below: 4, 2, 6 counts as 4, 4, 6, and the rank 5.4 is 1.4 of 2 between the bounds 2 and 4."""
    storage = load('h{le="1"} 4', 'h{le="2"} 2', 'h{le="4"} 6', 'h{le="+Inf"} 6')
    assert value(storage, "histogram_quantile(0.9, h)") == pytest.approx(3.4)


def test_rounding_in_buckets_is_not_reported() -> None:
    """A fall in the last digit is lifted in silence."""
    result = instant_query(
        "histogram_quantile(0.5, h)", load('h{le="1"} 10', f'h{{le="2"}} {10 * (1 - 1e-15)!r}', 'h{le="+Inf"} 12'), 0
    )
    assert result.infos == ()


def test_histograms_are_grouped_step_by_step() -> None:
    """Buckets may come and go."""
    storage = load('h{le="1"} 10 10', 'h{le="2"} _ 10', 'h{le="+Inf"} 20 20')
    assert over(storage, "histogram_quantile(0.25, h)", 0, 10, 10) == {"{}": {0: 0.5, 10: 0.5}}
    assert over(storage, "histogram_quantile(0.75, h)", 0, 10, 10) == {"{}": {0: 1, 10: 2}}


@pytest.mark.parametrize(
    ("low", "high", "meant"),
    [("0", "1", 0.2), ("0", "3", 0.7), ("1.5", "2", 0.2), ("-Inf", "Inf", 1), ("2", "1", 0), ("NaN", "1", math.nan)],
)
def test_histogram_fraction(low: str, high: str, meant: float) -> None:
    """The share of observations between two values."""
    assert value(BUCKETS, f"histogram_fraction({low}, {high}, h)") == pytest.approx(meant, nan_ok=True)


def test_counters_are_recognised_by_their_names() -> None:
    """`rate` of anything else is noted; it is no warning."""
    storage = load(f"x {repeat(9)}", f"x_total {repeat(9)}", f"x_bucket {repeat(9)}")
    result = instant_query("rate(x[1m])", storage, 60_000)
    assert result.infos == (
        'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "x"',
    )
    assert result.warnings == ()
    for quiet in ("rate(x_total[1m])", "increase(x_bucket[1m])", "delta(x[1m])", "rate(none[1m])", "irate(x[1m])"):
        assert instant_query(quiet, storage, 60_000).infos == (), quiet
