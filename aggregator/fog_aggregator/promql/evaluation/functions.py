"""All functions by name, and how each takes its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np

from fog_aggregator.promql.evaluation import over_time, rates
from fog_aggregator.promql.evaluation.context import Context
from fog_aggregator.promql.evaluation.elementwise import DATES, MATHEMATICS, round_to
from fog_aggregator.promql.evaluation.histograms import fraction_kernel, of_buckets, quantile_kernel
from fog_aggregator.promql.evaluation.label_functions import join_labels, labels_of_absent, replace_label
from fog_aggregator.promql.evaluation.matrix import Matrix, Scalar, String, Value, relabel
from fog_aggregator.promql.evaluation.windows import Block
from fog_aggregator.promql.language.tree import Call, Expression, Selector
from fog_aggregator.promql.storage import Floats, Mask

_Found: TypeAlias = tuple[Floats, Mask]

WINDOW_FUNCTIONS: Final[dict[str, Callable[[Block], _Found]]] = {
    "avg_over_time": over_time.mean,
    "changes": rates.changes,
    "count_over_time": over_time.count,
    "delta": partial(rates.extrapolated, counter=False, per_second=False),
    "deriv": over_time.derivative,
    "first_over_time": over_time.first,
    "idelta": partial(rates.instant, counter=False),
    "increase": partial(rates.extrapolated, counter=True, per_second=False),
    "irate": partial(rates.instant, counter=True),
    "last_over_time": over_time.last,
    "max_over_time": partial(over_time.extreme, which="max"),
    "min_over_time": partial(over_time.extreme, which="min"),
    "present_over_time": over_time.one,
    "rate": partial(rates.extrapolated, counter=True, per_second=True),
    "resets": rates.resets,
    "stddev_over_time": over_time.deviation,
    "stdvar_over_time": over_time.variance,
    "sum_over_time": over_time.total,
}
"""Functions of a range vector alone."""

NAME_KEEPERS: Final = frozenset({"first_over_time", "last_over_time"})
COUNTER_FUNCTIONS: Final = frozenset({"increase", "rate"})
"""Functions that tell when a metric is not called like a counter."""

WINDOW_FUNCTIONS_WITH_SCALAR: Final = frozenset({"predict_linear", "quantile_over_time"})
ABSENT_OVER_TIME: Final = "absent_over_time"


def matrix_of(value: Value) -> Matrix:
    """Take a value as an instant vector, which the parser has checked."""
    if not isinstance(value, Matrix):
        raise TypeError(f"{type(value).__name__} where an instant vector belongs")
    return value


def scalar_of(value: Value) -> Floats:
    """Take a value as a scalar, which the parser has checked."""
    if not isinstance(value, Scalar):
        raise TypeError(f"{type(value).__name__} where a scalar belongs")
    return value.values


def text_of(value: Value) -> str:
    """Take a value as a string, which the parser has checked."""
    if not isinstance(value, String):
        raise TypeError(f"{type(value).__name__} where a string belongs")
    return value.value


_Function: TypeAlias = Callable[[Context, Call, Sequence[Any]], Value]
"""From the context, the call and its evaluated arguments."""


def _mathematics(compute: Callable[[Floats], Floats], values: Sequence[Value]) -> Value:
    matrix = matrix_of(values[0])
    return relabel(Matrix(matrix.labels, compute(matrix.values), matrix.present))


def _date(compute: Callable[[Floats], Floats], context: Context, values: Sequence[Value]) -> Value:
    if values:
        return _mathematics(compute, values)
    return _of_steps(compute(context.steps / 1000.0))


def _of_steps(values: Floats) -> Matrix:
    """Make the one series without labels."""
    return Matrix([()], values[None, :], np.ones((1, values.size), np.bool_))


def _clamp(matrix: Matrix, low: Floats, high: Floats) -> Matrix:
    """Hold values between limits; as in Go, an infinite limit holds NaN too."""
    present = matrix.present & ~(high < low)
    below = np.where(np.isneginf(high), high, np.minimum(high, matrix.values))
    clamped = np.where(np.isposinf(low), low, np.maximum(low, below))
    return relabel(Matrix(matrix.labels, clamped, present))


def _round(_: Context, __: Call, values: Sequence[Value]) -> Value:
    nearest = scalar_of(values[1]) if len(values) > 1 else np.ones(1)
    return _mathematics(lambda found: round_to(found, nearest), values)


def _scalar(_: Context, __: Call, values: Sequence[Value]) -> Value:
    matrix = matrix_of(values[0])
    total = np.where(matrix.present, matrix.values, -0.0).sum(axis=0)
    return Scalar(np.where(matrix.present.sum(axis=0) == 1, total, np.nan))


def _absent(context: Context, call: Call, values: Sequence[Value]) -> Value:
    return absent(matrix_of(values[0]), call.arguments[0], context)


def absent(matrix: Matrix, argument: Expression, context: Context) -> Matrix:
    """Give 1 at each step at which nothing is present."""
    missing: Mask = ~np.any(matrix.present, axis=0)
    rows = 1 if missing.any() else 0
    labels = [labels_of_absent(argument)][:rows]
    return Matrix(labels, np.ones((rows, context.steps.size)), missing[None, :][:rows])


def _sort(context: Context, values: Sequence[Value], *, descending: bool) -> Value:
    matrix = matrix_of(values[0])
    if context.is_range:
        context.annotations.sort_in_range()
        return matrix
    column = matrix.values[:, 0]
    return matrix.take(np.argsort(-column if descending else column, kind="stable"))


def _timestamp(context: Context, call: Call, values: Sequence[Value]) -> Value:
    """Give times: of samples, if the argument is a selector (the evaluator has them then), else of the steps."""
    matrix = matrix_of(values[0])
    if isinstance(call.arguments[0], Selector):
        return relabel(matrix)
    times = np.broadcast_to(context.steps / 1000.0, matrix.values.shape)
    return relabel(Matrix(matrix.labels, times, matrix.present))


def _histogram_quantile(context: Context, _: Call, values: Sequence[Value]) -> Value:
    wanted, matrix = scalar_of(values[0]), matrix_of(values[1])
    bad = wanted[np.isnan(wanted) | (wanted < 0) | (wanted > 1)]
    for value in dict.fromkeys(bad.tolist()):
        context.annotations.bad_quantile(value)
    return of_buckets(matrix, quantile_kernel(wanted, context.steps, context.annotations), context.annotations)


def _histogram_fraction(context: Context, _: Call, values: Sequence[Value]) -> Value:
    kernel = fraction_kernel(scalar_of(values[0]), scalar_of(values[1]))
    return of_buckets(matrix_of(values[2]), kernel, context.annotations)


_SPECIAL: Final[dict[str, _Function]] = {
    "absent": _absent,
    "clamp": lambda _, __, values: _clamp(matrix_of(values[0]), scalar_of(values[1]), scalar_of(values[2])),
    "clamp_max": lambda _, __, values: _clamp(matrix_of(values[0]), np.full(1, -np.inf), scalar_of(values[1])),
    "clamp_min": lambda _, __, values: _clamp(matrix_of(values[0]), scalar_of(values[1]), np.full(1, np.inf)),
    "histogram_fraction": _histogram_fraction,
    "histogram_quantile": _histogram_quantile,
    "label_join": lambda _, __, values: join_labels(
        matrix_of(values[0]), text_of(values[1]), text_of(values[2]), [text_of(value) for value in values[3:]]
    ),
    "label_replace": lambda _, __, values: replace_label(
        matrix_of(values[0]), text_of(values[1]), text_of(values[2]), text_of(values[3]), text_of(values[4])
    ),
    "pi": lambda context, _, __: Scalar(np.full(context.steps.size, np.pi)),
    "round": _round,
    "scalar": _scalar,
    "sort": lambda context, _, values: _sort(context, values, descending=False),
    "sort_desc": lambda context, _, values: _sort(context, values, descending=True),
    "time": lambda context, _, __: Scalar(context.steps / 1000.0),
    "timestamp": _timestamp,
    "vector": lambda _, __, values: _of_steps(scalar_of(values[0])),
}

FUNCTIONS: Final = frozenset(
    {
        ABSENT_OVER_TIME,
        *WINDOW_FUNCTIONS,
        *WINDOW_FUNCTIONS_WITH_SCALAR,
        *MATHEMATICS,
        *DATES,
        *_SPECIAL,
    }
)
"""The names of all functions."""


def call_instant(context: Context, call: Call, values: Sequence[Value]) -> Value:
    """Call a function that has no range vector among its arguments."""
    if call.function in MATHEMATICS:
        return _mathematics(MATHEMATICS[call.function], values)
    if call.function in DATES:
        return _date(DATES[call.function], context, values)
    return _SPECIAL[call.function](context, call, values)
