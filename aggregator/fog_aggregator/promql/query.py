"""Queries: an expression at one moment or at the steps of a range, over a storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from fog_aggregator.promql.errors import BadQueryError, EvaluationError
from fog_aggregator.promql.evaluation.annotations import Annotations
from fog_aggregator.promql.evaluation.context import Context, Options, Usage
from fog_aggregator.promql.evaluation.evaluator import evaluate, evaluate_vector
from fog_aggregator.promql.evaluation.matrix import Matrix, Scalar, String, Value
from fog_aggregator.promql.evaluation.selectors import raw_series
from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.language.parse import MAX_TIME, parse
from fog_aggregator.promql.language.tree import Expression, Subquery, ValueType, Window, type_of
from fog_aggregator.promql.storage import Floats, Ints, Storage

DEFAULT: Final = Options()
TRUNCATED: Final = "results truncated due to limit"
"""The warning of an answer that has not all series."""


@dataclass(frozen=True, slots=True)
class VectorResult:
    """Series with one value each, at the moment of the query."""

    time: int
    labels: Sequence[Labels]
    values: Floats


@dataclass(frozen=True, slots=True)
class MatrixResult:
    """Series with the values at the steps at which they are present, sorted by labels."""

    steps: Ints
    matrix: Matrix


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """Series with samples at times of their own, sorted by labels: a range vector."""

    series: Sequence[tuple[Labels, Ints, Floats]]


@dataclass(frozen=True, slots=True)
class ScalarResult:
    """A number at the moment of the query."""

    time: int
    value: float


@dataclass(frozen=True, slots=True)
class StringResult:
    """A text at the moment of the query."""

    time: int
    value: str


Data: TypeAlias = VectorResult | MatrixResult | SeriesResult | ScalarResult | StringResult


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a query, and what it should be read with."""

    data: Data
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


def instant_query(query: str | Expression, storage: Storage, time: int, options: Options = DEFAULT) -> Result:
    """Evaluate an expression, as text or parsed, at one moment in milliseconds.

    Raises:
        QueryError: when it cannot be read or evaluated; its `error_type` is that of the API.
    """
    expression = parse(query) if isinstance(query, str) else query
    _check_times(time)
    context = _context(np.array([time], np.int64), storage, options, time, time)
    with _guarded():
        data = _instant_data(expression, context, time)
    return Result(data, context.annotations.warnings, context.annotations.infos)


def range_query(
    query: str | Expression, storage: Storage, start: int, end: int, step: int, options: Options = DEFAULT
) -> Result:
    """Evaluate an expression at ``start``, ``start + step`` and so on until `end`, all in milliseconds.

    Raises:
        QueryError: as `instant_query`; and for steps that are none or too many.
    """
    _check_range(start, end, step, options)
    expression = parse(query) if isinstance(query, str) else query
    kind = type_of(expression)
    if kind not in {ValueType.VECTOR, ValueType.SCALAR}:
        raise BadQueryError(f'invalid expression type "{kind.value}" for range query, must be Scalar or instant Vector')
    steps = np.arange(start, end + 1, step, dtype=np.int64)
    context = _context(steps, storage, options, start, end)
    with _guarded():
        value = evaluate(expression, context)
    if isinstance(value, Scalar):
        matrix = Matrix([()], value.values[None, :], np.ones((1, steps.size), np.bool_))
    else:
        matrix = _sorted(value)
    return Result(MatrixResult(steps, matrix), context.annotations.warnings, context.annotations.infos)


def limit_series(result: Result, limit: int) -> Result:
    """Keep the first `limit` series, with a warning if there are more; all for 0."""
    data = result.data
    cut: Data
    if not limit:
        return result
    if isinstance(data, VectorResult) and len(data.labels) > limit:
        cut = replace(data, labels=data.labels[:limit], values=data.values[:limit])
    elif isinstance(data, MatrixResult) and data.matrix.rows > limit:
        cut = replace(data, matrix=data.matrix.take(np.arange(limit)))
    elif isinstance(data, SeriesResult) and len(data.series) > limit:
        cut = replace(data, series=data.series[:limit])
    else:
        return result
    return replace(result, data=cut, warnings=(*result.warnings, TRUNCATED))


def _check_times(*times: int) -> None:
    for time in times:
        if abs(time) >= MAX_TIME:
            raise BadQueryError(f"the time {time / 1000:g} is out of bounds")


def _check_range(start: int, end: int, step: int, options: Options) -> None:
    _check_times(start, end, step)
    if end < start:
        raise BadQueryError("end timestamp must not be before start time")
    if step <= 0:
        raise BadQueryError("zero or negative query resolution step widths are not accepted. Try a positive integer")
    if (end - start) // step > options.limits.points:
        raise BadQueryError(
            f"exceeded maximum resolution of {options.limits.points:,} points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )


def _context(steps: Ints, storage: Storage, options: Options, start: int, end: int) -> Context:
    return Context(
        steps=steps,
        start=start,
        end=end,
        options=options,
        storage=storage,
        annotations=Annotations(),
        usage=Usage(options.limits, options.taken),
        is_range=start != end,
    )


@contextmanager
def _guarded() -> Iterator[None]:
    """Let numbers overflow in silence, and turn what the interpreter runs out of into errors of the query."""
    try:
        with np.errstate(all="ignore"):
            yield
    except RecursionError:
        raise EvaluationError("the expression is nested too deeply to be evaluated: write it flatter") from None
    except MemoryError:
        raise EvaluationError("there is not enough memory for this query: ask for fewer series or steps") from None


def _instant_data(expression: Expression, context: Context, time: int) -> Data:
    if isinstance(expression, Window | Subquery):
        series = raw_series(expression, context, evaluate_vector)
        return SeriesResult(sorted(series, key=lambda one: one[0]))
    value = evaluate(expression, context)
    if isinstance(value, Scalar):
        return ScalarResult(time, float(value.values[0]))
    if isinstance(value, String):
        return StringResult(time, value.value)
    return VectorResult(time, value.labels, value.values[:, 0])


def _sorted(value: Value) -> Matrix:
    if not isinstance(value, Matrix):
        raise TypeError(f"{type(value).__name__} where an instant vector belongs")
    order = sorted(range(value.rows), key=value.labels.__getitem__)
    return value.take(np.array(order, np.int64))
