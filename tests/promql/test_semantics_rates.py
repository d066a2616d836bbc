"""The semantics of rate, increase, delta and their kin."""

from __future__ import annotations

import pytest

from tests.promql.asking import ask, load, over, repeat, value


def test_two_samples_are_needed() -> None:
    """Of one sample there is no rate; there are 0 resets and 0 changes."""
    storage = load("x_total 5")
    for function in ("rate", "increase", "delta", "irate", "idelta", "deriv"):
        assert ask(storage, f"{function}(x_total[1m])", 0) == {}, function
    assert value(storage, "resets(x_total[1m])") == 0
    assert value(storage, "changes(x_total[1m])") == 0
    assert ask(storage, "predict_linear(x_total[1m], 60)", 0) == {}


def test_the_change_is_stretched_to_near_edges() -> None:
    """Samples at 10, 20 … 60 s of a minute: the gaps are within 1.1 spacings, 50 becomes 60."""
    assert value(load(f"x_total {repeat(7, 100, 10)}"), "increase(x_total[1m])", 60) == pytest.approx(60)


def test_the_change_is_stretched_by_half_a_spacing_to_far_edges() -> None:
    """Samples at 0 … 30 s in a window from -30 to 60 s: 30 becomes 40, half a spacing on each side."""
    assert value(load(f"x_total {repeat(4, 100, 10)}"), "increase(x_total[90s])", 60) == pytest.approx(40)


def test_counters_are_not_stretched_below_zero() -> None:
    """The line of 2 at 10 s, 12 at 20 s meets zero 2 s before the first sample: 20 becomes 20 + 2 + 10."""
    storage = load("x_total _ 2 12 22 32", "g _ 2 12 22 32")
    assert value(storage, "increase(x_total[35s])", 40) == pytest.approx(30 + 2)
    assert value(storage, "delta(g[35s])", 40) == pytest.approx(30 + 5)


def test_half_a_spacing_comes_before_the_zero() -> None:
    """Since 2.51: a far edge is half a spacing away first, and zero may only shorten that.

    The line meets zero 8 s before the first sample: between half a spacing (5 s) and 1.1 spacings (11 s).
    """
    assert value(load("x_total _ _ _ 8 18"), "increase(x_total[40s])", 40) == pytest.approx(10 + 5)


def test_an_increase_of_whole_counts_is_fractional() -> None:
    """One count more between two samples that do not fill the window."""
    assert value(load("x_total 10 _ _ 11"), "increase(x_total[40s])", 35) == pytest.approx(35 / 30 + 5 / 30)


def test_rates_are_divided_by_the_range_asked() -> None:
    """Not by the time that the samples cover."""
    assert value(load(f"x_total {repeat(4, 100, 10)}"), "rate(x_total[90s])", 60) == pytest.approx(40 / 90)


def test_resets_add_what_was_before() -> None:
    """Any fall is a reset, over a gap too; several add up."""
    assert value(load("x_total 100 110 5 15"), "increase(x_total[40s])", 30) == pytest.approx(25 * 4 / 3)
    assert value(load("x_total 100 110 _ _ 5 15"), "increase(x_total[60s])", 50) == pytest.approx(
        (15 + 110 - 100) * 6 / 5
    )
    assert value(load("x_total 100 90 80 70"), "resets(x_total[40s])", 30) == 3


def test_a_delta_has_no_resets() -> None:
    """It is of gauges."""
    assert value(load("x 100 110 5 15"), "delta(x[40s])", 30) == pytest.approx(-85 * 4 / 3)
    assert value(load("x 100 110 5"), "idelta(x[40s])", 20) == -105


def test_irate_takes_the_last_two() -> None:
    """On a reset the last value is the change."""
    assert value(load("x_total 0 100 110"), "irate(x_total[1m])", 20) == 1
    assert value(load("x_total 0 100 50"), "irate(x_total[1m])", 20) == 5


def test_changes_between_nans_do_not_count() -> None:
    """From a number to NaN and back they do."""
    assert value(load("x 1 NaN NaN 1 1"), "changes(x[1m])", 40) == 2


def test_what_was_before_a_window_does_not_matter() -> None:
    """1e17, Inf and NaN before it leave no trace in later windows: nothing is a difference of running sums."""
    for before in ("1e17", "Inf", "NaN"):
        storage = load(f"x_total {before} 1 2 3.5", f"y {before} 1 2 3.5")
        assert value(storage, "sum_over_time(y[30s])", 30) == 6.5
        assert value(storage, "avg_over_time(y[30s])", 30) == pytest.approx(6.5 / 3)
        assert value(storage, "increase(x_total[30s])", 30) == pytest.approx(2.5 * 28 / 20)
        assert value(storage, "changes(y[30s])", 30) == 2
    assert value(load("x_total 1e17 0.25 0.5 0.25"), "resets(x_total[30s])", 30) == 1


def test_empty_windows_have_no_value() -> None:
    """Not the value of the next sample."""
    storage = load("x 1 _ _ _ _ _ _ _ _ 2 3.5")
    assert over(storage, "sum_over_time(x[20s])", 0, 110, 10) == {
        "{}": {0: 1, 10: 1, 90: 2, 100: 5.5, 110: 3.5},
    }
    assert list(over(storage, "max_over_time(x[20s])", 0, 110, 10)["{}"]) == [0, 10, 90, 100, 110]


def test_regressions() -> None:
    """The slope is per second, the prediction from the moment of the query; infinite values have none."""
    storage = load("x 1 2 3 4", "flat 5 5 5", "wild Inf Inf Inf")
    assert value(storage, "deriv(x[1m])", 30) == pytest.approx(0.1)
    assert value(storage, "predict_linear(x[1m], 60)", 30) == pytest.approx(10)
    assert value(storage, "predict_linear(x[1m] offset 10s, 60)", 30) == pytest.approx(10)
    assert value(storage, "deriv(flat[1m])", 20) == 0
    assert str(value(storage, "deriv(wild[1m])", 20)) == "nan"
