"""Keep the books of what left the exposition: no count is ever dropped (R12.41)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fog_aggregator.core.columns import MAX_FRACTION, Bools, Float64s, Int64s
from fog_aggregator.core.kinds.table import grow
from fog_aggregator.core.saved import DamagedError, Saved, as_count, as_number
from fog_schema.limits import MAX_WHOLE


class RetiredCounts:
    """Keep the counts of label sets that left, and since when nobody has had those that have not left yet.

    Attributes:
        by_family: counts by family; of histograms, observations.
        last_held: observed time at which some writer had the series last, by its number.
    """

    def __init__(self) -> None:
        self.by_family: dict[int, float] = {}
        self.last_held: Float64s = np.zeros(0)

    def add(self, family: int, counted: float) -> None:
        """Add what was counted under a label set; integers stay at 2^63 - 1, as a checkpoint has no place for more."""
        add_counted(self.by_family, family, counted)

    def forget_families(self, families: Iterable[int]) -> None:
        """Forget families that are let go of: they have counted nothing."""
        for number in families:
            self.by_family.pop(number, None)

    def note_present(self, present: Bools, observed: float) -> None:
        """Note which series some writer has, by their numbers; those that are new were held until now."""
        known = len(self.last_held)
        if known < len(present):
            self.last_held = grow(self.last_held, len(present))
            self.last_held[known:] = observed
        self.last_held[present] = observed

    def renew(self, series: Int64s, observed: float) -> None:
        """Note that some numbers stand for nothing now: what gets them next is held from then on."""
        self.last_held[series] = observed

    def left(self, series: int, observed: float, horizon: float) -> Bools:
        """Tell which series nobody has held for the horizon, by their numbers; `series`: how many there are."""
        if len(self.last_held) < series:
            return np.zeros(series, np.bool_)
        return observed - self.last_held[:series] > horizon

    def image(self) -> Saved:
        """Return the counts, and when each series was held last."""
        return Saved({"by_family": list(self.by_family.items())}, {"last_held": self.last_held})

    def restore(self, saved: Saved) -> None:
        """Take over the counts of a checkpoint."""
        self.by_family = dict(saved.records("by_family", as_count, as_number))
        self.last_held = saved.column("last_held", np.float64)

    def check(self, families: int, series: int) -> None:
        """Check that families and series are there, after a restoration.

        Raises:
            DamagedError: one is not.
        """
        if max(self.by_family, default=-1) >= families or len(self.last_held) > series:
            raise DamagedError("retired counts are of families or series that are not there")


def add_counted(counted: dict[int, float], family: int, counts: float) -> None:
    """Add to the count of a family; integers stay at 2^63 - 1, doubles at the largest one."""
    total = counts + counted.get(family, 0)
    counted[family] = min(total, MAX_WHOLE if isinstance(total, int) else MAX_FRACTION)
