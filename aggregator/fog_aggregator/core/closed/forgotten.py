"""Keep the values of epochs whose node an operator has had forgotten, so that one that comes back counts on (R12.53).

Their counts are in a closed total by then. The values of their ids are kept apart, in tables that no rollup reads, for
the horizon: a writer that comes back within it goes on where it was, and nothing is lost or counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fog_aggregator.core.columns import Bools, Int32s
from fog_aggregator.core.fleet.slots import Slots
from fog_aggregator.core.kinds import Kind, Tables
from fog_aggregator.core.places.epoch import Epoch, restored
from fog_aggregator.core.places.rows import MOST_ROWS, EpochColumns
from fog_aggregator.core.saved import DamagedError, Saved, as_count, as_flag, as_integer, as_list, as_number, as_path
from fog_schema.paths import Path

_SAVED: Final = {
    "seq": as_count,
    "birth": as_number,
    "last_seen": as_number,
    "observed": as_number,
    "shared": as_flag,
    "gapped": as_flag,
    "returning": as_flag,
    "huge": as_flag,
    "gaps": as_count,
    "keyframes": as_count,
}
"""The fields of an epoch that are kept, each with its check. A keyframe that lacks a part is not gone on with."""


@dataclass(frozen=True, slots=True)
class ForgottenEpoch:
    """An epoch whose node was forgotten.

    Attributes:
        epoch: it, as it was; its row and its ids' slots are of the tables of forgotten ones.
        expires: when its values are given up, in observed time.
    """

    epoch: Epoch
    expires: float


class ForgottenEpochs:
    """The forgotten epochs of a fleet.

    Attributes:
        slots: what their ids had counted.
    """

    def __init__(self) -> None:
        self.slots = Slots()
        self._epochs: dict[tuple[Path, int], ForgottenEpoch] = {}
        self._columns = EpochColumns()

    def __len__(self) -> int:
        return len(self._epochs)

    def __iter__(self) -> Iterator[tuple[Path, int]]:
        return iter(self._epochs)

    def get(self, where: Path, number: int) -> Epoch | None:
        """Return an epoch as it was."""
        found = self._epochs.get((where, number))
        return None if found is None else found.epoch

    def keep(self, where: Path, epoch: Epoch, tables: Tables, expires: float) -> None:
        """Keep a copy of an epoch that is about to be closed."""
        known = {name: getattr(epoch, name) for name in _SAVED}
        copy = restored(self._columns.rows.take(), epoch.id, self._columns, known)
        _copy(epoch, tables, copy, self.slots.tables, np.inf)
        self._epochs[where, epoch.id] = ForgottenEpoch(copy, expires)

    def take(self, where: Path, into: Epoch, tables: Tables, since: float) -> None:
        """Let an epoch that comes back go on from what is kept of it, which is kept no longer.

        Args:
            where: its path.
            into: the epoch, which has just begun.
            tables: where its values go.
            since: when it came back: its place counts from then on.
        """
        former = self._epochs[where, into.id].epoch
        for name in _SAVED:
            setattr(into, name, getattr(former, name))
        _copy(former, self.slots.tables, into, tables, since)
        self._drop(where, into.id)

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock: one that comes back is as old as the others of its path."""
        for one in self._epochs.values():
            one.epoch.shift(seconds)

    def expire(self, observed: float) -> None:
        """Give up what was kept for the horizon."""
        for key in [key for key, one in self._epochs.items() if one.expires <= observed]:
            self._drop(*key)

    def speaks_of(self, series: int) -> Bools:
        """Tell which series some epoch may speak of again, by their numbers; `series`: how many there are."""
        spoken: Bools = ~self.slots.only_in(np.zeros(self._columns.rows.size, np.bool_), series)
        return spoken

    def image(self) -> Saved:
        """Return the epochs and their values."""
        slots = self.slots.image()
        epochs = [
            (*key, one.epoch.row, one.expires, [getattr(one.epoch, name) for name in _SAVED])
            for key, one in self._epochs.items()
        ]
        return Saved({**slots.plain, "epochs": epochs}, slots.arrays)

    def restore(self, saved: Saved) -> None:
        """Take over the epochs of a checkpoint; `connect` lets them know their values."""
        self.slots.restore(saved)
        checks = (as_path, as_integer, as_count, as_number, as_list)
        records = saved.records("epochs", *checks)
        rows = [row for _, _, row, _, _ in records]
        if len(set(rows)) != len(rows) or max(rows, default=0) >= MOST_ROWS:
            raise DamagedError("epochs has one row twice, or one that cannot be")
        self._columns = EpochColumns(rows)
        for where, number, row, expires, values in records:
            if len(values) != len(_SAVED):
                raise DamagedError(f"an epoch of {where} has {len(values)} fields, not {len(_SAVED)}")
            checked = (check(value) for check, value in zip(_SAVED.values(), values, strict=True))
            known: dict[str, Any] = dict(zip(_SAVED, checked, strict=True))
            self._epochs[where, number] = ForgottenEpoch(restored(row, number, self._columns, known), expires)

    def connect(self, shape_of: Int32s, kinds: list[Kind]) -> None:
        """Let each epoch know its values, after a restoration.

        Raises:
            DamagedError: as `Slots.connect` does.
        """
        self.slots.connect({one.epoch.row: one.epoch for one in self._epochs.values()}, shape_of, kinds)

    def _drop(self, where: Path, number: int) -> None:
        epoch = self._epochs.pop((where, number)).epoch
        for kind, places in epoch.maps.items():
            self.slots.tables[kind].release(places.items()[1])
        epoch.let_go()


def _copy(source: Epoch, tables: Tables, into: Epoch, others: Tables, created: float) -> None:
    """Copy the values of an epoch into those of another one; they begin to count at `created`."""
    for kind, places in source.maps.items():
        ids, slots = places.items()
        if len(ids):
            into.map(kind).add(ids, tables[kind].copy_rows(slots, others[kind], into.row, created))
