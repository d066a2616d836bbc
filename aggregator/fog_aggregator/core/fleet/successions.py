"""Look after branches that begin anew, and save which replicas of each branch its totals are joined from."""

from __future__ import annotations

from fog_aggregator.core.fleet.roster import Roster
from fog_aggregator.core.fleet.slots import Slots
from fog_aggregator.core.saved import DamagedError, Saved, as_is, as_path
from fog_schema.paths import Path


class Successions:
    """The successions of the branches of a roster, as a part of the checkpoint.

    Args:
        roster: has the branches.
        slots: their values.
    """

    def __init__(self, roster: Roster, slots: Slots) -> None:
        self._roster = roster
        self._tables = slots.tables

    def rebase(self, path: Path, at: float) -> str:
        """Let a branch that has lost counts go on from what it has, as was ordered at a server's time (R13.19).

        Returns why nothing was changed, or nothing.
        """
        place, rows = self._roster.composite(path), self._roster.rows
        if place is None:
            return "is no branch of this aggregator"
        if at <= place.succession.rebased_at:
            return "was rebased by this order"
        if place.row in self._roster.out:
            return "is in quarantine"
        if not place.has_lost_counts(self._tables, rows):
            return "has not lost counts"
        place.rebase(self._tables, rows, at)
        return ""

    def lost(self) -> list[Path]:
        """Return the branches whose totals stand still, as their aggregators have less than was joined (R13.18)."""
        shown = (place for place in self._roster.composites() if place.row not in self._roster.out)
        return [place.path for place in shown if place.has_lost_counts(self._tables, self._roster.rows)]

    @property
    def revisions(self) -> dict[Path, int]:
        """The revisions of the branches below which counts were taken out of the totals, or in again."""
        branches = self._roster.composites()
        return {place.path: place.succession.revision for place in branches if place.succession.revision}

    def image(self) -> Saved:
        """Return them by path."""
        return Saved({"branches": [(one.path, *one.succession.image()) for one in self._roster.composites()]})

    def restore(self, saved: Saved) -> None:
        """Take them over; the roster must be restored.

        Raises:
            DamagedError: one is of no branch, or is no succession.
        """
        for where, *rest in saved.records("branches", as_path, *[as_is] * 6):
            place = self._roster.composite(where)
            if place is None:
                raise DamagedError(f"{where} is no branch")
            place.succession.restore(tuple(rest))
            if not place.succession.runs.keys() <= place.epochs.keys():
                raise DamagedError(f"it has replicas of {where} that are not there")
            place.elect(self._roster.rows)  # those that are joined go first, which the roster did not know

    def assume(self) -> None:
        """Take all replicas for whole that are, after a checkpoint that does not tell."""
        for place in self._roster.composites():
            place.succession.assume(epoch.id for epoch in place.epochs.values() if not epoch.gapped)
            place.elect(self._roster.rows)
