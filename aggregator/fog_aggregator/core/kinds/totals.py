"""Turn totals of series back into columns, as if one epoch had counted them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeGuard

import numpy as np

from fog_aggregator.core.columns import Int32s
from fog_aggregator.core.kinds.bucket_histogram import BUCKET_HISTOGRAM
from fog_aggregator.core.kinds.buckets.rows import rows_of
from fog_aggregator.core.kinds.exponential_histogram import EXPONENTIAL_HISTOGRAM
from fog_aggregator.core.kinds.fractional_counter import FRACTIONAL_COUNTER
from fog_aggregator.core.kinds.integer_counter import INTEGER_COUNTER
from fog_aggregator.core.kinds.kind import NO_EPOCHS, NO_SUMS, Kind
from fog_aggregator.core.kinds.view import ColumnCopy
from utilityfog_frontend.telemetry.kinds import Distribution
from utilityfog_frontend.telemetry.model import ExponentialValue, HistogramValue, Value


def is_counted(total: Any) -> TypeGuard[Value]:
    """Tell whether a total is of a kind whose values are counts."""
    return isinstance(total, Value)


def is_nothing(total: Value) -> bool:
    """Tell whether nothing was counted."""
    return not (any(total.counts) or total.sum) if isinstance(total, Distribution) else total == 0


def is_negative(total: Value) -> bool:
    """Tell whether a difference of totals has a count that is less than nothing."""
    return any(count < 0 for count in total.counts) if isinstance(total, Distribution) else total < 0


def columns_of(totals: Iterable[tuple[int, Value, bool]]) -> dict[Kind, tuple[Int32s, ColumnCopy]]:
    """Return totals as the columns of their kinds.

    Args:
        totals: the series' number, its total, and whether a writer still has the series.
    """
    by_kind: dict[Kind, list[tuple[int, Value, bool]]] = defaultdict(list)
    for row in totals:
        by_kind[_kind_of(row[1])].append(row)
    return {kind: _column(kind, *zip(*rows, strict=True)) for kind, rows in by_kind.items()}


def _kind_of(total: Value) -> Kind:
    if isinstance(total, ExponentialValue):
        return EXPONENTIAL_HISTOGRAM
    if isinstance(total, HistogramValue):
        return BUCKET_HISTOGRAM.of_size(len(total.counts))
    return INTEGER_COUNTER if isinstance(total, int) else FRACTIONAL_COUNTER


def _column(
    kind: Kind, series: tuple[int, ...], totals: tuple[Value, ...], live: tuple[bool, ...]
) -> tuple[Int32s, ColumnCopy]:
    histograms = [total for total in totals if isinstance(total, HistogramValue)]
    exponential = [total for total in totals if isinstance(total, ExponentialValue)]
    several: list[Distribution] = [*histograms, *exponential]
    sums = np.array([total.sum for total in several]) if several else NO_SUMS
    if exponential:
        values = rows_of(exponential)
    else:
        counts = [total.counts for total in histograms] if histograms else totals
        values = np.array(counts, kind.new_table().values.dtype)
    return np.array(series, np.int32), ColumnCopy(values, sums, np.array(live, np.bool_), NO_EPOCHS)
