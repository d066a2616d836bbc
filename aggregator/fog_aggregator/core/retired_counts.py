"""The books of what left the exposition: no count is ever dropped."""

from __future__ import annotations

import numpy as np

from fog_aggregator.core.merge import NOT_COUNTED
from fog_aggregator.core.state import State
from fog_aggregator.core.tables import FREE


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
            family = state.catalog.series[series].family
            counted[family] = counted.get(family, 0) + np.sum(values).item()
    return counted
