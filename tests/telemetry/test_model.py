"""Values add up and come apart as the series they are of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utilityfog_frontend.telemetry.model import HistogramValue, Value, add_values, subtract_values

numbers = st.integers(0, 2**53)
histograms = st.builds(HistogramValue, st.tuples(numbers, numbers), st.integers(0, 2**30).map(float))


@given(st.one_of(st.tuples(numbers, numbers), st.tuples(histograms, histograms)))
def test_what_was_added_can_be_taken_away(pair: tuple[Value, Value]) -> None:
    """Numbers and histograms alike."""
    one, other = pair
    assert subtract_values(add_values(one, other), other) == one
    assert add_values(one, other) == add_values(other, one)


def test_a_histogram_and_a_number_do_not_mix() -> None:
    """They cannot be of one series."""
    histogram = HistogramValue((1, 2), 3.0)
    for operation in (add_values, subtract_values):
        for one, other in ((histogram, 1), (1, histogram)):
            with pytest.raises(TypeError):
                operation(one, other)


def test_histograms_of_different_bounds_do_not_mix() -> None:
    """Position by position they would mean nothing."""
    with pytest.raises(ValueError, match="zip"):
        add_values(HistogramValue((1, 2), 3.0), HistogramValue((1,), 3.0))
