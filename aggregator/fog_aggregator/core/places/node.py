"""A node: its epochs add up, each in full (R12.12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from fog_aggregator.core.kinds import Kind, Tables
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.places.coverage import Coverage, Life
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.places.place import Ids, Place, close, drop_absent
from fog_aggregator.core.places.rows import STALE_INTERVALS, UNHEARD_SECONDS, Rows
from fog_schema.frames import KEYFRAME, Frame


class Node(Place):
    """A path whose epochs are runs of its own writers."""

    branch: ClassVar[bool] = False
    adds_up: ClassVar[bool] = True
    takes_batches: ClassVar[bool] = True
    counts_itself: ClassVar[bool] = True
    asked_alone: ClassVar[bool] = False
    covers_below: ClassVar[bool] = False
    forgettable: ClassVar[bool] = True

    def is_heard_on(self, *, rollup: bool) -> bool:
        """Take frames of metrics alone."""
        return not rollup

    @property
    def node_info(self) -> Mapping[str, str]:
        """The node's information about itself."""
        return self.info

    def most_silent(self, limits: FleetLimits) -> int:
        """Return the limit for nodes (R12.14)."""
        return limits.silent_per_path

    def kind_of(self, defined: Kind) -> Kind:
        """Return the kind as it is defined."""
        return defined

    def born(self, epoch: Epoch, frame: Frame, timestamp: float) -> float:
        """Return the epoch's birth, for a delta the end of the interval before, as far as it can be true (R12.52).

        A writer may have counted long before it was first heard here, but nobody knows for how long.
        """
        born = epoch.birth if frame.kind == KEYFRAME else timestamp - frame.interval_ms / 1000
        return min(max(born, self.first_seen - UNHEARD_SECONDS), timestamp)

    def absorb(self, tables: Tables, epoch: Epoch, frame: Frame, outcome: Outcome) -> None:
        """Merge a frame into its epoch."""
        self.merge_sections(tables, epoch, frame, outcome)

    def complete(self, tables: Tables, epoch: Epoch, present: Ids, rows: Rows) -> bool:  # noqa: ARG002
        """Drop what a complete keyframe no longer has; its counts go to the closed total (R12.10)."""
        drop_absent(tables, self.closed, epoch, present)
        return False

    def end_epoch(self, tables: Tables, epoch: Epoch) -> None:
        """Add all that an epoch counted to the closed total (R12.13, R12.14)."""
        close(tables, self.closed, epoch)

    def elect(self, rows: Rows) -> None:
        """Choose every shared epoch, and of the others the latest-born (ties by id), if it is heard (R12.22).

        A worker that was killed must neither count on nor hide the one that lives.
        """
        oldest, epochs = rows.silent_since(self.row), self.epochs.values()
        alone = [epoch for epoch in epochs if not epoch.shared and epoch.last_seen >= oldest]
        latest = max(alone, key=lambda epoch: (epoch.birth, epoch.id), default=None)
        for epoch in epochs:
            rows.shows_gauges[epoch.row] = epoch is latest or (epoch.shared and epoch.last_seen >= oldest)

    def coverage(self, life: Life, age: float) -> Coverage:
        """Return the node itself."""
        live, stale, departed, ended, missing, quarantined, unread = (int(life is one) for one in Life)
        return Coverage((live, stale, departed, ended, missing, quarantined, unread), age if live else 0.0)

    def may_retire(self, observed: float, horizon: float) -> bool:
        """Tell whether all its epochs were closed more than the horizon ago (R12.42)."""
        return not self.epochs and observed - self.closed.observed > horizon

    def contended(self, rows: Rows, now: float) -> bool:
        """Tell whether several unshared epochs are live at once: each counts, but only one's gauges do.

        A restart is not such a case: the older epoch falls silent when the younger one is born.
        """
        if len(self.epochs) < 2:
            return False
        alone = self.unshared(rows, now)
        patience = STALE_INTERVALS * float(rows.interval[self.row])
        youngest = max((epoch.birth for epoch in alone), default=0.0)
        return sum(epoch.last_seen > youngest + patience for epoch in alone) > 1

    def unshared(self, rows: Rows, now: float) -> list[Epoch]:
        """Return the epochs that are live at `now` and do not say that others write here as well."""
        patience = STALE_INTERVALS * float(rows.interval[self.row])
        return [epoch for epoch in self.epochs.values() if not epoch.shared and now - epoch.last_seen <= patience]
