"""Selectors: from samples of the storage to values at steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from fog_aggregator.promql.evaluation.context import Context
from fog_aggregator.promql.evaluation.matrix import Matrix, drop_absent, empty, stack
from fog_aggregator.promql.evaluation.windows import Block, Moments, blocks, without_stale
from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.language.tree import Selector, Subquery, Window
from fog_aggregator.promql.storage import Floats, Ints, Mask, Part, is_stale, parts_of_grid

Evaluate: TypeAlias = Callable[..., Matrix]
"""Evaluates an instant vector in a context."""

WindowFunction: TypeAlias = Callable[[Block], tuple[Floats, Mask]]


def read(selector: Selector, moments: Moments, context: Context) -> list[Part]:
    """Ask the storage for the samples of all windows."""
    context.check_time()
    selection = context.storage.select(selector.matchers, moments.first_wanted, moments.last_wanted)
    for text in selection.warnings:
        context.annotations.warn(text)
    parts = [part for part in selection.parts if part.samples]
    context.usage.add_series(sum(len(part.labels) for part in parts))
    context.usage.add_samples(sum(part.samples for part in parts))
    return parts


def last_samples(selector: Selector, context: Context, *, times: bool = False) -> Matrix:
    """Take the last sample of each series at each step, or its time in seconds; none where it is stale or too old."""
    ends, fixed = context.moments(selector.offset, selector.at)
    moments = Moments(ends, context.options.lookback, context.options.closed, context.check_time)

    def newest(block: Block) -> tuple[Floats, Mask]:
        found = block.at(block.high - 1)
        present = block.has(1)
        if np.isnan(found).any():
            present = present & ~is_stale(np.ascontiguousarray(found))
        if times:
            found = np.broadcast_to(block.times_at(block.high - 1) / 1000.0, block.shape)
        return found, present

    return _over(read(selector, moments, context), moments, newest, context, fixed=fixed)


def over_windows(
    argument: Window | Subquery,
    function: WindowFunction,
    context: Context,
    evaluate: Evaluate,
    *,
    every_step: bool = False,
) -> Matrix:
    """Apply a function to the window of each series at each step.

    Args:
        argument: The range vector.
        function: The computation, of a block.
        context: At which steps.
        evaluate: Evaluates the expression of a subquery.
        every_step: Whether the function differs between steps even where the window does not.
    """
    parts, moments, fixed = window_parts(argument, context, evaluate)
    if fixed and every_step:
        moments, fixed = replace(moments, ends=np.repeat(moments.ends, context.steps.size)), False
    return _over(parts, moments, function, context, fixed=fixed)


def window_parts(argument: Window | Subquery, context: Context, evaluate: Evaluate) -> tuple[list[Part], Moments, bool]:
    """Get the samples that windows are made of, without stale markers.

    Returns:
        The samples, the windows, and whether there is one window for all steps.
    """
    place = argument.selector if isinstance(argument, Window) else argument
    ends, fixed = context.moments(place.offset, place.at)
    moments = Moments(ends, argument.range, context.options.closed, context.check_time)
    if isinstance(argument, Subquery):
        return _evaluate_subquery(argument, moments, context, evaluate), moments, fixed
    parts = read(argument.selector, moments, context)
    return [clean for part in parts for clean in without_stale(part)], moments, fixed


def _evaluate_subquery(subquery: Subquery, moments: Moments, context: Context, evaluate: Evaluate) -> list[Part]:
    """Evaluate at the multiples of the step that lie in a window; they do not depend on when the query begins."""
    step = subquery.step or context.options.subquery_step
    first = -(-moments.first_wanted // step) * step
    count = (moments.last_wanted - first) // step + 1
    if count <= 0:
        return []
    context.usage.add_samples(count)
    steps = first + np.arange(count, dtype=np.int64) * step
    found = evaluate(subquery.expression, context.at_steps(steps))
    return parts_of_grid(found.labels, steps, found.values, found.present)


def _over(parts: list[Part], moments: Moments, function: WindowFunction, context: Context, *, fixed: bool) -> Matrix:
    """Apply a function block by block; what is the same for all steps is computed once."""
    step_count = moments.ends.size
    found = []
    for part in parts:
        context.usage.add_samples(len(part.labels) * context.steps.size)
        values = np.empty((len(part.labels), step_count))
        present = np.zeros(values.shape, np.bool_)
        for rows, block in blocks(part, moments):
            context.check_time()
            values[rows], present[rows] = function(block)
        found.append(Matrix(list(part.labels), values, present))
    matrix = drop_absent(stack(found, step_count)) if found else empty(step_count)
    return broadcast(matrix, context.steps.size) if fixed else matrix


def broadcast(matrix: Matrix, steps: int) -> Matrix:
    """Repeat the one step of a matrix."""
    shape = (matrix.rows, steps)
    return Matrix(matrix.labels, np.broadcast_to(matrix.values, shape), np.broadcast_to(matrix.present, shape))


def raw_series(argument: Window | Subquery, context: Context, evaluate: Evaluate) -> list[tuple[Labels, Ints, Floats]]:
    """Give the samples of one window as they are, series by series."""
    parts, moments, _ = window_parts(argument, context, evaluate)
    found = []
    for part in parts:
        for rows, block in blocks(part, moments):
            for row, labels in enumerate(part.labels[rows]):
                line = 0 if block.shared else row
                low, high, base = int(block.low[line, 0]), int(block.high[line, 0]), int(block.base[row, 0])
                if high > low:
                    found.append((labels, block.times[low:high], block.values[base + low : base + high]))
    return found
