"""Hold the parts of a fleet together: what concerns more than one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping
from typing import Final

import numpy as np

from fog_aggregator.core.budget.budget import EPOCH_BYTES, STONE_BYTES, Budget
from fog_aggregator.core.closed.forgotten import ForgottenEpochs
from fog_aggregator.core.closed.tombstones import Tombstone, Tombstones
from fog_aggregator.core.columns import Bools
from fog_aggregator.core.families.clashes import Clashes
from fog_aggregator.core.families.words import FamilyWords, Words
from fog_aggregator.core.fleet.arrivals import Arrivals
from fog_aggregator.core.fleet.catalog import Catalog
from fog_aggregator.core.fleet.fleet_time import Books, FleetTime
from fog_aggregator.core.fleet.retired_counts import RetiredCounts, add_counted
from fog_aggregator.core.fleet.roster import Roster
from fog_aggregator.core.fleet.slots import Slots
from fog_aggregator.core.fleet.successions import Successions
from fog_aggregator.core.kinds.table import FREE
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.learned import LearnedNodes
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.places.place import Place, close
from fog_aggregator.core.quarantine.orders import Quarantine
from fog_aggregator.core.quarantine.stamps import OrderStamps
from fog_aggregator.core.saved import DamagedError, Part, Saved
from fog_aggregator.core.series import FORGOTTEN
from fog_schema.paths import Path

DAY: Final = 86_400.0
LONG: Final = 365 * DAY
"""How long an epoch that was closed without its final is remembered (R12.15)."""
LATER: Final = frozenset(
    ("forgotten", "words", "clashes", "learned", "successions", "quarantine", "order_stamps", "untold", "books")
)
"""Parts that a checkpoint may lack: a program wrote it that did not know them."""


class Parts:
    """The parts of a fleet; each saves itself.

    Attributes:
        roster: places, epochs and their rows.
        slots: values.
        catalog: families and series.
        tombstones: epochs that were closed.
        forgotten: those of them whose node was forgotten, with their values.
        time: the fleet's own time.
        retired: the counts of label sets that left.
        words: in which words writers describe families.
        clashes: which families are shown of those that cannot all be.
        arrivals: how many values came, and came late; of this process, and not saved.
        budget: the bytes that all of these take.
        quarantine: what an operator has taken out.
    """

    def __init__(
        self, horizon: float, limits: FleetLimits, *, caught_up: bool, named: Container[Path] = frozenset()
    ) -> None:
        self.roster = Roster(LearnedNodes(limits.memory.learned, named))
        self.slots = Slots()
        self.catalog = Catalog(limits.memory.definitions)
        self.tombstones = Tombstones(limits.tombstones)
        self.forgotten = ForgottenEpochs()
        self.time = FleetTime(horizon, caught_up=caught_up)
        self.retired = RetiredCounts()
        self.words = FamilyWords()
        self.clashes = Clashes()
        self.arrivals = Arrivals()
        self.quarantine = Quarantine()
        self.budget = Budget(
            limits.memory.fleet,
            limits.memory.share,
            {
                "values": lambda: self.slots.bytes + self.forgotten.slots.bytes,
                "catalog": lambda: self.catalog.byte_count,
                "nodes": lambda: self._node_bytes,
                "answers": lambda: self.slots.answer_bytes,
            },
        )

    @property
    def successions(self) -> Successions:
        """Return which replicas of each branch are joined; the branches have it, and this saves it."""
        return Successions(self.roster, self.slots)

    @property
    def _node_bytes(self) -> int:
        closed = STONE_BYTES * len(self.tombstones) + EPOCH_BYTES * len(self.forgotten)
        return self.roster.bytes + closed

    def bytes_of(self, place: Place) -> int:
        """Return what a path takes: its values with their part of an answer, and what it has brought lately."""
        holders = place.holders
        return place.brought.bytes + EPOCH_BYTES * len(holders) + self.slots.bytes_of(holders)

    def room_of(self, place: Place) -> int:
        """Return how many bytes more a path may take: of all that are left, and of its share."""
        return min(self.budget.room, self.budget.most_of_a_path() - self.bytes_of(place))

    def close_epoch(self, place: Place, epoch: Epoch, *, final: bool) -> None:
        """Close an epoch (R12.13, R12.14), and leave a tombstone: for the horizon, or a long one without its final."""
        observed, lasts = self.time.observed_seconds, self.time.horizon if final else LONG
        self.tombstones.add(place.path, epoch.id, Tombstone(observed + lasts, final, epoch.seq))
        place.end_epoch(self.slots.tables, epoch)
        self.words.end(epoch.row, epoch.last_seen)
        place.closed.observed = observed
        self.roster.forget_epoch(place, epoch)

    @property
    def slot_count(self) -> int:
        """How many values there are, those of forgotten epochs included."""
        return len(self.slots) + len(self.forgotten.slots)

    def keep_values(self, place: Place, limits: FleetLimits) -> None:
        """Keep what the epochs of a place have counted that is about to be forgotten, while there is room (R12.53)."""
        for epoch in place.epochs.values():
            is_few = len(self.forgotten) < limits.tombstones and self.slot_count + epoch.series <= limits.slots
            if is_few and self._has_room(epoch):
                expires = self.time.observed_seconds + self.time.horizon
                self.forgotten.keep(place.path, epoch, self.slots.tables, expires)

    def _has_room(self, epoch: Epoch) -> bool:
        """Tell whether the values of an epoch may be kept a second time."""
        return self.budget.room >= EPOCH_BYTES + self.slots.bytes_of([epoch])

    def take_back(self, place: Place, epoch: Epoch, timestamp: float) -> None:
        """Let an epoch of a forgotten node go on where it was; its place counts what comes from now on (R12.53)."""
        tables = self.slots.tables
        self.forgotten.take(place.path, epoch, tables, timestamp)
        for kind, places in epoch.maps.items():
            kind.retract(tables, place.closed, places.items()[1])

    def merge_closed(self, into: Place, place: Place) -> None:
        """Add the closed total of a place to that of another, and remove the place."""
        close(self.slots.tables, into.closed, place.closed)
        self.arrivals.move(place.row, into.row)
        self.roster.remove(place)

    def shift(self, seconds: float) -> None:
        """Move all that was dated by the server's clock."""
        for part in (self.time, self.roster, self.slots, self.forgotten, self.words, self.quarantine):
            part.shift(seconds)

    def forget_families(self) -> None:
        """Let go of families that nobody speaks of, with no label set and no retired counts: decisions go with them."""
        counted = {family for family, count in self.retired.by_family.items() if count}
        gone = self.catalog.forget_families(counted | self.words.spoken())
        for part in (self.retired, self.words, self.clashes):
            part.forget_families(gone)

    def left_series(self) -> Bools:
        """Tell which series have left the exposition (R12.41), by their numbers."""
        return self.retired.left(len(self.catalog.series), self.time.observed_seconds, self.time.horizon)

    def retired_counts(self) -> dict[int, float]:
        """Return what was counted under label sets that left, by family; of histograms, observations.

        Both label sets that no epoch can speak of any more, and those that one still may.
        """
        counted = dict(self.retired.by_family)
        gone = self.left_series()
        gone[self.catalog.free] = False
        if not gone.any():
            return counted
        hidden = self.roster.hidden_epochs()
        for kind, table in self.slots.tables.items():
            if not kind.counted:
                continue
            numbers = table.series[: table.size]
            slots = np.flatnonzero(gone[numbers] & (numbers != FREE) & ~hidden[table.epoch[: table.size]])
            for series, count in zip(table.series[slots].tolist(), kind.exact_counts(table, slots), strict=True):
                add_counted(counted, self.catalog.series[series].family, count)
        return counted

    def image(self) -> dict[str, Saved]:
        """Return what each part saves."""
        return {name: part.image() for name, part in self._by_name().items()}

    def restore(self, saved: Mapping[str, Saved]) -> None:
        """Take over what each part has saved.

        Raises:
            DamagedError: a part is missing or wrong inside, or parts do not fit together.
        """
        for name, part in self._by_name().items():
            if name not in saved:
                if name in LATER:
                    continue
                raise DamagedError(f"the part {name} is missing")
            try:
                part.restore(saved[name])
            except DamagedError as error:
                raise DamagedError(f"{name}: {error}") from None
        epochs = {one.row: one for place in self.roster for one in place.holders}
        shape_of, kinds = np.array(self.catalog.shape_of, np.int32), self.catalog.known_families.kinds_of_shapes()
        self.slots.connect(epochs, shape_of, kinds)
        self.forgotten.connect(shape_of, kinds)
        self.roster.learned.connect(self.roster.places)
        families = len(self.catalog.families)
        self.retired.check(families, len(self.catalog.series))
        self.words.check(families, epochs)
        self.clashes.check(families)
        if "successions" not in saved:
            self.successions.assume()
        if "order_stamps" not in saved:
            OrderStamps(self.quarantine).assume()
        if "words" not in saved:
            self._assume_words()

    def _assume_words(self) -> None:
        """Let every writer have said what is known of its families, after a checkpoint that does not tell."""
        family_of = np.array([-1 if entry is FORGOTTEN else entry.family for entry in self.catalog.series], np.int64)
        size = max(1, len(self.catalog.families))
        pairs = [np.zeros(0, np.int64)]
        for table in self.slots.tables.values():
            slots = table.used()
            pairs.append(np.unique(table.epoch[slots] * size + family_of[table.series[slots]]))
        profile: dict[int, list[Words]] = defaultdict(list)
        rows, families = np.divmod(np.unique(np.concatenate(pairs)), size)
        for row, family in zip(rows.tolist(), families.tolist(), strict=True):
            known = self.catalog.families[family]
            profile[row].append(Words(family, known.help, known.rollup))
        for place in self.roster:
            for epoch in place.epochs.values():
                self.words.hear(epoch.row, tuple(profile[epoch.row]), everything=True)

    def _by_name(self) -> dict[str, Part]:
        return {
            "roster": self.roster,
            "slots": self.slots,
            "catalog": self.catalog,
            "tombstones": self.tombstones,
            "forgotten": self.forgotten,
            "learned": self.roster.learned,
            "time": self.time,
            "retired": self.retired,
            "words": self.words,
            "clashes": self.clashes,
            "successions": self.successions,
            "quarantine": self.quarantine,
            "order_stamps": OrderStamps(self.quarantine),
            "untold": self.quarantine.untold,
            "books": Books(self.time),
        }
