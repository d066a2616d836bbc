"""Define what every kind of value does: its columns, how frames meet them, how totals are formed and shown.

A kind is one object. Kinds that come in sizes (histograms by their number of buckets) have one object for each size,
which a `KindSet` makes; every other kind is a set of its own. `KINDS` in this package lists the sets, and is the only
list of kinds that there is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.core.kinds.id_map import IdMap
from fog_aggregator.core.kinds.samples import Clamp, Samples
from fog_aggregator.core.kinds.table import Table
from fog_aggregator.core.kinds.view import Cells, ColumnCopy, ViewColumns
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.rollups.run_plan import RunPlan
from fog_aggregator.core.series import Bounds
from fog_aggregator.kernels.ports import Kernels, Sections
from fog_schema.columns import Column, Ids
from fog_schema.frames import Frame

NO_SUMS = np.zeros(0)
NO_EPOCHS = np.zeros(0, np.int32)


Gathered: TypeAlias = "tuple[Kind, int, Ids, int, Column, Column | None]"
"""A section that can be joined with others: kind, offset of slots from ids, ids, how many, values, other values."""


class Kind(ABC):
    """One kind of value.

    Attributes:
        name: what checkpoints call it.
        forms: the kinds that a series of this kind may have in another epoch, this one first.
        defined_as: the kind that a series has when a frame defines it.
        at_branch: the kind that a branch's frames have in place of this one.
    """

    counted: ClassVar[bool] = True
    """Whether its values are counts, which are kept when their series ends, and joined at a branch."""
    ordered: ClassVar[bool] = False
    """Whether sums depend on the order in which values are added, which is then that of paths."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.forms: tuple[Kind, ...] = (self,)
        self.defined_as: Kind = self
        self.at_branch: Kind = self

    def __repr__(self) -> str:
        return self.name

    @abstractmethod
    def new_table(self) -> Table:
        """Make an empty table with the kind's columns."""

    @abstractmethod
    def apply_delta(self, merge: Merge, section: Any) -> None:
        """Merge a delta's section into the slots of its epoch."""

    @abstractmethod
    def apply_keyframe(self, merge: Merge, section: Any) -> None:
        """Merge a keyframe's section into the slots of its epoch."""

    def remove(self, table: Table, places: IdMap, ids: Int64s) -> None:
        """Take note that a writer has removed some ids: a count is kept, any other value is gone."""
        slots = places.known(ids)
        if self.counted:
            table.live[slots] = False
        elif len(slots):
            table.release(slots)
            places.discard(ids)

    def settle(self, table: Table, slots: Int64s, values: Sequence[Column], others: Sequence[Column]) -> int:
        """Merge what `KindSet.gather` has gathered of several epochs; return how many values were refused.

        Args:
            table: the kind's.
            slots: the slot of each value.
            values: the values of each section; all have one layout.
            others: their other values, if there are any.
        """
        raise NotImplementedError(f"{self} sections cannot be joined: {len(slots)} {values!r} {others!r} {table}")

    def merge(self, table: Table, kernels: Kernels, sections: Sections) -> None:
        """Merge sections of plain deltas by a kernel.

        Args:
            table: the kind's.
            kernels: they do it.
            sections: what they need beside the table: bytes, sections, offsets.
        """
        raise NotImplementedError(f"no kernel merges {self}: {kernels} {sections} {table}")

    def join(self, tables: Tables, joined: SlotHolder, slots: Int64s) -> None:
        """Raise what a branch's replicas were joined to, to what one of them has at some slots (R13.8)."""
        del tables, joined, slots  # only counts are joined

    def take_over(self, tables: Tables, holder: SlotHolder, ids: Int64s) -> None:
        """Give ids of a holder that have another form of this kind this one."""
        del tables, holder, ids  # only fractional counters have another form

    def close(self, tables: Tables, closed: SlotHolder | None, slots: Int64s) -> None:
        """Release slots of an epoch; counts are added to the closed total, if there is one to add to."""
        del closed
        tables[self].release(slots)

    def retract(self, tables: Tables, closed: SlotHolder, slots: Int64s) -> None:
        """Subtract the counts of an epoch that returns from the closed total: they were counted."""
        del tables, closed, slots  # only counts are in a closed total

    def counted_at(self, table: Table, slots: Int64s) -> Int64s | np.ndarray:
        """Return how much was counted at each of some slots."""
        return table.values[slots]

    def exact_counts(self, table: Table, slots: Int64s) -> list[int | float]:
        """Return how much was counted at each of some slots, as Python's numbers, which do not overflow."""
        counts: list[int | float] = table.values[slots].tolist()
        return counts

    def growing(self, values: np.ndarray) -> np.ndarray:
        """Return the counts that some values consist of, in the same number of rows: within an epoch none falls."""
        return values

    def copy(self, table: Table, slots: slice | Int64s, *, live: bool) -> ColumnCopy:
        """Copy what a view needs of some slots."""
        return ColumnCopy(
            np.array(table.values[slots]),
            NO_SUMS,
            np.array(table.live[slots]) if live else None,
            NO_EPOCHS if self.counted else np.array(table.epoch[slots]),
        )

    def copy_planned(self, table: Table, plan: RunPlan, kernels: Kernels | None, *, live: bool) -> ColumnCopy:
        """Copy what a view needs of the slots of a plan, or add it up at once where that is done sooner."""
        del kernels  # only sums of integers are
        return self.copy(table, plan.slots, live=live)

    @abstractmethod
    def reduce(self, cells: Cells) -> np.ndarray:
        """Return the total of each cell."""

    @abstractmethod
    def describe(self, table: Table, slot: int) -> dict[str, Any]:
        """Return a slot's value, and what there is to say of it, as plain values."""


class KindSet(ABC):
    """A kind, or the kinds of one sort that come in sizes."""

    @abstractmethod
    def of_family(self, type_: int, bounds: Bounds) -> Kind | None:
        """Return the kind that series of a type and bounds are defined as; None when it is of another set."""

    @abstractmethod
    def named(self, name: str) -> Kind | None:
        """Return the kind that a checkpoint calls by a name; None when it is of another set."""

    @abstractmethod
    def sections(self, frame: Frame) -> Sequence[tuple[Kind, Any]]:
        """Return what a frame says of this set's kinds."""

    @abstractmethod
    def section_ids(self, section: Any) -> Ids:
        """Return the ids that a section is about."""

    def laid_out(self) -> Mapping[int, Kind]:
        """Return the kinds that kernels merge, by `fog_aggregator.kernels.layout.WIDTH` of their sections."""
        return {}

    def gather(self, frame: Frame, maps: Mapping[Kind, IdMap], gathered: list[Gathered]) -> bool:
        """Gather what a delta says of this set's kinds, when it can be merged together with other epochs' deltas.

        Args:
            frame: the delta.
            maps: where the ids of its epoch are.
            gathered: where it is appended.

        Returns:
            False when it says something that must be merged alone.
        """
        del maps, gathered
        return not self.sections(frame)

    def expose(self, view: ViewColumns, clamp: Clamp) -> Iterator[tuple[int, Samples]]:
        """Reduce a view's columns to samples, each with its family's number.

        Args:
            view: the columns of all kinds.
            clamp: gives the values to export of fractional samples.
        """
        del view, clamp
        return iter(())

    def totals(self, view: ViewColumns) -> dict[int, Any]:
        """Return a view's absolute totals by series, for a parent; the view has one group."""
        del view
        return {}


@dataclass(slots=True, eq=False)
class SlotHolder:
    """Something that holds slots: an epoch or a closed total.

    Attributes:
        row: what slots refer to.
        huge: it has sent counts so large that sums must be watched.
        maps: where its ids are in the table of each kind.
    """

    row: int
    huge: bool = field(default=False, kw_only=True)
    maps: dict[Kind, IdMap] = field(default_factory=dict, kw_only=True)

    def map(self, kind: Kind) -> IdMap:
        """Return where its ids are in the table of a kind, to be read or changed."""
        self.withdraw()
        found = self.maps.get(kind)
        if found is None:
            found = self.maps[kind] = IdMap()
        return found

    def withdraw(self) -> None:
        """Take note that it changes: whoever remembers where its ids are must look anew."""

    @property
    def series(self) -> int:
        """Count the series that it has slots of."""
        return sum(map(len, self.maps.values()))

    def knows(self, kinds: Sequence[Kind], ids: Int64s) -> Bools:
        """Tell which of some ascending ids it has in the table of any of some kinds."""
        known = np.zeros(len(ids), np.bool_)
        for kind in kinds:
            if kind in self.maps:
                _, here = self.maps[kind].find(ids)
                if here is None:
                    return np.ones(len(ids), np.bool_)
                known |= here
        return known


class Tables(dict[Kind, Table]):
    """The tables by kind; one that is asked for is there.

    Attributes:
        saturated: how many sums had to stay at the most when epochs were closed, since it was taken last.
    """

    def __init__(self, tables: Mapping[Kind, Table] | None = None) -> None:
        super().__init__(tables or {})
        self.saturated = 0

    def take_saturated(self) -> int:
        """Return how many sums had to stay at the most since the last call."""
        stayed, self.saturated = self.saturated, 0
        return stayed

    def __missing__(self, kind: Kind) -> Table:
        table = self[kind] = kind.new_table()
        return table


@dataclass(slots=True)
class Merge:
    """One frame that meets the slots of its epoch.

    Attributes:
        tables: the tables of all kinds.
        epoch: whose frame it is.
        at: server's time of the epoch's last frame.
        siblings: all epochs of the same path.
        outcome: where values that were merged or refused are counted.
    """

    tables: Tables
    epoch: SlotHolder
    at: float
    siblings: Collection[SlotHolder]
    outcome: Outcome

    def choose(self, kind: Kind, ids: Int64s, good: Bools | None) -> tuple[Int64s, Bools | None]:
        """Return the slots of the ids that are known and whose value is good, and the mask of them (None: all)."""
        slots, known = self.epoch.map(kind).find(ids)
        outcome = self.outcome
        if known is not None:
            outcome.unknown += int(np.count_nonzero(~known))
            good = known if good is None else known & good
        if good is None:
            outcome.values += len(slots)
            return slots, None
        outcome.refused_values += int(np.count_nonzero(~good & (known if known is not None else True)))
        slots = slots[good]
        outcome.values += len(slots)
        return slots, good
