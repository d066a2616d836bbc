"""Copy the contents of a fleet at one moment, and reduce many moments at once: each is a group of the view.

The kinds of value reduce columns to cells of (series, group). For a fleet at many moments the group is the moment: so
a moment that is gone is reduced by the code that reduces the present.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from fog_aggregator.core.columns import Bools, Float64s, Int32s
from fog_aggregator.core.families.known import Family
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds import KINDS, Kind, new_tables
from fog_aggregator.core.kinds.samples import Samples
from fog_aggregator.core.kinds.table import FREE
from fog_aggregator.core.kinds.view import Cells, ColumnCopy, ViewColumns
from fog_aggregator.core.rollups.plan import SlotPlan
from fog_aggregator.core.rollups.reductions import number_cells, places_by_shape, ranges
from fog_aggregator.core.series import Bounds, SeriesEntry


class Column(NamedTuple):
    """The slots of one kind: which series each is of, and its values. Free slots are among them."""

    series: Int32s
    copy: ColumnCopy


@dataclass(frozen=True, slots=True)
class Moment:
    """The contents of a fleet at one moment.

    Attributes:
        time: milliseconds since 1970, by the server's clock.
        columns: the slots of each kind.
        counting: whether an epoch's gauges count, by its row.
        last_seen: when an epoch's node sent its last frame, by its row.
    """

    time: int
    columns: Mapping[Kind, Column]
    counting: Bools
    last_seen: Float64s

    @property
    def size(self) -> int:
        """Count the values."""
        return sum(column.copy.values.size for column in self.columns.values())


class Recorder:
    """Copy a fleet at moments; columns that do not change from one to the next are copied once.

    Args:
        fleet: the fleet to copy from.
        own: whether it is one node's own values that are wanted.
    """

    def __init__(self, fleet: Fleet, *, own: bool) -> None:
        self._fleet = fleet
        self._own = own
        self._series: dict[Kind, tuple[tuple[int, int], Int32s]] = {}

    def record(self, time: int) -> Moment:
        """Copy the fleet as it is, at a time in milliseconds."""
        fleet = self._fleet
        columns = {
            kind: Column(self._series_of(kind), fleet.copy_slots(kind, None, live=self._own)) for kind in fleet.kinds
        }
        return Moment(time, columns, *fleet.gauges_of_epochs(time / 1000))

    def _series_of(self, kind: Kind) -> Int32s:
        """Return the series of the slots, FREE for what an operator has taken out."""
        version, known = (self._fleet.slots_version(kind), self._fleet.places_version), self._series.get(kind)
        if known is None or known[0] != version:
            holders = self._fleet.slot_columns(kind)
            hidden = self._fleet.parts.roster.hidden_epochs()[holders.epoch]
            known = self._series[kind] = (version, np.where(hidden, np.int32(FREE), holders.series))
        return known[1]


@dataclass(frozen=True, slots=True)
class Axis:
    """The series that moments are about.

    Attributes:
        entries: by number.
        shape_of: the shape of each, by its number.
        shapes: the family and the bounds of each shape.
        families: by number.
        bounds: at which each family of histograms is shown.
        hidden: the families that are not shown.
    """

    entries: Sequence[SeriesEntry]
    shape_of: Int32s
    shapes: Sequence[tuple[int, Bounds]]
    families: Sequence[Family]
    bounds: Mapping[int, Bounds] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()


def reduce_moments(
    moments: Sequence[Moment], axis: Axis, constant: Mapping[Kind, Column], *, own: bool
) -> Iterator[tuple[int, Samples]]:
    """Reduce moments to samples with the number of their family; a sample's group is the moment's place.

    Args:
        moments: the contents, in the order of time.
        axis: the series.
        constant: values to be added at each moment.
        own: whether it is one node's own values that are wanted: each is then shown for as long as a writer has it.
    """
    kinds = dict.fromkeys([*new_tables(), *constant, *(kind for moment in moments for kind in moment.columns)])
    view = ViewColumns(
        {kind: _cells(kind, moments, axis, constant.get(kind), own=own) for kind in kinds},
        axis.entries,
        axis.shape_of,
        axis.shapes,
        [family.rollup for family in axis.families],
        axis.bounds,
        len(moments),
        own,
        np.ones(len(axis.entries), np.bool_),
        np.concatenate([moment.counting for moment in moments]),
        np.concatenate([moment.last_seen for moment in moments]),
    )
    for kind_set in KINDS:
        for family, samples in kind_set.expose(view, lambda samples: samples.values.tolist()):
            if family not in axis.hidden:
                yield family, samples


def _cells(kind: Kind, moments: Sequence[Moment], axis: Axis, constant: Column | None, *, own: bool) -> Cells:
    """Put the slots of one kind at all moments side by side."""
    parts: dict[str, list[np.ndarray[Any, Any]]] = defaultdict(list)
    rows = 0
    for group, moment in enumerate(moments):
        for column in (moment.columns.get(kind), constant):
            if column is not None:
                used = np.flatnonzero(column.series != FREE)
                copy = column.copy.at(used)
                parts["series"].append(column.series[used])
                parts["group"].append(np.full(len(used), group, np.int64))
                parts["values"].append(copy.values)
                parts["sums"].append(copy.sums)
                parts["live"].append(np.zeros(0, np.bool_) if copy.live is None else copy.live)
                parts["epoch"].append(copy.epoch + np.int32(rows))
        rows += len(moment.counting)
    table = kind.new_table()
    empty = {"series": table.series, "group": np.zeros(0, np.int64), "values": table.values[:0], "live": table.live}
    joined = {name: np.concatenate([empty.get(name, np.zeros(0)), *parts[name]]) for name in _NAMES}
    plan = _plan(joined["series"], joined["group"], len(moments), axis.shape_of)
    epoch, live = joined["epoch"].astype(np.int32), joined["live"] if own else None
    return Cells(plan, ColumnCopy(joined["values"], joined["sums"], live, epoch))


_NAMES = ("series", "group", "values", "sums", "live", "epoch")


def _plan(series: Int32s, group: np.ndarray[Any, Any], groups: int, shape_of: Int32s) -> SlotPlan:
    """Assign slots to cells of (series, group), in the order of shapes."""
    place = places_by_shape(shape_of)
    cells, cell = number_cells(place[series] * groups + group)
    place_of, of_group = np.divmod(cells, groups)
    numbers = np.argsort(place)[place_of].astype(np.int32)
    shapes = list(ranges(shape_of[numbers]))
    every = slice(0, len(series))
    return SlotPlan(every, cell, numbers, of_group.astype(np.int32), np.full(len(cells), np.inf), shapes)
