"""The JSON of the API: numbers, times, order, types, errors."""

from __future__ import annotations

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.promql import (
    BadQueryError,
    EvaluationError,
    QueryTimeoutError,
    data_json,
    error_json,
    instant_query,
    range_query,
    response_json,
)
from fog_aggregator.promql.formatting import (
    format_exponent,
    format_general,
    format_plain,
    format_sample,
    format_time,
    prepare_samples,
)
from tests.promql.asking import load
from tests.promql.recorded import TIMES


def prepared(*row: float) -> str:
    """Write a row of numbers as the answers do."""
    (numbers,) = prepare_samples(np.array([row]))
    return " ".join(map(str, numbers))


NUMBERS = st.floats() | st.integers(-(10**22), 10**22).map(float) | st.floats(1e-7, 1e-5)


@pytest.mark.parametrize(
    ("value", "sample", "plain", "exponent"),
    [
        (0.0, "0", "0", "0e+00"),
        (-0.0, "-0", "-0", "-0e+00"),
        (1.0, "1", "1", "1e+00"),
        (-1.5, "-1.5", "-1.5", "-1.5e+00"),
        (1234567.0, "1234567", "1234567", "1.234567e+06"),
        (1e20, "100000000000000000000", "100000000000000000000", "1e+20"),
        (1e21, "1e+21", "1000000000000000000000", "1e+21"),
        (123456789012345680000.0, "123456789012345680000", "123456789012345680000", "1.2345678901234568e+20"),
        (1e16, "10000000000000000", "10000000000000000", "1e+16"),
        (0.0001, "0.0001", "0.0001", "1e-04"),
        (0.00001, "0.00001", "0.00001", "1e-05"),
        (1e-6, "0.000001", "0.000001", "1e-06"),
        (9.9e-7, "9.9e-07", "0.00000099", "9.9e-07"),
        (1e-7, "1e-07", "0.0000001", "1e-07"),
        (1.5e300, "1.5e+300", "15" + "0" * 299, "1.5e+300"),
        (5e-324, "5e-324", "0." + "0" * 323 + "5", "5e-324"),
        (math.nan, "NaN", "NaN", "NaN"),
        (math.inf, "+Inf", "+Inf", "+Inf"),
        (-math.inf, "-Inf", "-Inf", "-Inf"),
    ],
)
def test_numbers_are_written_as_prometheus_does(value: float, sample: str, plain: str, exponent: str) -> None:
    """In vectors, in scalars and labels, in rules and alerts."""
    assert format_sample(value) == sample
    assert prepared(value) == sample
    assert format_plain(value) == plain
    assert format_exponent(value) == exponent


@given(st.lists(NUMBERS, min_size=1, max_size=6))
def test_rows_of_numbers_are_written_as_each_alone(row: list[float]) -> None:
    """Whatever stands beside it."""
    assert prepared(*row) == " ".join(map(format_sample, row))


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.0, "2"), (1e6, "1e+06"), (123456.0, "123456"), (1e-5, "1e-05"), (0.25, "0.25"), (math.inf, "+Inf")],
)
def test_numbers_in_messages(value: float, text: str) -> None:
    """Go's `%g`."""
    assert format_general(value) == text


@given(NUMBERS)
def test_numbers_are_read_back(value: float) -> None:
    """Every way of writing keeps every digit."""
    for text in (format_sample(value), format_plain(value), format_exponent(value), prepared(value)):
        back = float(text)
        assert math.isnan(back) if math.isnan(value) else struct.pack("d", back) == struct.pack("d", value)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (1_234_000, "1234"),
        (1_234_500, "1234.500"),
        (1_010, "1.010"),
        (1_001, "1.001"),
        (0, "0"),
        (-1_500, "-1.500"),
        (-20, "-0.020"),
    ],
)
def test_times_have_none_or_three_decimals(time: int, text: str) -> None:
    """Before 1970 too."""
    assert format_time(time) == text


@pytest.mark.parametrize(("expression", "moment", "data"), TIMES)
def test_times_are_written_as_recorded(expression: str, moment: str, data: str) -> None:
    """Of scalars and strings as numbers are (`1.5`), of vectors and matrices with three decimals (`1.500`)."""
    assert data_json(instant_query(expression, STORAGE, round(float(moment) * 1000)).data) == data


STORAGE = load('x{a="1"} 1 2.5 _ 1e21', 'x{a="0"} 3', 'n{q="a\\"b\\\\c\\nd"} NaN')


@pytest.mark.parametrize(
    ("expression", "data"),
    [
        ("1e21", '{"resultType":"scalar","result":[10.5,"1000000000000000000000"]}'),
        ('"a\\"b\u00e9"', '{"resultType":"string","result":[10.5,"a\\"b\u00e9"]}'),
        ("none", '{"resultType":"vector","result":[]}'),
        ("none[1m]", '{"resultType":"matrix","result":[]}'),
        ('x{a="1"}', '{"resultType":"vector","result":[{"metric":{"__name__":"x","a":"1"},"value":[10.500,"2.5"]}]}'),
        ("sum(x)", '{"resultType":"vector","result":[{"metric":{},"value":[10.500,"5.5"]}]}'),
        (
            "x[1m]",
            (
                '{"resultType":"matrix","result":[{"metric":{"__name__":"x","a":"0"},"values":[[0,"3"]]},'
                '{"metric":{"__name__":"x","a":"1"},"values":[[0,"1"],[10,"2.5"]]}]}'
            ),
        ),
        (
            "n",
            '{"resultType":"vector","result":[{"metric":{"__name__":"n","q":"a\\"b\\\\c\\nd"},"value":[10.500,"NaN"]}]}',
        ),
    ],
)
def test_instant_data(expression: str, data: str) -> None:
    """Every type, character by character."""
    assert data_json(instant_query(expression, STORAGE, 10_500).data) == data


def test_range_data_is_sorted_by_labels() -> None:
    """With the steps at which a series is present; a scalar becomes a series without labels."""
    assert data_json(range_query("x", STORAGE, 290_500, 310_000, 10_000).data) == (
        '{"resultType":"matrix","result":['
        '{"metric":{"__name__":"x","a":"0"},"values":[[290.500,"3"]]},'
        '{"metric":{"__name__":"x","a":"1"},"values":[[290.500,"1e+21"],[300.500,"1e+21"]]}]}'
    )
    assert data_json(range_query("1.5", STORAGE, 0, 1000, 1000).data) == (
        '{"resultType":"matrix","result":[{"metric":{},"values":[[0,"1.5"],[1,"1.5"]]}]}'
    )


def test_whole_numbers_and_zeros_keep_their_signs() -> None:
    """The fast way writes what the careful one does."""
    storage = load("x 5 -0 0 -7 1e15 1e16 12345678901234567890")
    data = json.loads(data_json(range_query("x", storage, 0, 60_000, 10_000).data))
    assert [value for _, value in data["result"][0]["values"]] == [
        "5", "-0", "0", "-7", "1000000000000000", "10000000000000000", "12345678901234567000",
    ]  # fmt: skip


def test_order_of_topk_and_sort_is_kept() -> None:
    """A vector is not sorted by labels."""
    data = json.loads(data_json(instant_query("sort_desc(x)", STORAGE, 0).data))
    assert [series["metric"]["a"] for series in data["result"]] == ["0", "1"]
    data = json.loads(data_json(instant_query("sort(x)", STORAGE, 0).data))
    assert [series["metric"]["a"] for series in data["result"]] == ["1", "0"]


def test_warnings_and_infos_stand_apart() -> None:
    """In the answer; an answer without them has neither key."""
    answer = json.loads(response_json(instant_query("quantile(2, rate(x[1m]))", STORAGE, 10_000)))
    assert list(answer) == ["status", "data", "warnings", "infos"]
    assert list(json.loads(response_json(instant_query("x", STORAGE, 0)))) == ["status", "data"]


def test_sorting_a_range_is_warned_of() -> None:
    """It does nothing there."""
    result = range_query("sort(x)", STORAGE, 0, 10_000, 10_000)
    assert result.warnings == (
        "PromQL warning: sort is ineffective for range queries since results are always ordered by labels",
    )


@pytest.mark.parametrize(
    ("error", "kind"), [(BadQueryError, "bad_data"), (EvaluationError, "execution"), (QueryTimeoutError, "timeout")]
)
def test_errors(error: type[BadQueryError], kind: str) -> None:
    """With their types."""
    assert error_json(error('a "b"')) == f'{{"status":"error","errorType":"{kind}","error":"a \\"b\\""}}'
