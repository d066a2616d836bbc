"""Mutations of the reader's rules."""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import fog_aggregator.core.kinds.bucket_histogram
import fog_aggregator.core.places.branch
import fog_aggregator.core.places.place
from fog_aggregator.core.columns import ids_array
from fog_aggregator.core.events.seen import Seen
from fog_aggregator.core.fleet.catalog import Catalog
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.fleet.fleet_time import FleetTime
from fog_aggregator.core.fleet.parts import Parts
from fog_aggregator.core.fleet.retired_counts import RetiredCounts
from fog_aggregator.core.kinds import Kind, Merge, SlotHolder, Tables
from fog_aggregator.core.kinds.bucket_histogram import BucketHistogram
from fog_aggregator.core.kinds.fractional_counter import FractionalCounter
from fog_aggregator.core.kinds.integer_counter import INTEGER_COUNTER, IntegerCounter
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.places.epoch import Epoch, KeyframeRun
from fog_aggregator.core.places.node import Node
from fog_aggregator.core.places.place import Place, close
from fog_aggregator.core.places.rows import Rows
from fog_aggregator.query.ratchet import Ratchet
from fog_proving.sim.mutations import Patch, always, around, leaving_out, nothing
from fog_schema.frames import DELTA, KEYFRAME, Frame


def _before_apply(change: Callable[[Any, Frame], None]) -> list[Patch]:
    """`change` gets the epoch, if there is one, and the frame, before the frame is applied."""

    def apply(original: Any, self: Fleet, path: Any, frame: Frame, timestamp: float, **options: bool) -> Outcome:
        place = self.place(path)
        epoch = place.epochs.get(frame.epoch) if place else None
        if epoch is not None:
            change(epoch, frame)
        outcome: Outcome = original(self, path, frame, timestamp, **options)
        return outcome

    return [around(Fleet, "apply", apply)]


@leaving_out("R12.1", "a frame whose seq is not above the last changes nothing")
def no_seq_check() -> list[Patch]:
    """Take it as if it were next."""

    def change(epoch: Any, frame: Frame) -> None:
        if frame.seq <= epoch.seq:
            epoch.seq = frame.seq - 1

    return _before_apply(change)


@leaving_out("R12.3", "a delta beyond a gap is added as well")
def nothing_beyond_a_gap() -> list[Patch]:
    """Its counts are left out."""

    def change(epoch: Any, frame: Frame) -> None:
        if frame.kind == DELTA and frame.seq > epoch.seq + 1:
            frame.counters, frame.histograms, frame.fractions = None, (), None

    return _before_apply(change)


@leaving_out("R12.2", "a gap is noticed, and a keyframe asked for")
def gaps_ignored() -> list[Patch]:
    """Nobody is asked."""

    def number(original: Any, self: Epoch, frame: Frame, outcome: Outcome) -> None:
        gapped = self.gapped
        original(self, frame, outcome)
        self.gapped = gapped

    return [around(Epoch, "number", number)]


def _forget_known(kind: Kind, merge: Merge, ids: Any) -> None:
    merge.tables[kind].values[merge.epoch.map(kind).known(ids_array(ids))] = 0


def _from_nothing(original: Any, self: Kind, merge: Merge, section: Any) -> None:
    """Apply a section as if nothing were known of its ids."""
    _forget_known(self, merge, section.ids)
    original(self, merge, section)


@leaving_out("R12.6", "a keyframe never sets a counter below the known value")
def counters_fall() -> list[Patch]:
    """Set it to the keyframe's value."""
    return [
        around(IntegerCounter, "apply_keyframe", _from_nothing),
        around(FractionalCounter, "apply_keyframe", _from_nothing),
        around(FractionalCounter, "apply_delta", _from_nothing),
    ]


@leaving_out("R12.7", "no bucket of a histogram falls with a keyframe")
def histograms_fall() -> list[Patch]:
    """Replace it always."""
    return [around(BucketHistogram, "apply_keyframe", _from_nothing)]


@leaving_out("R12.8", "a keyframe sets the sum of a histogram with its buckets")
def histograms_in_pieces() -> list[Patch]:
    """Its sum is left as it was."""

    def applied(original: Any, self: Kind, merge: Merge, section: Any) -> None:
        table: Any = merge.tables[self]
        sums = table.sums.copy()
        original(self, merge, section)
        table.sums[: len(sums)] = sums

    return [around(BucketHistogram, "apply_keyframe", applied)]


@leaving_out("R12.11", "a fractional counter is fractional for good")
def whole_again() -> list[Patch]:
    """Leave the integer beside it."""

    def taken_over(original: Any, self: FractionalCounter, tables: Tables, holder: SlotHolder, ids: Any) -> None:
        table, places = tables[INTEGER_COUNTER], holder.map(INTEGER_COUNTER)
        slots, known = places.find(ids)
        if known is not None:
            slots, ids = slots[known], ids[known]
        values, series = table.values[slots], table.series[slots]
        original(self, tables, holder, ids)
        if len(ids):
            beside = -1 - ids[::-1]
            made = table.allocate(beside, series[::-1], holder.row, 0.0)
            table.values[made] = values[::-1]
            places.add(beside, made)

    return [around(FractionalCounter, "take_over", taken_over)]


@leaving_out("R12.10", "after a complete keyframe every known id that is not in it is removed")
def absent_ids_stay() -> list[Patch]:
    """They stay, gauges too."""
    return [(Node, "complete", nothing), (fog_aggregator.core.places.branch, "drop_absent", nothing)]


@leaving_out("R12.5", "a removed gauge is out")
def removed_stay() -> list[Patch]:
    """Ignore a delta's list of removed ids."""
    return [(fog_aggregator.core.places.place, "remove", nothing)]


@leaving_out("R12.9", "an epoch is complete after an unbroken run of parts")
def broken_run() -> list[Patch]:
    """Be content with the last part."""

    def number(original: Any, self: Epoch, frame: Frame, outcome: Outcome) -> None:
        run = self.run
        original(self, frame, outcome)
        if frame.kind == KEYFRAME and self.run is None:
            self.run = run or KeyframeRun()
            self.run.next_part = frame.part

    return [around(Epoch, "number", number)]


@leaving_out("R12.12", "a path's total is its closed total plus all its epochs")
def no_closed_total() -> list[Patch]:
    """Forget the counts of a closed epoch."""

    def end_epoch(original: Any, self: Node, tables: Any, epoch: Any) -> None:
        del original, self
        close(tables, None, epoch)

    return [around(Node, "end_epoch", end_epoch)]


def _tombstones(keep: Callable[[bool], bool]) -> list[Patch]:
    def close_epoch(original: Any, self: Parts, place: Any, epoch: Any, *, final: bool) -> None:
        original(self, place, epoch, final=final)
        if not keep(final):
            self.tombstones.remove(place.path, epoch.id)

    return [around(Parts, "close_epoch", close_epoch)]


@leaving_out("R12.12", "... each with what its own writer has counted")
def counts_move() -> list[Patch]:
    """Take a count from one epoch of a path for another one: until its next keyframe no total shows it."""

    def swept(original: Any, self: Fleet) -> Any:
        table = self.parts.slots.tables[INTEGER_COUNTER]
        for place in self.places.values():
            own = [epoch.map(INTEGER_COUNTER).items()[1] for epoch in place.epochs.values()]
            counted = [slots[table.values[slots] > 0] for slots in own]
            for taken, given in pairwise(slots for slots in counted if len(slots) and place.adds_up):
                same = given[table.series[given] == table.series[taken[0]]][:1]
                table.values[same] += 1
                table.values[taken[: len(same)]] -= 1
        return original(self)

    return [around(Fleet, "sweep", swept)]


@leaving_out("R12.13", "a final epoch that was closed leaves a tombstone")
def no_short_tombstone() -> list[Patch]:
    """Count a replay of it again."""
    return _tombstones(operator.not_)


@leaving_out("R12.15", "an epoch closed without its final leaves a long tombstone")
def no_long_tombstone() -> list[Patch]:
    """Its return counts in full."""
    return _tombstones(bool)


@leaving_out("R12.16", "... which knows the last frame that was counted")
def tombstone_without_seq() -> list[Patch]:
    """Take a replay for a return."""
    from fog_aggregator.core.closed.tombstones import Tombstone

    return [(Tombstone, "seq", always(0))]


@leaving_out("R12.17", "the keyframe of an epoch that returns is its baseline")
def no_baseline() -> list[Patch]:
    """Count it again."""
    return [(Place, "retract", nothing)]


@leaving_out("R12.53", "a forgotten writer that comes back goes on where it was")
def forgotten_rebased() -> list[Patch]:
    """Its next keyframe is its baseline."""

    def take_back(original: Any, self: Parts, place: Place, epoch: Epoch, timestamp: float) -> None:
        original(self, place, epoch, timestamp)
        place.end_epoch(self.slots.tables, epoch)
        epoch.returning = epoch.gapped = True

    return [around(Parts, "take_back", take_back)]


@leaving_out("R12.14", "the longest silent epoch is closed early, and no living one")
def youngest_folded() -> list[Patch]:
    """Any may be."""

    def close_crowd(self: Fleet, place: Any) -> None:
        epochs = sorted(place.epochs.values(), key=operator.attrgetter("last_seen"), reverse=True)
        for epoch in epochs[: max(0, len(epochs) - self.limits.silent_per_path)]:
            self.parts.close_epoch(place, epoch, final=False)

    return [(Fleet, "_close_crowd", close_crowd)]


@leaving_out("R12.19", "the horizon is measured less the time that the reader was away or behind")
def time_not_watched() -> list[Patch]:
    """Measure it by the newest timestamp alone."""
    return [(FleetTime, "observed_seconds", property(operator.attrgetter("now"), nothing))]


@leaving_out("R12.21", "a frame of an unknown epoch that is older than the horizon is refused")
def ghosts_count() -> list[Patch]:
    """Begin an epoch with it."""
    return [(FleetTime, "is_ghost", lambda *_: False)]


@leaving_out("R12.22", "of several unshared epochs the latest-born one's gauges count, while it is heard")
def all_show_gauges() -> list[Patch]:
    """Everybody's do."""

    def elect(self: Node, rows: Rows) -> None:
        for epoch in self.epochs.values():
            rows.shows_gauges[epoch.row] = True

    return [(Node, "elect", elect)]


@leaving_out("R12.23", "a stale node's gauges are out")
def stale_gauges() -> list[Patch]:
    """They stay."""
    return [(Rows, "live", lambda self, _: np.ones(len(self.last_seen), np.bool_))]


@leaving_out("R12.51", "silence is time in which the reader could have heard a node")
def silent_while_cut_off() -> list[Patch]:
    """Take the time between timestamps, whoever was away."""
    return [(Fleet, "listen", nothing)]


@leaving_out("R12.39", "fractional rollups pass a ratchet")
def no_ratchet() -> list[Patch]:
    """They do not."""
    return [(Ratchet, "clamp", lambda _, __, value: value)]


@leaving_out("R12.40", "... which forgets what has ended")
def ratchet_for_ever() -> list[Patch]:
    """Let a number that is given out again inherit."""
    return [(Ratchet, "only", lambda self, _: self)]


@leaving_out("R12.28", "histograms of other bounds merge on the union")
def bounds_by_position() -> list[Patch]:
    """Buckets are added by their place."""

    def show_at(bounds: Any, _: Any, counts: Any) -> Any:
        shown = np.zeros((len(counts), len(bounds) + 1), np.int64)
        for bucket in range(counts.shape[1]):
            shown[:, min(bucket, len(bounds))] += counts[:, bucket]
        return shown

    return [(fog_aggregator.core.kinds.bucket_histogram, "show_at", show_at)]


@leaving_out("R12.43", "a retired node's counts move to a group of their own")
def retired_are_gone() -> list[Patch]:
    """They are dropped."""

    def merge_closed(self: Parts, _: Place, place: Place) -> None:
        close(self.slots.tables, None, place.closed)
        self.roster.remove(place)

    return [(Parts, "merge_closed", merge_closed)]


@leaving_out("R12.41", "the count of a label set that left stays in the retired counts")
def no_ledger() -> list[Patch]:
    """Drop it."""
    return [(RetiredCounts, "add", nothing)]


@leaving_out("R12.45", "a histogram's label set leaves with all its bounds or with none")
def bounds_leave_alone() -> list[Patch]:
    """Each leaves alone."""
    return [(Catalog, "with_other_bounds", lambda _, present: present)]


@leaving_out("R12.24", "an event is listed once")
def events_listed_again() -> list[Patch]:
    """As often as it comes."""

    def add(original: Any, self: Seen, number: int) -> bool:
        original(self, number)
        return True

    return [around(Seen, "add", add)]


@leaving_out("R12.25", "events that did not come are asked for")
def events_not_asked_for() -> list[Patch]:
    """They are not."""
    return [(EventList, "wanted", property(lambda _: {}, nothing))]


@leaving_out("R12.26", "events that their writer no longer holds are counted as lost")
def losses_not_counted() -> list[Patch]:
    """They are only given up."""

    def close_below(original: Any, self: Seen, number: int) -> int:
        original(self, number)
        return 0

    return [around(Seen, "close_below", close_below)]
