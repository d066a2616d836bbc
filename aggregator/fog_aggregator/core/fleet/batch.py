"""Merge the plain deltas of many nodes together: what numpy costs for each call, a batch pays once.

A plain delta is what a fleet sends nearly always: next in its epoch, of series that are known and lie in a block, its
counts in unsigned columns of 32 bits at most, so that no value can be refused. Its columns are retained as they are,
and those of one kind and layout are joined and merged in one go when the batch is settled. Everything else goes through
`Fleet.apply`, after what was retained. The outcome is the same as that of applying one by one.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

import numpy as np

from fog_aggregator.core.columns import Int64s, layout
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds import KINDS, Kind
from fog_aggregator.core.kinds.kind import Gathered
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.places.epoch import Epoch
from fog_schema.columns import Column
from fog_schema.frames import DELTA, Frame
from fog_schema.paths import Path

MOST_JOINED: Final = 32_768
"""Values of a section: what is longer gains nothing by company, and its cost is its own."""


class _Joined:
    """Sections of one kind and layout from several frames, not merged yet."""

    __slots__ = ("bitmaps", "others", "shifts", "sizes", "values")

    def __init__(self) -> None:
        self.bitmaps: list[bytes] = []
        self.shifts: list[int] = []
        self.sizes: list[int] = []
        self.values: list[Column] = []
        self.others: list[Column] = []

    def slots(self) -> Int64s:
        """Return the slot of each value, in the order of the values; shape (n,)."""
        lengths = np.array([len(bitmap) for bitmap in self.bitmaps], np.int64)
        starts = np.cumsum(lengths) - lengths
        bits = np.unpackbits(np.frombuffer(b"".join(self.bitmaps), np.uint8), bitorder="little")
        shifts = np.array(self.shifts, np.int64) - 8 * starts
        slots = bits.nonzero()[0]
        slots += np.repeat(shifts, self.sizes)
        return slots


class Batch:
    """Apply frames to a fleet; settled when the ``with`` block ends, and not to be read before.

    Attributes:
        refused_values: values of retained deltas that were refused, known once the batch is settled.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.refused_values = 0
        self._fleet = fleet
        self._place = fleet.parts.roster.get
        self._joined: dict[tuple[Kind, int, int], _Joined] = {}
        self._touched: set[Epoch] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.settle()

    def apply(self, path: Path, frame: Frame, timestamp: float) -> Outcome:
        """Apply a frame as `Fleet.apply`, except that a plain delta's values arrive when the batch is settled.

        Raises:
            FrameError: as `Fleet.apply` does.
        """
        place = self._place(path)
        epoch = place.epochs.get(frame.epoch) if place is not None and place.takes_batches else None
        gathered: list[Gathered] = []
        if place is None or epoch is None or not _is_plain(epoch, frame, gathered):
            self.settle()
            return self._fleet.apply(path, frame, timestamp)
        if epoch in self._touched:
            self.settle()
        self._touched.add(epoch)
        outcome = self._fleet.advance(place, epoch, frame, timestamp)
        for kind, offset, ids, size, values, others in gathered:
            key = (kind, layout(values.code), layout(others.code) if others else 0)
            joined = self._joined.get(key)
            if joined is None:
                joined = self._joined[key] = _Joined()
            joined.bitmaps.append(ids.data)
            joined.shifts.append(ids.base + offset)
            joined.sizes.append(size)
            joined.values.append(values)
            if others:
                joined.others.append(others)
            outcome.values += size
        return outcome

    def settle(self) -> None:
        """Merge what was retained."""
        for (kind, *_), joined in self._joined.items():
            self.refused_values += self._fleet.settle(kind, joined.slots(), joined.values, joined.others)
        self._joined.clear()
        self._touched.clear()


def _is_plain(epoch: Epoch, frame: Frame, gathered: list[Gathered]) -> bool:
    """Tell whether a frame can be merged together with those of other epochs; gather what it says."""
    if (
        frame.kind != DELTA
        or frame.seq != epoch.seq + 1
        or frame.definitions
        or frame.later_definitions
        or frame.removed is not None
        or epoch.huge
    ):
        return False
    maps = epoch.maps
    for kinds in KINDS:
        if not kinds.gather(frame, maps, gathered):
            return False
    for one in gathered:  # noqa: SIM110 - as above
        if one[4].size > MOST_JOINED:
            return False
    return True
