"""Read a fleet: what others may ask of it, as values and copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s
from fog_aggregator.core.families.known import Family
from fog_aggregator.core.families.sampled import inside, places_of_families, slots_of_families
from fog_aggregator.core.families.words import Voters
from fog_aggregator.core.fleet.catalog import Catalog
from fog_aggregator.core.fleet.lifecycle import Coverages, PlaceGroups, coverage, gauges, lives, losses, voters
from fog_aggregator.core.fleet.parts import Parts
from fog_aggregator.core.fleet.silent_cover import Losses
from fog_aggregator.core.kinds import Kind, SlotHolder
from fog_aggregator.core.kinds.table import FREE
from fog_aggregator.core.kinds.view import ColumnCopy, Slots
from fog_aggregator.core.places.branch import Branch
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.place import Place
from fog_aggregator.core.places.rows import STALE_INTERVALS
from fog_aggregator.core.quarantine.orders import Quarantine
from fog_schema.paths import RETIRED, Path


class SlotColumns(NamedTuple):
    """The holders of the slots of a kind: the fleet's own columns, to be copied before the fleet changes."""

    series: Int32s
    epoch: Int32s
    created: Float64s


class FleetReading:
    """Answer questions about a fleet. Nothing that is returned changes it."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    @property
    def places(self) -> Mapping[Path, Place]:
        """All places by path; not to be changed."""
        return self.parts.roster.places

    def place(self, path: Path) -> Place | None:
        """Return the place at a path."""
        return self.parts.roster.get(path)

    @property
    def node_count(self) -> int:
        """How many places there are, branches and groups of retired nodes included."""
        return len(self.parts.roster)

    @property
    def place_rows(self) -> int:
        """How many rows of places there are, free ones included."""
        return len(self.parts.roster.rows.last_seen)

    @property
    def places_version(self) -> int:
        """A number that grows whenever a place comes or goes."""
        return self.parts.roster.news.version

    def place_news(self, version: int) -> list[tuple[Place, bool]] | None:
        """Return which places came (true) or went since a version, in their order; None when that is forgotten."""
        return self.parts.roster.news.after(version)

    @property
    def info_version(self) -> int:
        """A number that grows whenever the information of a place changes."""
        return self.parts.roster.info_version

    @property
    def families(self) -> list[Family]:
        """All families by number, as a copy; some stand for numbers that are free."""
        return list(self.parts.catalog.families)

    @property
    def free_series(self) -> frozenset[int]:
        """The numbers that no label set has now, and that are given out again."""
        return frozenset(self.parts.catalog.free)

    @property
    def longest_interval(self) -> float:
        """The longest interval of all places, seconds."""
        roster = self.parts.roster
        where = ~roster.hidden_places() if roster.out else True
        return float(roster.rows.interval.max(initial=0.0, where=where))

    @property
    def shortest_interval(self) -> float:
        """The shortest interval of all places, seconds; 0 without any."""
        roster = self.parts.roster
        intervals = roster.rows.interval
        sending = (intervals > 0) & ~roster.hidden_places()
        return float(intervals.min(initial=np.inf, where=sending)) if sending.any() else 0.0

    @property
    def closed_early(self) -> int:
        """How many epochs were closed before the horizon."""
        return self.parts.roster.closed_early

    def children(self) -> Counter[Path]:
        """Return how many places lie right below each path."""
        return Counter(place.path[:-1] for place in self.parts.roster)

    def is_retired(self, place: Place) -> bool:
        """Tell whether a place is a group of retired nodes."""
        return self.parts.roster.is_retired(place)

    @property
    def quarantine(self) -> Quarantine:
        """The paths that an operator has taken out; not to be changed."""
        return self.parts.quarantine

    def retired_rows(self, rows: Int64s) -> Bools:
        """Tell which rows of places are groups of retired nodes."""
        return self.parts.roster.rows.retired[rows]

    def ephemeral_rows(self, rows: Int64s) -> Bools:
        """Tell which rows of places are of nodes that come and go: their leaving is no alert."""
        return self.parts.roster.rows.ephemeral[rows]

    def retired_groups(self) -> list[Place]:
        """Return the groups of retired nodes, in path order."""
        return sorted((place for place in self.parts.roster if place.path[-1] == RETIRED), key=lambda one: one.path)

    def words(self) -> tuple[Float64s, Float64s]:
        """Return the server's time of the last frame, and how often one is sent in seconds, of all places by row."""
        rows = self.parts.roster.rows
        return rows.last_seen.copy(), rows.interval.copy()

    def last_seen(self, place: Place) -> float:
        """Return the server's time of a place's last frame; -inf when there was none."""
        return float(self.parts.roster.rows.last_seen[place.row])

    def interval(self, place: Place) -> float:
        """Return how often a place sends, seconds."""
        return float(self.parts.roster.rows.interval[place.row])

    def is_asked_alone(self, path: Path) -> bool:
        """Tell whether a place must be asked for keyframes alone."""
        place = self.place(path)
        return place is not None and place.asked_alone

    def heard_lately(self, path: Path, epoch: int, now: float) -> bool:
        """Tell whether a writer was heard within 3 of its intervals; one that was not has no answer to give."""
        place = self.place(path)
        if place is None or epoch not in place.epochs:
            return False
        since = max(place.epochs[epoch].last_seen, self.parts.quarantine.lifted_at(path))
        return now - since <= STALE_INTERVALS * self.interval(place)

    def contended(self, now: float) -> list[Path]:
        """Return the paths with several live writers that do not say so (``shared``)."""
        roster = self.parts.roster
        several = (roster.rows.open_epochs() > 1) & ~roster.hidden_places()
        if not several.any():
            return []
        return [one.path for one in roster if several[one.row] and one.contended(roster.rows, now)]

    def unshared(self, path: Path, now: float) -> list[int]:
        """Return the live epochs at a path that do not say that others write there as well."""
        place = self.place(path)
        return [] if place is None else [epoch.id for epoch in place.unshared(self.parts.roster.rows, now)]

    @property
    def gapped(self) -> Mapping[Epoch, Path]:
        """The epochs that a keyframe is wanted from, with their paths."""
        return self.parts.roster.gapped

    def awaited(self, now: float) -> set[Epoch]:
        """Return the gapped epochs of live places, save those that others there have outlived."""
        rows, places = self.parts.roster.rows, self.parts.roster.places
        live = self.live_rows(now)
        rows_of = ((epoch, places[path].row) for epoch, path in self.gapped.items())
        return {epoch for epoch, row in rows_of if live[row] and epoch.last_seen >= rows.silent_since(row)}

    @property
    def now(self) -> float:
        """The newest server timestamp read, unix seconds."""
        return self.parts.time.now

    def audible_at(self, now: float) -> float:
        """Return the audible time, in which silence is measured; `now` is the server's time."""
        return self.parts.time.audible_at(now)

    @property
    def observed_seconds(self) -> float:
        """For how long the streams were read to their end."""
        return self.parts.time.observed_seconds

    @property
    def horizon(self) -> float:
        """Seconds of silence after which an epoch is closed."""
        return self.parts.time.horizon

    @property
    def needs_keyframe_round(self) -> bool:
        """Whether counts may be missing that were shown before; a restart does not end that."""
        return self.parts.time.needs_keyframe_round

    @needs_keyframe_round.setter
    def needs_keyframe_round(self, needed: bool) -> None:
        self.parts.time.needs_keyframe_round = needed

    def lives(self, now: float, departed_after: float, places: Slots = slice(None)) -> Int64s:
        """Return the Life of some places at `now` (server's time), by row; what the other rows have means nothing."""
        return lives(self.parts.roster, self.audible_at(now), departed_after, places)

    def live_rows(self, now: float) -> Bools:
        """Tell which places were heard within 3 of their intervals (R12.23), by their rows."""
        return self.parts.roster.rows.live(self.audible_at(now))

    def silence(self, place: Place, now: float) -> float:
        """Return for how many audible seconds a place has been silent; inf when it was never heard."""
        return max(0.0, self.audible_at(now) - float(self.parts.roster.rows.audible_at[place.row]))

    def coverage(self, groups: PlaceGroups, life: Int64s, now: float) -> Coverages:
        """Return what each group of a view stands on."""
        awaited = self.awaited(now) if self.gapped else ()
        return coverage(self.parts.roster, self.parts.arrivals, groups, life, self.audible_at(now), awaited)

    def losses(self, paths: Sequence[Path], order: Int64s, life: Int64s) -> Losses:
        """Return how many nodes stand at each path, and how many are silent; `order`: the rows of the paths."""
        return losses(self.parts.roster, paths, order, life)

    def branches(self) -> Iterator[Branch]:
        """Return the places that stand for all nodes below them."""
        return self.parts.roster.composites()

    def heard_under(self, order: Int64s, life: Int64s) -> int:
        """Return how many nodes were heard among some rows of places, those that have ended included."""
        nodes = int(self.parts.roster.rows.counts_itself[order].sum())
        among = set(order.tolist())
        branches = (place for place in self.parts.roster.composites() if place.row in among)
        covered = (place.coverage(Life(life[place.row]), 0.0).nodes for place in branches)
        return nodes + sum(sum(one) - one[Life.MISSING] for one in covered)

    @property
    def catalog(self) -> Catalog:
        """Families and series by number; not to be changed."""
        return self.parts.catalog

    @property
    def series_count(self) -> int:
        """How many label sets are known."""
        return len(self.parts.catalog.series) - len(self.parts.catalog.free)

    @property
    def slot_count(self) -> int:
        """How many values there are."""
        return len(self.parts.slots)

    @property
    def kinds(self) -> list[Kind]:
        """The kinds of value that there are slots for."""
        return list(self.parts.slots.tables)

    def left_series(self) -> Bools:
        """Tell which series have left the exposition, as nobody has held them for the horizon, by their numbers."""
        return self.parts.left_series()

    def retired_counts(self) -> dict[int, float]:
        """Return what was counted under label sets that left, by family; of histograms, observations."""
        return self.parts.retired_counts()

    def slots_version(self, kind: Kind) -> int:
        """Return a number that grows whenever a slot of a kind is handed out or taken back."""
        return self.parts.slots.tables[kind].news.version

    def slot_columns(self, kind: Kind) -> SlotColumns:
        """Return who holds the slots of a kind."""
        table = self.parts.slots.tables[kind]
        return SlotColumns(table.series[: table.size], table.epoch[: table.size], table.created[: table.size])

    def copy_slots(self, kind: Kind, slots: Slots | None, *, live: bool) -> ColumnCopy:
        """Copy what a view needs of some slots, or of all."""
        table = self.parts.slots.tables[kind]
        return kind.copy(table, slice(0, table.size) if slots is None else slots, live=live)

    def places_of_epochs(self, kind: Kind, epochs: Slots = slice(None)) -> Int32s:
        """Return the row of each epoch's place, by the epoch's row; -1 where its slots of a kind are in no total.

        The counts of a branch's replicas were joined, and are in none, nor is what an operator has taken out. Which
        epochs' gauges count is told apart.
        """
        rows, place = self.parts.roster.rows, self.parts.roster.rows.epoch_place[epochs]
        shown = (rows.adds_up[epochs] | (not kind.counted)) & ~self.parts.roster.are_hidden(place)
        return np.where(shown, place, np.int32(-1))

    def taken_out_of_epochs(self) -> tuple[Int32s, Float64s] | None:
        """Return which places' epochs an operator has taken out, and when, by the epoch's row: -1 for all others.

        None when nothing is out.
        """
        rows, out = self.parts.roster.rows, self.parts.roster.out
        if not out:
            return None
        hidden, since = self.parts.roster.hidden_epochs() & rows.adds_up, np.zeros(len(rows.last_seen))
        since[list(out)] = list(out.values())
        return np.where(hidden, rows.epoch_place, np.int32(-1)), since[rows.epoch_place]

    def gauges_of_epochs(self, now: float, of: Sequence[Int32s] | None = None) -> tuple[Bools, Float64s]:
        """Return whether gauges count, and when their places sent their last frames, of all epochs or of some rows."""
        return gauges(self.parts.roster, self.audible_at(now), of)

    def voters(self, now: float) -> tuple[Voters, Voters]:
        """Return the epochs whose words about families count: those of live places at `now`, and all that are known.

        They are the epochs whose gauges count (R12.22). A branch stands for as many nodes as it says are live.
        """
        return voters(self.parts.roster, self.audible_at(now))

    def families_with_samples(
        self, families: Collection[int], within: Bools | None = None
    ) -> dict[int, list[tuple[Kind, Int64s]]]:
        """Return which of some families have slots that are in some total and have not left, with these slots.

        Args:
            families: their numbers.
            within: which places are looked at, by their rows; None for all.
        """
        return slots_of_families(self.parts, inside(self.places_of_epochs, within), families)

    def places_of_families(self, families: Collection[int], within: Bools | None = None) -> Int32s:
        """Return the row of a place with such a slot, by the number of each of these families; -1 for all others."""
        return places_of_families(self.parts, inside(self.places_of_epochs, within), families)

    def holders(self, series: Bools, *, speaking: bool = False) -> Iterator[tuple[Int32s, Int32s]]:
        """Return which series are live where, as pairs of their numbers and places' rows, for each kind.

        The fleet may change between two kinds; series that come meanwhile are not asked for.

        Args:
            series: which series are asked for, by their numbers; one more, false, for free slots.
            speaking: only of writers whose gauges count (R12.22), not of those before them.
        """
        for table in self.parts.slots.tables.values():
            numbers, epoch_place = table.series[: table.size], self.parts.roster.rows.epoch_place
            if len(self.parts.catalog.series) >= len(series):
                numbers = np.minimum(numbers, len(series) - 1)
            slots = np.flatnonzero(series[numbers] & table.live[: table.size] & (numbers != FREE))
            if speaking:
                slots = slots[self.parts.roster.rows.shows_gauges[table.epoch[slots]]]
            yield numbers[slots], epoch_place[table.epoch[slots]]

    def series_of(self, path: Path) -> Bools:
        """Tell which series the writers of a place have, by their numbers."""
        place, present = self.place(path), np.zeros(len(self.parts.catalog.series), np.bool_)
        epochs = () if place is None else place.holders
        for kind, ids in chain.from_iterable(epoch.maps.items() for epoch in epochs):
            table, (_, slots) = self.parts.slots.tables[kind], ids.items()
            present[table.series[slots[table.live[slots]]]] = True
        return present

    def describe(self, holder: SlotHolder, series: Bools, most: int) -> Iterator[dict[str, Any]]:
        """Describe what one epoch, or closed total, has of some series; at most so many of each kind."""
        for kind, ids in holder.maps.items():
            table, (numbers, slots) = self.parts.slots.tables[kind], ids.items()
            mine = np.flatnonzero(series[table.series[slots]])[:most]
            for number, slot in zip(numbers[mine].tolist(), slots[mine].tolist(), strict=True):
                yield {
                    "id": number,
                    "labels": dict(self.parts.catalog.series[int(table.series[slot])].labels),
                    "fractional": False,
                    "live": bool(table.live[slot]),
                    **kind.describe(table, slot),
                }

    def counts(self) -> Iterator[tuple[Path, int, Sequence[Any]]]:
        """Return every count that is part of a total: its path, its series' number, and its values and sum."""
        rows, paths = self.parts.roster.rows, {place.row: place.path for place in self.parts.roster}
        for kind, table in self.parts.slots.tables.items():
            if not kind.counted:
                continue
            slots = table.used()
            slots = slots[(rows.adds_up & ~self.parts.roster.hidden_epochs())[table.epoch[slots]]]
            if not len(slots):
                continue
            column = kind.copy(table, slots, live=False)
            places = rows.epoch_place[table.epoch[slots]].tolist()
            values = column.values.reshape(len(slots), -1).tolist()
            sums = column.sums.tolist() if len(column.sums) else [None] * len(slots)
            for row, series, value, total in zip(places, table.series[slots].tolist(), values, sums, strict=True):
                yield paths[row], series, value if total is None else [*value, total]
