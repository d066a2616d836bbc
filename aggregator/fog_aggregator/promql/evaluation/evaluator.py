"""The evaluator: walks the tree, and hands each node's values to the functions that compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from fog_aggregator.promql.evaluation import aggregation, binary
from fog_aggregator.promql.evaluation.context import Context
from fog_aggregator.promql.evaluation.functions import (
    ABSENT_OVER_TIME,
    COUNTER_FUNCTIONS,
    NAME_KEEPERS,
    WINDOW_FUNCTIONS,
    absent,
    call_instant,
    matrix_of,
    scalar_of,
    text_of,
)
from fog_aggregator.promql.evaluation.matrix import Matrix, Scalar, String, Value, relabel
from fog_aggregator.promql.evaluation.over_time import one, prediction, quantile
from fog_aggregator.promql.evaluation.selectors import WindowFunction, last_samples, over_windows
from fog_aggregator.promql.evaluation.windows import Block
from fog_aggregator.promql.labels import metric_names
from fog_aggregator.promql.language.tree import (
    SET_OPERATORS,
    Aggregation,
    Binary,
    Call,
    Expression,
    Negation,
    Number,
    Selector,
    Subquery,
    Text,
    Window,
)
from fog_aggregator.promql.storage import Floats, Mask


def evaluate(expression: Expression, context: Context) -> Value:
    """Evaluate an instant vector, a scalar or a string at every step.

    Raises:
        QueryError: when it is not defined on these series, takes more than it may, or longer.
    """
    context.check_time()
    return _EVALUATORS[type(expression)](expression, context)


def evaluate_vector(expression: Expression, context: Context) -> Matrix:
    """Evaluate an instant vector."""
    return matrix_of(evaluate(expression, context))


def _number(node: Number, context: Context) -> Value:
    return Scalar(np.full(context.steps.size, node.value))


def _negation(node: Negation, context: Context) -> Value:
    value = evaluate(node.expression, context)
    if isinstance(value, Scalar):
        return Scalar(-value.values)
    matrix = matrix_of(value)
    return relabel(Matrix(matrix.labels, -matrix.values, matrix.present))


def _binary(node: Binary, context: Context) -> Value:
    left, right = evaluate(node.left, context), evaluate(node.right, context)
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return binary.scalars(node.operator, left, right)
    if isinstance(right, Scalar):
        found = binary.vector_scalar(node, matrix_of(left), right, swapped=False)
    elif isinstance(left, Scalar):
        found = binary.vector_scalar(node, matrix_of(right), left, swapped=True)
    elif node.operator in SET_OPERATORS:
        found = binary.set_operation(node, matrix_of(left), matrix_of(right))
    else:
        found = binary.vectors(node, matrix_of(left), matrix_of(right))
    context.usage.add_samples(found.values.size)
    return found


def _aggregation(node: Aggregation, context: Context) -> Value:
    parameter = None if node.parameter is None else evaluate(node.parameter, context)
    matrix = evaluate_vector(node.expression, context)
    if node.operator == "count_values":
        return aggregation.count_values(matrix, text_of(_given(parameter)), node.labels, without=node.without)
    key = aggregation.grouping(node.labels, without=node.without)
    if node.operator in {"topk", "bottomk"}:
        wanted = scalar_of(_given(parameter))
        return aggregation.top(matrix, key, wanted, largest=node.operator == "topk", in_order=not context.is_range)
    if node.operator == "quantile":
        return aggregation.quantile(matrix, key, scalar_of(_given(parameter)), context.annotations)
    return aggregation.reduce_groups(node.operator, matrix, key)


def _given(parameter: Value | None) -> Value:
    if parameter is None:
        raise TypeError("an aggregation without its parameter")
    return parameter


def _call(node: Call, context: Context) -> Value:
    windows = [argument for argument in node.arguments if isinstance(argument, Window | Subquery)]
    if windows:
        return _call_windows(node, windows[0], context)
    first = node.arguments[0] if node.arguments else None
    if node.function == "timestamp" and isinstance(first, Selector):
        return call_instant(context, node, [last_samples(first, context, times=True)])
    return call_instant(context, node, [evaluate(argument, context) for argument in node.arguments])


def _call_windows(node: Call, argument: Window | Subquery, context: Context) -> Value:
    if node.function == ABSENT_OVER_TIME:
        return absent(over_windows(argument, one, context, evaluate_vector), argument, context)
    function, every_step = _window_function(node, context)
    found = over_windows(argument, function, context, evaluate_vector, every_step=every_step)
    if node.function in COUNTER_FUNCTIONS:
        for name in sorted(metric_names(found.labels)):
            context.annotations.maybe_no_counter(name)
    if node.function in NAME_KEEPERS:
        return found
    return relabel(found, merge=False)


def _window_function(node: Call, context: Context) -> tuple[WindowFunction, bool]:
    """Make the function of a block, with its scalar argument filled in; tell whether it differs between steps."""
    known = WINDOW_FUNCTIONS.get(node.function)
    if known is not None:
        return known, False
    is_quantile = node.function == "quantile_over_time"
    given = scalar_of(evaluate(node.arguments[0 if is_quantile else 1], context))
    if is_quantile:
        for value in dict.fromkeys(given[~((given >= 0) & (given <= 1))].tolist()):
            context.annotations.bad_quantile(value)

    def compute(block: Block) -> tuple[Floats, Mask]:
        return quantile(block, given) if is_quantile else prediction(block, given, context.steps)

    return compute, True


_EVALUATORS: Final[dict[type, Callable[[Any, Context], Value]]] = {
    Aggregation: _aggregation,
    Binary: _binary,
    Call: _call,
    Negation: _negation,
    Number: _number,
    Selector: last_samples,
    Text: lambda node, _: String(node.value),
}
