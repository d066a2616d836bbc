"""Join whole replicas, compare them with what was joined, and part what was joined when a replica begins anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Int64s
from fog_aggregator.core.kinds import Kind, SlotHolder, Tables
from fog_aggregator.core.places.place import close

SLACK: Final = 1e-12
"""Fractions that were added in another order may differ by so much."""
_LARGEST: Final = float(2**62)


def join_all(tables: Tables, joined: SlotHolder, replica: SlotHolder) -> None:
    """Raise what was joined to all that a replica has."""
    for kind, places in replica.maps.items():
        if kind.counted:
            kind.join(tables, joined, places.items()[1])


def is_behind(tables: Tables, joined: SlotHolder, replicas: Sequence[SlotHolder]) -> bool:
    """Tell whether replicas, of each count the best one, have less than what was joined.

    Label sets that have left the branch do not count.
    """
    for kind, places in joined.maps.items():
        ids, slots = places.items()
        table, live = tables[kind], tables[kind].live[slots]
        ids, values = ids[live], table.values[slots[live]]
        if len(ids):
            best = np.zeros_like(values)
            for form in kind.forms:
                for replica in replicas:
                    _raise(best, ids, tables, form, replica)
            slack = SLACK if values.dtype.kind == "f" else 0
            if (values - best > slack * values).any():
                return True
    return False


def part(tables: Tables, former: SlotHolder, joined: SlotHolder, replicas: Sequence[SlotHolder]) -> None:
    """Move what was joined to `former`, less what replicas have: their growth from now on adds to it (R13.19).

    Both together are then as much as before, or as much as what replicas have where that is more: no replica is above
    the truth.
    """
    close(tables, former, joined)
    for replica in replicas:
        join_all(tables, former, replica)
        join_all(tables, joined, replica)
    for one, other in ((former, joined), (joined, former)):  # a counter that is a fraction in one is so in both
        for kind, places in list(one.maps.items()):
            kind.take_over(tables, other, places.items()[0])
    for kind, places in joined.maps.items():
        kind.retract(tables, former, places.items()[1])
    for kind, places in former.maps.items():
        tables[kind].live[places.items()[1]] = False  # nobody has these any more


def _raise(best: np.ndarray, ids: Int64s, tables: Tables, form: Kind, replica: SlotHolder) -> None:
    """Raise the best value of each series, `ids`, to what a replica has of it in one form."""
    if form not in replica.maps:
        return
    slots, table = replica.maps[form].items()[1], tables[form]
    series = table.series[slots].astype(np.int64)
    at = np.minimum(np.searchsorted(ids, series), len(ids) - 1)
    known = ids[at] == series
    values = table.values[slots[known]]
    if values.dtype != best.dtype and values.dtype.kind == "f":
        values = np.minimum(values, _LARGEST)
    np.maximum.at(best, at[known], values.astype(best.dtype))
