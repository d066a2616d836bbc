"""Hold the slots of all kinds of value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from fog_aggregator.core.budget.budget import ANSWER_BYTES, ANSWER_COPIES, ANSWER_SLOT_BYTES, SLOT_BYTES
from fog_aggregator.core.columns import Bools, Int32s, Int64s
from fog_aggregator.core.kinds import Kind, SlotHolder, Tables, kind_named, new_tables
from fog_aggregator.core.kinds.table import FREE, Table
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.saved import DamagedError, Saved, as_texts
from fog_schema.limits import MAX_ID


class Slots:
    """The tables of all kinds. Any thread may ask for sizes, and may be behind.

    Attributes:
        tables: by kind.
    """

    def __init__(self) -> None:
        self.tables: Tables = new_tables()

    def __len__(self) -> int:
        """Slots in use."""
        return sum(map(len, list(self.tables.values())))

    @property
    def bytes(self) -> int:
        """Return what all values take."""
        return sum(table.bytes for table in list(self.tables.values())) + SLOT_BYTES * len(self)

    @property
    def answer_bytes(self) -> int:
        """Return what one answer with all values takes while it is made, and the plans that it leaves."""
        return ANSWER_BYTES + sum(len(table) * _answer_bytes(table) for table in list(self.tables.values()))

    def bytes_of(self, holders: Iterable[SlotHolder]) -> int:
        """Return what the values of epochs, and of closed totals, take together with their part of an answer."""
        counts: dict[Kind, int] = {}
        for holder in holders:  # a path may have a thousand, and is asked with each of its frames that brings something
            for kind, ids in holder.maps.items():
                counts[kind] = counts.get(kind, 0) + len(ids)
        return sum(count * _slot_bytes(self.tables[kind]) for kind, count in counts.items())

    def make_room(self, kind: Kind, count: int, most: int) -> int:
        """Let more values fit, if they do within bytes, their part of an answer included; return for how many."""
        table = self.tables[kind]
        beside = _answer_bytes(table) + SLOT_BYTES
        count = max(0, min(count, most // (beside + table.row_bytes)))
        while count and not (fits := table.make_room(count, most - count * beside)):
            count //= 2  # columns are there twice while they grow
        return fits if count else 0

    def present(self, series: int) -> Bools:
        """Tell which series some writer still has, by their numbers; `series`: how many there are."""
        present = np.zeros(series, np.bool_)
        for table in self.tables.values():
            live = table.live[: table.size] & (table.series[: table.size] != FREE)
            present[table.series[: table.size][live]] = True
        return present

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock."""
        for table in self.tables.values():
            table.created += seconds
            table.news.forget()

    def only_in(self, rows: Bools, series: int) -> Bools:
        """Tell which series have slots of some epochs alone; `rows`: by epoch's row; `series`: how many there are."""
        only = np.ones(series, np.bool_)
        for table in self.tables.values():
            slots = table.used()
            only[table.series[slots[~rows[table.epoch[slots]]]]] = False
        return only

    def image(self) -> Saved:
        """Return all columns."""
        columns = {
            f"{kind.name}.{name}": one for kind, table in self.tables.items() for name, one in table.image().items()
        }
        return Saved({"kinds": [kind.name for kind in self.tables]}, columns)

    def restore(self, saved: Saved) -> None:
        """Take over the columns of a checkpoint."""
        for name in saved.value("kinds", as_texts):
            try:
                self.tables[kind_named(name)].restore(saved.under(f"{name}."))
            except KeyError as error:
                raise DamagedError(f"the column {name}.{error.args[0]} is missing") from None
            except (ValueError, TypeError) as error:
                raise DamagedError(f"{name}: {error}") from None

    def connect(self, epochs: Mapping[int, Epoch], shape_of: Int32s, kinds: Sequence[Kind]) -> None:
        """Let each epoch know its slots, after a restoration: the slots say whose they are.

        Args:
            epochs: by row.
            shape_of: the shape of each series, by its number; -1 for a number that is free.
            kinds: the kind that the series of each shape are defined as.

        Raises:
            DamagedError: a slot is of no epoch, of no series, or of one that has values of another kind.
        """
        for kind, table in self.tables.items():
            slots = table.used()
            if len(slots):
                _check_series(kind, table.series[slots], shape_of, kinds)
                _connect(kind, table, slots, epochs)


def _answer_bytes(table: Table) -> int:
    return ANSWER_SLOT_BYTES + ANSWER_COPIES * table.value_bytes


def _slot_bytes(table: Table) -> int:
    return table.row_bytes + SLOT_BYTES + _answer_bytes(table)


def _check_series(kind: Kind, series: Int32s, shape_of: Int32s, kinds: Sequence[Kind]) -> None:
    if series.min() < 0 or series.max() >= len(shape_of) or (shape_of[series] < 0).any():
        raise DamagedError(f"{kind.name} has a slot of a series that is not there")
    for shape in np.unique(shape_of[series]).tolist():
        if kinds[shape] is not kind.defined_as:
            raise DamagedError(f"{kind.name} has a slot of a series whose values are {kinds[shape].name}")


def _connect(kind: Kind, table: Table, slots: Int64s, epochs: Mapping[int, Epoch]) -> None:
    if table.ids[slots].min() < 0 or table.ids[slots].max() > MAX_ID:
        raise DamagedError(f"{kind.name} has an id that cannot be")
    order = np.lexsort((table.ids[slots], table.epoch[slots]))
    slots = slots[order]
    rows, starts = np.unique(table.epoch[slots], return_index=True)
    for row, mine in zip(rows.tolist(), np.split(slots, starts[1:]), strict=True):
        ids = table.ids[mine]
        if row not in epochs or not (ids[1:] > ids[:-1]).all():
            raise DamagedError(f"{kind.name} has a slot of an epoch that is not there, or one id twice")
        epochs[row].map(kind).add(ids, mine)
