"""Show rows of exponential histograms with the same bounds, at which each of them is exact."""

from __future__ import annotations

import numpy as np

from fog_aggregator.core.columns import Int64s
from fog_aggregator.core.kinds.buckets.rows import (
    HEAD,
    ZERO,
    laid_out,
    layout_of,
)
from fog_aggregator.core.series import Bounds
from fog_schema.limits import MAX_SCHEMA
from utilityfog_frontend.telemetry.exponential.ladder import Ladder


def ladder_of(rows: Int64s) -> tuple[Bounds, Int64s]:
    """Return bounds, as fine as fit all rows, and the observations by bound, not cumulative.

    Shapes (n, ROW), result (n, bounds + 1): the last ones are those of +Inf. The bounds are as those of `Ladder`.
    """
    head = layout_of(rows, np.zeros(len(rows), np.int64), 1)
    placed = laid_out(rows, np.broadcast_to(head, (len(rows), HEAD)))
    coarseness, _, above, above_length, below, below_length = head[0].tolist()
    ladder = Ladder(MAX_SCHEMA - coarseness, (above, above + above_length - 1), (below, below + below_length - 1))
    bounds = ladder.bounds
    counts = np.zeros((len(rows), len(bounds) + 1), np.int64)
    zero = ladder.zero_place
    counts[:, zero] = placed[:, ZERO]
    counts[:, zero + 1 : zero + 1 + above_length] = placed[:, HEAD : HEAD + above_length]
    negative = placed[:, HEAD + above_length : HEAD + above_length + below_length]
    counts[:, zero - below_length : zero] = negative[:, ::-1]
    return bounds, counts
