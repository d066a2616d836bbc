"""The books of what left the exposition: no count is ever dropped."""

from __future__ import annotations

import numpy as np

from fog_aggregator.core.kinds.table import FREE
from fog_aggregator.core.state import State
from fog_schema.limits import MAX_WHOLE


def add_counted(counted: dict[int, float], family: int, count: float) -> None:
    """Add a slot's count to that of a family; integers stay at 2^63 - 1, as a checkpoint has no place for more."""
    total = count + counted.get(family, 0)
    counted[family] = min(total, MAX_WHOLE) if isinstance(total, int) else total


def departed(state: State) -> dict[int, float]:
    """What was counted under label sets that nobody has held for the horizon, by family; of histograms, observations.

    Both those that are in the state's ledger already and those that an epoch may still speak of.
    """
    counted = dict(state.ledger)
    gone = state.retired_series(np.arange(len(state.catalog.series)))
    gone[state.catalog.free] = False
    if not gone.any():
        return counted
    for kind, table in state.tables.items():
        if not kind.counted:
            continue
        slots = np.flatnonzero(gone[table.series[: table.size]] & (table.series[: table.size] != FREE))
        for series, count in zip(table.series[slots].tolist(), kind.exact_counts(table, slots), strict=True):
            add_counted(counted, state.catalog.series[series].family, count)
    return counted
