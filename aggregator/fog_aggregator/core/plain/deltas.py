"""Apply the plain deltas of many messages by kernels, from bytes to tables, without a frame for any of them.

A kernel reads what is plain by its bytes (`fog_aggregator.kernels.compiled.deltas`). Whether it can be merged so
depends on its epoch: known, whole so far, and this is its next frame, of series that lie in a block. Its writer's state
moves at once, as that of any frame; its values are merged when the run is settled, all in a few calls. A frame that is
not plain ends a run: it is applied by `Fleet.apply`, after what came before it. The outcome is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds import LAID_OUT
from fog_aggregator.core.outcome import Status
from fog_aggregator.core.places.rows import STALE_INTERVALS
from fog_aggregator.core.plain.reading import MOST_FRAMES, Reading
from fog_aggregator.core.plain.writers import WriterColumns
from fog_aggregator.kernels.layout import FIRST_SECTION, INTERVAL, MOST_SECTIONS, PLACE_ROW, WIDTH
from fog_aggregator.kernels.ports import Kernels
from fog_bus.ports import Message
from fog_schema.paths import Path

_NONE: Final[Int64s] = np.zeros(0, np.int64)


class PlainDeltas:
    """Apply plain deltas to a fleet.

    Args:
        fleet: the fleet.
        kernels: they read, advance and merge.
    """

    def __init__(self, fleet: Fleet, kernels: Kernels) -> None:
        self._fleet = fleet
        self._kernels = kernels
        self._read = Reading(kernels)
        self._begin = self._end = self._late_values = 0
        self._most = MOST_FRAMES
        self._rows = _NONE
        self._offsets: Int64s = np.zeros(MOST_FRAMES * MOST_SECTIONS, np.int64)
        self._counts: Int64s = np.zeros(MOST_FRAMES, np.int64)
        self._late: Bools = np.zeros(MOST_FRAMES, np.bool_)

    def read(self, messages: Sequence[Message]) -> None:
        """Read messages, at most MOST_FRAMES."""
        self._read.read(messages)

    def apply(self, paths: Sequence[Path], at: int, now: float) -> int:
        """Move the state by the plain deltas from a place on; return the place after those that were applied.

        How many are looked at goes by how many were applied the last time: what was laid out for others was in vain.

        Args:
            paths: the path of each of the messages that were read.
            at: the place, among them.
            now: the server's time, by which values may come late.
        """
        self._begin = self._end = at
        read, parts, writers, end = self._read, self._fleet.parts, WriterColumns(), at + self._most
        writers.gather(parts.roster, paths[at:end], read.plain[at:end], read.epochs[at:end], read.seqs[at:end])
        if not (gathered := len(writers.of)):
            return at
        of, stamps, headers = np.array(writers.of, np.int64), read.stamps[at : at + gathered], read.headers[at:]
        columns, rows, clock = writers.columns(), parts.roster.rows, parts.time.as_array()
        frames, applied = (headers, read.sections, of, stamps), (self._offsets, self._counts, self._late)
        places = rows.last_seen, rows.audible_at, rows.interval
        count = int(self._kernels.advance(frames, columns, places, clock, applied))
        self._most = min(MOST_FRAMES, 2 * count + 1) if count < gathered else min(MOST_FRAMES, 2 * self._most)
        parts.time.take_over(clock)
        writers.take_over(parts.roster, columns, count, parts.time.observed_seconds)
        self._rows, self._end = columns[0][PLACE_ROW][of[:count]], at + count
        rows.ended[self._rows] = False
        late = self._late[:count] | (now - stamps[:count] / 1e9 > STALE_INTERVALS * headers[:count, INTERVAL] / 1000)
        self._late_values = int(self._counts[:count][late].sum())
        return self._end

    def settle(self) -> dict[str, int]:
        """Merge the values of the frames that were applied last; return counts, as an ingest keeps them."""
        first, end = self._read.headers[[self._begin, self._end], FIRST_SECTION]
        sections, offsets = self._read.sections[first:end], self._offsets[: end - first]
        tables, counts = self._fleet.parts.slots.tables, self._counts[: len(self._rows)]
        for form in set(sections[:, WIDTH].tolist()):
            kind = LAID_OUT[form]
            kind.merge(tables[kind], self._kernels, (self._read.bytes, sections, offsets))
        self._fleet.parts.arrivals.add(self._rows, counts, self._late[: len(counts)])
        return {Status.APPLIED.value: len(counts), "values": int(counts.sum()), "late": self._late_values}
