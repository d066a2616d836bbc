"""Merges the plain deltas of many nodes together: what numpy costs for each call, a batch pays once.

A plain delta is what a fleet sends nearly always: next in its epoch, of series that are known and lie in a block, its
counts in unsigned columns of 32 bits at most, of which no value can be refused. Its columns are kept as bytes, and
those of one type are joined and added in one go when the batch is settled. Everything else goes through `State.apply`,
after what was kept. The outcome is the same as that of applying one by one.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import numpy as np

from fog_aggregator.core.catalog import COUNTERS, GAUGES
from fog_aggregator.core.columns import Int64s, dtype_of, is_small
from fog_aggregator.core.nodes import Epoch
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.state import State
from fog_aggregator.core.tables import IdMap
from fog_schema.columns import BITMAP, Ids
from fog_schema.frames import DELTA, Frame
from fog_schema.paths import Path


class _Joined:
    """Sections of one kind and type from several frames, not merged yet."""

    __slots__ = ("bitmaps", "shifts", "sizes", "sums", "values")

    def __init__(self) -> None:
        self.bitmaps: list[bytes] = []
        self.shifts: list[int] = []
        self.sizes: list[int] = []
        self.values: list[bytes] = []
        self.sums: list[bytes] = []

    def slots(self) -> Int64s:
        """The slot of each value, in the order of the values; shape (n,)."""
        lengths = np.array([len(bitmap) for bitmap in self.bitmaps], np.int64)
        starts = np.cumsum(lengths) - lengths
        bits = np.unpackbits(np.frombuffer(b"".join(self.bitmaps), np.uint8), bitorder="little")
        shifts = np.array(self.shifts, np.int64) - 8 * starts
        slots = bits.nonzero()[0]
        slots += np.repeat(shifts, self.sizes)
        return slots


class Batch:
    """Applies frames to a state; settled when the ``with`` block ends, and not to be read before.

    Attributes:
        refused_values: values of kept deltas that were refused, known once the batch is settled.
    """

    def __init__(self, state: State) -> None:
        self.refused_values = 0
        self._state = state
        self._joined: dict[tuple[int, int], _Joined] = {}
        self._touched: set[Epoch] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.settle()

    def apply(self, path: Path, frame: Frame, timestamp: float) -> Outcome:
        """As `State.apply`, except that a plain delta's values arrive when the batch is settled.

        Raises:
            FrameError: as `State.apply` does.
        """
        node = self._state.nodes.get(path)
        epoch = node.epochs.get(frame.epoch) if node is not None else None
        if node is None or epoch is None or node.branch or not _is_plain(epoch, frame):
            self.settle()
            return self._state.apply(path, frame, timestamp)
        if epoch in self._touched:
            self.settle()
        self._touched.add(epoch)
        outcome = self._state.advance(node, epoch, frame, timestamp)
        if (section := frame.counters) is not None:
            joined = self._keep(COUNTERS, section.values.code, section.ids, epoch)
            joined.values.append(section.values.data)
            outcome.values += joined.sizes[-1]
        if (section := frame.gauges) is not None:
            joined = self._keep(GAUGES, section.values.code, section.ids, epoch)
            joined.values.append(section.values.data)
            outcome.values += joined.sizes[-1]
        for group in frame.histograms:
            joined = self._keep(group.width, group.counts.code, group.ids, epoch)
            joined.values.append(group.counts.data)
            joined.sums.append(group.sums.data)
            outcome.values += joined.sizes[-1]
        return outcome

    def settle(self) -> None:
        """Merge what was kept."""
        for (width, code), joined in self._joined.items():
            values = np.frombuffer(b"".join(joined.values), dtype_of(code))
            table = self._state.table(width)
            slots = joined.slots()
            if width == COUNTERS:
                table.values[slots] += values
            elif width == GAUGES:
                table.values[slots] = values
            else:
                self._settle_histograms(width, slots, values, joined)
        self._joined.clear()
        self._touched.clear()

    def _settle_histograms(self, width: int, slots: Int64s, values: np.ndarray, joined: _Joined) -> None:
        table, counts = self._state.table(width), values.reshape(-1, width)
        sums = np.frombuffer(b"".join(joined.sums), np.dtype("<f8"))
        fine = np.isfinite(sums)
        if not fine.all():
            self.refused_values += int(np.count_nonzero(~fine))
            slots, counts, sums = slots[fine], counts[fine], sums[fine]
        table.values[slots] += counts
        table.sums[slots] = sums

    def _keep(self, width: int, code: int, ids: Ids, epoch: Epoch) -> _Joined:
        joined = self._joined.get((width, code))
        if joined is None:
            joined = self._joined[width, code] = _Joined()
        joined.bitmaps.append(ids.data)
        joined.shifts.append(ids.base + epoch.maps[width].offset)
        joined.sizes.append(ids.size)
        return joined


def _is_plain(epoch: Epoch, frame: Frame) -> bool:
    if (
        frame.kind != DELTA
        or frame.seq != epoch.seq + 1
        or frame.definitions
        or frame.fractions is not None
        or frame.removed is not None
        or epoch.huge
    ):
        return False
    maps = epoch.maps
    counters, gauges = frame.counters, frame.gauges
    if counters is not None and not (is_small(counters.values) and _fits(maps.get(COUNTERS), counters.ids)):
        return False
    if gauges is not None and not _fits(maps.get(GAUGES), gauges.ids):
        return False
    widths = {group.width for group in frame.histograms}
    if len(widths) < len(frame.histograms):  # two groups may name the same slot, and numpy adds to a slot once
        return False
    return all(is_small(group.counts) and _fits(maps.get(group.width), group.ids) for group in frame.histograms)


def _fits(places: IdMap | None, ids: Ids) -> bool:
    """Whether ids are a bitmap whose every bit is known, by a block of slots; told without unpacking it."""
    if places is None or not places.is_block or ids.form != BITMAP or not ids.data:
        return False
    first, last = ids.data[0], ids.data[-1]
    if not (first and last):
        return False
    lowest = ids.base + (first & -first).bit_length() - 1
    highest = ids.base + 8 * len(ids.data) - 9 + last.bit_length()
    return lowest >= places.low and highest < places.high
