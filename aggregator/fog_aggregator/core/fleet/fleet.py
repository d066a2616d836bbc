"""Apply the reader's rules (SPEC.md, sections 12 and 13): frames go in, every place's numbers come out as columns.

Each epoch is a grow-only counter per id whose only writer is the node (a state-based CRDT; Shapiro, Preguica, Baquero
and Zawirski, "Conflict-free Replicated Data Types", 2011): repeats change nothing, a gap is repaired by any keyframe,
and at no moment is the reader above the writer.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from operator import attrgetter
from typing import Self, TypeAlias

import numpy as np

from fog_aggregator.core.budget.newcomers import SERIES, Newcomers
from fog_aggregator.core.columns import Int64s
from fog_aggregator.core.families.words import Profile, merged
from fog_aggregator.core.fleet.parts import DAY, Parts
from fog_aggregator.core.fleet.reading import FleetReading
from fog_aggregator.core.fleet.sweep import Swept, forget, sweep
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.outcome import LIMIT, REPEATED, RESERVED, VALUELESS, Outcome, Status
from fog_aggregator.core.places.admission import admit
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.places.place import Ids, Place
from fog_aggregator.core.places.rows import STALE_INTERVALS
from fog_aggregator.core.quarantine.orders import Order, Settled, Taken
from fog_aggregator.core.quarantine.settling import judge_all, settle
from fog_aggregator.core.saved import Saved
from fog_schema.columns import Column
from fog_schema.frames import FINAL, KEYFRAME, LAST_PART, SHARED, Frame
from fog_schema.paths import Path

Groups: TypeAlias = dict[Kind, tuple[Int64s, Int64s]]
"""Ids and series that a frame defines, by their kind as defined."""


class Fleet(FleetReading):
    """Everything that was read of a fleet. Not thread-safe.

    Args:
        horizon: seconds of silence after which an epoch is closed, and that a tombstone lasts.
        limits: the sizes that it may grow to; None for the defaults.
        caught_up: it goes back to a checkpoint, or has read the streams to their end: see `FleetTime`.
        named: the paths of an inventory.
    """

    def __init__(
        self,
        *,
        horizon: float = 7 * DAY,
        limits: FleetLimits | None = None,
        caught_up: bool = False,
        named: Container[Path] = frozenset(),
    ) -> None:
        self.limits = limits or FleetLimits()
        super().__init__(Parts(horizon, self.limits, caught_up=caught_up, named=named))
        self._named = named

    @property
    def newcomers(self) -> Newcomers:
        """Return who decides on newcomers, by the limits."""
        return Newcomers(self.parts, self.limits)

    def fresh(self) -> Self:
        """Return an empty fleet with the same horizon, limits and inventory."""
        return type(self)(horizon=self.horizon, limits=self.limits, named=self._named)

    def apply(self, path: Path, frame: Frame, timestamp: float, *, rollup: bool = False) -> Outcome:
        """Merge a frame that the server stored at `timestamp` for the node at `path`, or for the branch there.

        Args:
            path: the node's, or the branch's.
            frame: what its writer sent.
            timestamp: unix seconds, by the server's clock.
            rollup: it came on a rollup subject: the path is a branch, and its epochs are replicas of one truth.

        Raises:
            FrameError: when its definitions are not valid; nothing was changed then.
        """
        parts = self.parts
        place = parts.roster.get(path)
        epoch = place.epochs.get(frame.epoch) if place is not None else None
        if epoch is None:
            parts.time.read(timestamp)
            refusal = self._refuse(path, place, frame, timestamp, rollup=rollup)
            if refusal is not None:
                return refusal
        elif frame.seq <= epoch.seq:
            return Outcome(Status.DUPLICATE)
        resolved, known, packed = None, parts.catalog.taken, (frame.definitions, frame.later_definitions)
        if any(packed):
            resolved = parts.catalog.resolve(packed, self.newcomers.may_bring(place))
        new_epoch = epoch is None
        place = place or self._add(path, timestamp, rollup=rollup)
        if epoch is None:
            epoch = self._begin_epoch(place, frame, timestamp)
        outcome = self.advance(place, epoch, frame, timestamp)
        outcome.new_epoch = new_epoch
        if resolved is not None:
            self.newcomers.charge(place, sum(map(len, packed)), known)
            outcome.refuse_series(LIMIT, resolved.refused)
            outcome.refuse_series(RESERVED, resolved.reserved)
            parts.budget.refuse(path, SERIES, resolved.too_large)
        if resolved is not None or frame.kind == KEYFRAME:
            self._hear(epoch, frame, resolved.profile if resolved is not None else ())
        self._merge(place, epoch, frame, (resolved.groups if resolved else {}, timestamp), outcome)
        return outcome

    def advance(self, place: Place, epoch: Epoch, frame: Frame, timestamp: float) -> Outcome:
        """Take note that a frame of a known epoch came, and of its number; the caller merges its values."""
        roster, outcome = self.parts.roster, Outcome(row=place.row)
        epoch.withdraw()
        epoch.number(frame, outcome)
        outcome.late = self.hear(place, epoch, timestamp, frame.age_ms, frame.interval_ms / 1000)
        epoch.shared = bool(frame.flags & SHARED)
        if frame.info is not None and frame.info != place.info and not self.newcomers.may_tell(place, frame.info):
            frame.info = None
        if epoch.gapped:
            roster.askable[epoch] = place.path
        if place.take_note(epoch, frame, roster.rows):
            roster.info_version += 1
        return outcome

    def hear(self, place: Place, epoch: Epoch, timestamp: float, age_ms: int, interval: float) -> bool:
        """Take note of when a frame of a known epoch came; return whether it came late.

        Args:
            place: the place that sent it.
            epoch: its epoch.
            timestamp: when the server stored it, unix seconds.
            age_ms: how old its epoch was then, as it says.
            interval: how often its writer sends, seconds.
        """
        time, rows, row = self.parts.time, self.parts.roster.rows, place.row
        if timestamp >= time.now:  # nothing was heard later: there is nothing to compare with
            time.read(timestamp)
            rows.last_seen[row] = timestamp
            rows.audible_at[row] = time.audible_seconds
        else:
            rows.last_seen[row] = max(rows.last_seen[row], timestamp)
            rows.audible_at[row] = max(rows.audible_at[row], time.audible_by(timestamp))
        rows.interval[row] = interval
        rows.ended[row] = False
        return epoch.see(timestamp, age_ms, interval, time.observed_seconds)

    def _merge(self, place: Place, epoch: Epoch, frame: Frame, defined: tuple[Groups, float], outcome: Outcome) -> None:
        """Merge what a frame says; `defined`: the ids and series that it defines, and when it came."""
        parts, (groups, timestamp) = self.parts, defined
        tables = parts.slots.tables
        fresh = self._define(place, epoch, groups, (frame, timestamp), outcome)
        place.absorb(tables, epoch, frame, outcome)
        if frame.kind == KEYFRAME:
            if epoch.returning:
                place.retract(tables, epoch, fresh)
            self._keyframe(place, epoch, frame, groups, outcome)
        if epoch.gapped:
            parts.roster.note_gap(place, epoch)
        outcome.saturated += tables.take_saturated()

    def settle(self, kind: Kind, slots: Int64s, values: Sequence[Column], others: Sequence[Column]) -> int:
        """Merge the joined sections of several epochs, see `Kind.settle`; return how many values were refused."""
        return kind.settle(self.parts.slots.tables[kind], slots, values, others)

    def count_values(self, outcomes: Sequence[Outcome]) -> None:
        """Count the values of frames that were applied by their places, for whoever asks which came late."""
        self.parts.arrivals.count(outcomes)

    def to_ask(self, now: float) -> list[tuple[Path, int]]:
        """Return the writers to ask for a keyframe at `now` (server's time): path and epoch."""
        return self.parts.roster.to_ask(now)

    def require_keyframes(self) -> None:
        """Want a keyframe of every epoch (R12.31): the stream lost frames, or is another one."""
        self.parts.roster.require_keyframes()

    def miss(self, path: Path) -> None:
        """Want a keyframe of the epochs of a path: frames of it were left out."""
        self.parts.roster.miss(path)

    def observe(self, seconds: float, now: float) -> None:
        """Let time pass in which the streams were read to their end; `now` is the server's time after it."""
        self.parts.time.observe(seconds, now)

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock: all that was dated before it moves with it (R12.18)."""
        self.parts.shift(seconds)

    def listen(self, seconds: float, *, live: bool, now: float = 0.0) -> None:
        """Let time pass in which a node that had sent something would have been heard.

        Args:
            seconds: How much there was since the last call.
            live: The streams are read to their end; else timestamps tell how time passes in the backlog.
            now: The time that the server tells now; 0 while it is not known.
        """
        time = self.parts.time
        time.present = now
        time.audible_seconds += seconds
        time.pace = 0.0 if live else self.shortest_interval

    def sweep(self) -> Swept:
        """Do what observed time asks for."""
        swept = sweep(self.parts)
        swept.saturated = self.parts.slots.tables.take_saturated()
        return swept

    def take_refused(self) -> dict[Path, bool]:
        """Return paths whose newcomers were refused for want of memory since the last call, see `Budget.named`."""
        return self.parts.budget.take_named()

    def forget(self, under: Path, at: float, departed_after: float) -> list[Path]:
        """Retire the nodes at and under a path that had departed by `at` (server's time); return their paths."""
        return forget(self.parts, under, at, departed_after, self.limits)

    def order(self, path: Path, order: Order) -> Taken:
        """Take an operator's order about a path and all below it (R12.57).

        Raises:
            FrameError: too many paths are out.
        """
        return self.parts.quarantine.add(path, order)

    def settle_orders(self, until: float) -> None:
        """Put the orders into force that were given before `until` (server's time); see `take_settled`."""
        settle(self.parts, until)

    def take_settled(self) -> list[Settled]:
        """Return the orders that have come into force since the last call."""
        return self.parts.quarantine.untold.take_settled()

    def take_replaced(self) -> list[Path]:
        """Return the branches whose totals were replaced, maybe by lower ones, since the last call (R13.20)."""
        return self.parts.quarantine.untold.take_replaced()

    def rebase(self, path: Path, at: float) -> str:
        """Let a branch go on from what it has, see `Successions`; return why nothing was changed, or nothing."""
        return self.parts.successions.rebase(path, at)

    def lost_branches(self) -> list[Path]:
        """Return the branches that have lost counts: their totals stand still (R13.18)."""
        return self.parts.successions.lost()

    @property
    def revisions(self) -> dict[Path, int]:
        """The revisions of the branches below which an operator took counts out of the totals, or in again."""
        return self.parts.successions.revisions

    def describe_families(self, now: float) -> None:
        """Let families be described as most live nodes say at `now`, server's time (R12.27); mostly nothing to do."""
        words, families = self.parts.words, self.parts.catalog.known_families
        for one in words.settled():
            families.describe(one)
        if words.contested:
            for one in words.elect(*self.voters(now)):
                families.describe(one)

    def choose_families(self, now: float, *, final: bool = True, review: bool = False) -> None:
        """Choose which families are shown of those that clash (R12.27); nearly always there is nothing to do.

        Args:
            now: server's time.
            final: the decision stands; else it is for one view.
            review: families that are shown may have no count any more that is in a total: their label sets have left,
                or an operator has taken their holders out.
        """
        clashes, families = self.parts.clashes, self.parts.catalog.families
        if clashes.learn(families, final=final) or (review and clashes.contested):
            present = np.flatnonzero(self.places_of_families(clashes.contested) >= 0).tolist()
            if not clashes.stands(present):
                live, _ = self.voters(now)
                clashes.decide(families, present, self.parts.words.holders(live), final=final)

    def image(self) -> dict[str, Saved]:
        """Return what each part saves; arrays are the fleet's own: write them before it changes, or in a fork."""
        return self.parts.image()

    def restore(self, saved: Mapping[str, Saved]) -> None:
        """Take over what each part has saved; the fleet must be empty.

        Raises:
            DamagedError: a part is missing or wrong inside, or parts do not fit together.
        """
        self.parts.restore(saved)
        judge_all(self.parts)

    def _refuse(
        self, path: Path, place: Place | None, frame: Frame, timestamp: float, *, rollup: bool
    ) -> Outcome | None:
        """Tell whether an unknown epoch must not begin with this frame."""
        parts = self.parts
        stone, former = parts.tombstones.get(path, frame.epoch), parts.forgotten.get(path, frame.epoch)
        if former is not None:
            if frame.seq <= former.seq:
                return Outcome(Status.FOLDED)
        elif stone is not None:
            if stone.final or frame.seq <= stone.seq:
                return Outcome(Status.FOLDED)
            if frame.kind != KEYFRAME:
                return Outcome(Status.AWAITS_KEYFRAME)
        elif parts.time.is_ghost(timestamp):
            return Outcome(Status.TOO_OLD)
        heard_here = place is None or place.is_heard_on(rollup=rollup)
        return None if heard_here and self.newcomers.may_begin(path, place, former) else Outcome(Status.REFUSED)

    def _add(self, path: Path, timestamp: float, *, rollup: bool) -> Place:
        """Add a place whose first frame was stored at `timestamp`."""
        parts = self.parts
        observed = parts.time.observed_seconds
        place = parts.roster.add(path, rollup=rollup, observed=observed, first_seen=timestamp)
        if (order := parts.quarantine.over(path)) is not None:
            parts.roster.take_out(place, order.at)
        return place

    def _hear(self, epoch: Epoch, frame: Frame, profile: Profile) -> None:
        """Take note in which words a frame describes its families: a complete keyframe describes all there are."""
        run = epoch.run if frame.kind == KEYFRAME else None
        if run is None or run.profile is None:
            self.parts.words.hear(epoch.row, profile, everything=False)
            return
        run.profile = merged(run.profile, profile) if run.profile else profile
        self.parts.words.hear(epoch.row, run.profile, everything=bool(frame.flags & LAST_PART))

    def _begin_epoch(self, place: Place, frame: Frame, timestamp: float) -> Epoch:
        self._close_crowd(place)
        parts = self.parts
        parts.time.began_at = min(parts.time.began_at, timestamp)
        comes_back = parts.forgotten.get(place.path, frame.epoch) is not None
        closed_before = parts.tombstones.remove(place.path, frame.epoch) and not comes_back
        epoch = parts.roster.begin_epoch(place, frame.epoch, closed_before=closed_before)
        if comes_back:
            parts.take_back(place, epoch, timestamp)
        return epoch

    def _close_crowd(self, place: Place) -> None:
        """Close the longest silent epochs of a path that has too many silent ones (R12.14); live ones are no crowd."""
        roster = self.parts.roster
        silent_since = self.parts.time.now - STALE_INTERVALS * roster.rows.interval[place.row]
        silent = [epoch for epoch in place.epochs.values() if epoch.last_seen < silent_since]
        excess = max(0, len(silent) - place.most_silent(self.limits))
        for epoch in sorted(silent, key=attrgetter("last_seen"))[:excess]:
            self.parts.close_epoch(place, epoch, final=False)
            roster.closed_early += place.adds_up

    def _define(self, place: Place, epoch: Epoch, groups: Groups, came: tuple[Frame, float], outcome: Outcome) -> Ids:
        """Give slots to the series that are new in this epoch; return their ids by kind."""
        fresh: Ids = []
        (frame, timestamp), tables = came, self.parts.slots.tables
        for defined, (ids, series) in groups.items():
            kind = place.kind_of(defined)
            new, valueless, repeated = admit(tables, epoch, kind, (ids, series), frame)
            outcome.refuse_series(VALUELESS, valueless)
            outcome.refuse_series(REPEATED, repeated)
            if not len(new):
                continue
            room = self.newcomers.may_have(place, epoch, kind, len(new))
            outcome.refuse_series(LIMIT, len(new) - room)
            new = new[:room]
            born = max(place.born(epoch, frame, timestamp), self.parts.time.began_at)
            slots = tables[kind].allocate(ids[new], series[new], epoch.row, born)
            epoch.map(kind).add(ids[new], slots)
            fresh.append((kind, ids[new]))
        return fresh

    def _keyframe(self, place: Place, epoch: Epoch, frame: Frame, groups: Groups, outcome: Outcome) -> None:
        """Go on with a run of parts (R12.9); at its end the epoch is complete, and a final one is closed (R12.13)."""
        run, parts = epoch.run, self.parts
        if run is None:
            epoch.gapped = True
            return
        run.ids += _known(place, epoch, groups) if outcome.refused_series else _all(groups)
        run.next_part += 1
        if sum(len(ids) for _, ids in run.ids) > 2 * epoch.series:  # parts repeat ids, and may go on so for ever
            epoch.run, epoch.gapped = None, True
            return
        if not frame.flags & LAST_PART:
            return
        epoch.run = None
        epoch.gapped = False
        epoch.keyframes += 1
        parts.roster.gapped.pop(epoch, None)
        outcome.completed = True
        outcome.baseline, epoch.returning = epoch.returning, False
        place.baselines += outcome.baseline
        if place.complete(parts.slots.tables, epoch, run.ids, parts.roster.rows):
            parts.quarantine.untold.replaced.append(place.path)
        if frame.flags & FINAL:
            parts.close_epoch(place, epoch, final=True)
            parts.roster.note_end(place)


def _all(groups: Groups) -> Ids:
    return [(kind, ids) for kind, (ids, _) in groups.items()]


def _known(place: Place, epoch: Epoch, groups: Groups) -> Ids:
    """Return the ids that were not refused."""
    return [(kind, ids[epoch.knows(place.kind_of(kind).forms, ids)]) for kind, (ids, _) in groups.items()]
