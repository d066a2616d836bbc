"""Merge histograms of different bounds on the union of their bounds, and show them at the bounds of one (R12.28).

Each bucket's count stands at its own upper bound, so the ladder at any ``le`` is never above the truth, and exact
where all have that bound. Associative and commutative.
"""

from __future__ import annotations

import numpy as np

from fog_aggregator.core.columns import Int64s, saturating_add
from fog_aggregator.core.series import Bounds


def show_at(bounds: Bounds, own: Bounds, counts: Int64s) -> Int64s:
    """Show histograms with bounds `own` at `bounds`: a bucket counts at the first bound that is not below its own.

    Counts are not cumulative, the last is +Inf: shapes (n, len(own) + 1), result (n, len(bounds) + 1).
    """
    if own == bounds:
        return counts
    places = [*np.searchsorted(bounds, own).tolist(), len(bounds)]
    shown = np.zeros((len(counts), len(bounds) + 1), np.int64)
    for bucket, place in enumerate(places):
        shown[:, place], _ = saturating_add(shown[:, place], counts[:, bucket])
    return shown
