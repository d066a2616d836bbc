"""A branch: its epochs are replicas of one truth, joined by maximum (R13.7), and never added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from fog_aggregator.core.columns import ids_array
from fog_aggregator.core.kinds import KINDS, Kind, Tables
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.places.coverage import NOBODY, Coverage, Life
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.joined import is_behind, join_all, part
from fog_aggregator.core.places.limits import (
    ADDRESS_KEY,
    MOST_ADDRESSES,
    MOST_NODES,
    MOST_REVISION,
    OLDEST_LIVE_MS,
    FleetLimits,
)
from fog_aggregator.core.places.origin import Origin
from fog_aggregator.core.places.place import Ids, Place, close, drop_absent
from fog_aggregator.core.places.rows import CLOSED, Rows
from fog_aggregator.core.places.succession import Succession
from fog_aggregator.core.saved import DamagedError, as_count, as_list
from fog_schema.frames import KEYFRAME, Absences, CoverageNumbers, Frame
from fog_schema.limits import MAX_AGE_MS
from fog_schema.paths import Path


class Branch(Place):
    """A subtree whose aggregators publish its totals. Its `closed` total is what its replicas were joined to.

    Attributes:
        reported: what its totals stand on, as its aggregator says.
        absences: its nodes that ended and that are missing, as its aggregator says.
        succession: which of its replicas its totals are joined from.
        former: what it had counted before its last rebase, and its replicas have not; None before the first one.
    """

    branch: ClassVar[bool] = True
    adds_up: ClassVar[bool] = False
    takes_batches: ClassVar[bool] = False
    counts_itself: ClassVar[bool] = False
    asked_alone: ClassVar[bool] = True
    covers_below: ClassVar[bool] = True
    forgettable: ClassVar[bool] = False  # its totals are absolute, and would count twice when it comes back (R13.14)

    def __init__(self, path: Path, row: int, closed: Epoch, first_seen: float = 0.0) -> None:
        super().__init__(path, row, closed, first_seen)
        self.reported: CoverageNumbers | None = None
        self.absences = Absences()
        self.succession = Succession()
        self.former: Epoch | None = None
        self._addresses: list[str] = []

    def is_heard_on(self, *, rollup: bool) -> bool:
        """Take rollups alone."""
        return rollup

    @property
    def closed_totals(self) -> tuple[Epoch, ...]:
        """The total that its replicas were joined to, and the one of before the last rebase."""
        return (self.closed,) if self.former is None else (self.closed, self.former)

    def restore_closed(self, closed: Epoch) -> None:
        """Take over what its replicas were joined to, then what it had counted before."""
        if self.closed.row >= 0 and self.former is None:
            self.former = closed
        else:
            super().restore_closed(closed)

    @property
    def addresses(self) -> list[str]:
        """The addresses at which its replicas say that they may be asked, as they were told last: the newest first."""
        address = self.info.get(ADDRESS_KEY)
        return self._addresses or ([address] if address else [])

    @property
    def details(self) -> Any:
        """The part of a checkpoint that only branches have: the coverage that was reported."""
        return None if self.reported is None else (*self.reported, *self.absences)

    def restore_details(self, details: Any) -> None:
        """Take over the coverage that was reported.

        Raises:
            DamagedError: it is no coverage.
        """
        if details is not None:
            if len(as_list(details)) != len(CoverageNumbers._fields) + len(Absences._fields):
                raise DamagedError(f"{details!r} is not coverage")
            *numbers, ended, missing = map(as_count, details)
            if max(details) > MAX_AGE_MS:
                raise DamagedError(f"{details!r} is more than a frame can say")
            self.reported, self.absences = CoverageNumbers(*numbers), Absences(ended, missing)

    @property
    def node_info(self) -> Mapping[str, str]:
        """Nothing: what its aggregator says of itself is not true of the branch's nodes."""
        return {}

    def most_silent(self, limits: FleetLimits) -> int:
        """Return the limit for replicas: nothing is lost with them (R13.11)."""
        return limits.silent_replicas

    def kind_of(self, defined: Kind) -> Kind:
        """Return the kind that a branch sends: its gauges come merged (R13.2)."""
        return defined.at_branch

    def born(self, epoch: Epoch, frame: Frame, timestamp: float) -> float:  # noqa: ARG002
        """Return that nobody knows."""
        return float("inf")

    def take_note(self, epoch: Epoch, frame: Frame, rows: Rows) -> bool:
        """Take note of what a frame says of the branch; coverage is that of the replica whose gauges count (R13.12)."""
        changed = super().take_note(epoch, frame, rows)
        if frame.kind == KEYFRAME and frame.part == 0:
            self.succession.hear(epoch.id, frame.info)
        if frame.info is not None and (address := frame.info.get(ADDRESS_KEY)):
            known = [one for one in self.addresses if one != address]
            self._addresses = [address, *known][:MOST_ADDRESSES]
        if frame.coverage is not None and rows.shows_gauges[epoch.row]:
            live, stale, departed, oldest = frame.coverage
            live, stale, departed = (min(nodes, MOST_NODES) for nodes in (live, stale, departed))
            self.reported = CoverageNumbers(live, stale, departed, min(oldest, OLDEST_LIVE_MS))
            self.absences = Absences(*(min(nodes, MOST_NODES) for nodes in frame.absences or ()))
            if (origin := self.succession.origin(epoch.id)) is not None:
                self.succession.quarantined = origin.quarantined
        return changed

    def absorb(self, tables: Tables, epoch: Epoch, frame: Frame, outcome: Outcome) -> None:
        """Merge a frame into its replica, and raise what the replicas were joined to (R13.8, R13.9)."""
        self.merge_sections(tables, epoch, frame, outcome)
        reported = (*(frame.coverage or ())[:3], *(frame.absences or ()))
        outcome.refused_values += sum(nodes > MOST_NODES for nodes in reported)
        outcome.refused_values += Origin.of(frame.info or {}).revision > MOST_REVISION
        if self.succession.joins(epoch.id):
            self.join(tables, epoch, frame)
        if frame.removed is not None and not epoch.gapped:
            self.mark_retained(tables)

    def complete(self, tables: Tables, epoch: Epoch, present: Ids, rows: Rows) -> bool:
        """Drop what a complete keyframe no longer has; its counts were joined.

        The totals of a replica that knows a later order take the place of what was joined (R13.20).
        """
        drop_absent(tables, None, epoch, present)
        replaces = self.succession.replaces(epoch.id, anything_joined=bool(self.closed.series))
        if replaces:
            self.succession.replace(epoch.id)
            close(tables, None, self.closed)
            for one in self._joined(self.epochs.values()):
                join_all(tables, self.closed, one)
        self._compare(tables, epoch)
        self.mark_retained(tables)
        self.elect(rows)
        return replaces

    def end_epoch(self, tables: Tables, epoch: Epoch) -> None:
        """Release a replica's slots: nothing is added, its counts were joined (R13.10)."""
        close(tables, None, epoch)
        self.succession.forget(epoch.id)

    def join(self, tables: Tables, replica: Epoch, frame: Frame) -> None:
        """Raise what the replicas were joined to, to what a frame has told of one (R13.8, R13.9)."""
        for kinds in KINDS:
            for kind, section in kinds.sections(frame):
                if kind.counted:
                    slots = replica.map(kind).known(ids_array(kinds.section_ids(section)))
                    kind.join(tables, self.closed, slots)

    def mark_retained(self, tables: Tables) -> None:
        """Note which label sets some replica still has: the others may leave.

        Without a replica all stay: what a silent branch had may be there still, and its totals are absolute. So they do
        without one that has all that was joined: the others may have lost what they do not have.
        """
        if any(map(self.succession.speaks, self.epochs)):
            for kind, places in self.closed.maps.items():
                tables[kind].live[places.items()[1]] = False
        for replica in self.epochs.values():
            for kind, places in replica.maps.items():
                table, slots = tables[kind], places.items()[1]
                present = np.unique(table.series[slots[table.live[slots]]].astype(np.int64))
                for form in kind.forms:
                    tables[form].live[self.closed.map(form).known(present)] = True

    def has_lost_counts(self, tables: Tables, rows: Rows) -> bool:
        """Tell whether those that are heard are whole, and have less than what was joined before (R13.18).

        Also when what they have is not joined at all, as they are of another incarnation than the accepted one, or do
        not know an order.
        """
        audible = self._audible(rows)
        for one in audible:
            self._compare(tables, one)
        if not audible or any(one.gapped or self.succession.speaks(one.id) for one in audible):
            return False
        joined = self._joined(audible)
        return not joined or is_behind(tables, self.closed, joined)

    def rebase(self, tables: Tables, rows: Rows, at: float) -> None:
        """Let those that are heard go on from now: what was joined before stays, and others do not count (R13.19).

        Args:
            tables: the tables of all kinds.
            rows: of all places.
            at: when it was ordered, server's time.
        """
        if self.former is None:
            self.former = Epoch(rows.new_epoch(self.row), CLOSED, rows.epochs)
        audible = sorted(self._audible(rows), key=lambda one: (one.last_seen, one.id))
        self.succession.accept([one.id for one in audible], at)
        part(tables, self.former, self.closed, self._joined(audible))
        self.mark_retained(tables)
        self.elect(rows)

    def _rank(self, epoch: Epoch) -> tuple[bool, bool, float, int]:
        return self.succession.joins(epoch.id), not epoch.gapped, epoch.last_seen, epoch.id

    def _audible(self, rows: Rows) -> list[Epoch]:
        oldest = rows.silent_since(self.row)
        return [epoch for epoch in self.epochs.values() if epoch.last_seen >= oldest]

    def _joined(self, replicas: Iterable[Epoch]) -> list[Epoch]:
        """Return the replicas that are complete and joined."""
        return [one for one in replicas if not one.gapped and self.succession.joins(one.id)]

    def _compare(self, tables: Tables, replica: Epoch) -> None:
        """Take note when a replica has all that was joined."""
        is_joined = not replica.gapped and self.succession.joins(replica.id)
        if (
            is_joined
            and not self.succession.has_caught_up(replica.id)
            and not is_behind(tables, self.closed, [replica])
        ):
            self.succession.trust(replica.id)

    def elect(self, rows: Rows) -> None:
        """Choose one audible replica: first one that is joined and misses nothing, then the last one (R13.12)."""
        oldest, epochs = rows.silent_since(self.row), self.epochs.values()
        audible = [epoch for epoch in epochs if epoch.last_seen >= oldest]
        best = max(audible, key=self._rank, default=None)
        for epoch in epochs:
            rows.shows_gauges[epoch.row] = epoch is best

    def coverage(self, life: Life, age: float) -> Coverage:
        """Return what its aggregator says; of one that is not heard, all nodes are as it is itself (R13.13)."""
        reported = self.reported
        if reported is None:
            return Coverage(NOBODY, 0.0)
        absent = (*self.absences, self.succession.quarantined, 0)
        if life is Life.LIVE:
            return Coverage((*reported[:3], *absent), reported.oldest_ms / 1000 + age if reported.live else 0.0)
        every = sum(reported[:3])
        if life is Life.QUARANTINED:
            return Coverage((0, 0, 0, 0, 0, every + sum(absent), 0), 0.0)
        return Coverage((0, every, 0, *absent) if life is Life.STALE else (0, 0, every, *absent), 0.0)

    def may_retire(self, observed: float, horizon: float) -> bool:  # noqa: ARG002
        """Never: its counts are absolute (R13.14)."""
        return False

    def contended(self, rows: Rows, now: float) -> bool:  # noqa: ARG002
        """Never: a branch has replicas."""
        return False

    def unshared(self, rows: Rows, now: float) -> list[Epoch]:  # noqa: ARG002
        """None: that is of nodes."""
        return []
