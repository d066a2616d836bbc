"""The books of what left the exposition: no count is ever dropped."""

from __future__ import annotations

from typing import Any

import numpy as np

from fog_aggregator.core.merge import NOT_COUNTED
from fog_aggregator.core.state import State
from fog_aggregator.core.tables import FREE
from fog_schema.limits import MAX_WHOLE


def add_counted(counted: dict[int, float], family: int, values: Any) -> None:
    """Add a slot's value, or its buckets, to the count of a family; whole counts stay at 2^63 - 1.

    A checkpoint has no place for more.
    """
    total = sum(np.ravel(values).tolist(), counted.get(family, 0))
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
    for width, table in state.tables.items():
        if width in NOT_COUNTED:
            continue
        slots = np.flatnonzero(gone[table.series[: table.size]] & (table.series[: table.size] != FREE))
        for series, values in zip(table.series[slots].tolist(), table.values[slots], strict=True):
            add_counted(counted, state.catalog.series[series].family, values)
    return counted
