"""Apply the plain deltas of many messages by kernels, from bytes to tables, without a frame for any of them.

A kernel reads what is plain by its bytes (`fog_aggregator.kernels.compiled.deltas`). Whether it can be merged so
depends on its epoch: known, whole so far, and this is its next frame, of series that lie in a block. Its writer's state
moves at once, as that of any frame; its values are merged when the run is settled, all in a few calls. A frame that is
not plain ends a run: it is applied by `Fleet.apply`, after what came before it. The outcome is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds import LAID_OUT
from fog_aggregator.core.outcome import Status
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.place import Place
from fog_aggregator.core.places.rows import STALE_INTERVALS
from fog_aggregator.core.plain.reading import Reading
from fog_aggregator.kernels.layout import AGE, COUNT, FIRST_SECTION, FLAGS, HIGH, INTERVAL, LOW, SEQ, WIDTH
from fog_aggregator.kernels.ports import Kernels
from fog_bus.ports import Message
from fog_schema.frames import EPHEMERAL, SHARED
from fog_schema.paths import Path


class PlainDeltas:
    """Apply plain deltas to a fleet.

    Args:
        fleet: the fleet.
        kernels: they read and merge.
    """

    def __init__(self, fleet: Fleet, kernels: Kernels) -> None:
        self._fleet = fleet
        self._kernels = kernels
        self._read = Reading(kernels)
        self._begin = 0

    def read(self, messages: Sequence[Message]) -> None:
        """Read messages, at most MOST_FRAMES."""
        self._read.read(messages)

    def apply(self, paths: Sequence[Path], at: int, now: float) -> int:
        """Move the state by the plain deltas from a place on; return the place of the first that is not plain.

        Args:
            paths: the path of each of the messages that were read.
            at: the place, among them.
            now: the server's time, by which values may come late.
        """
        read, get = self._read, self._fleet.parts.roster.get
        plain, epochs, headers, messages = read.plain, read.epochs, read.headers, read.messages
        self._forget()
        self._begin, end = at, len(messages)
        while at < end and plain[at]:
            place = get(paths[at])
            epoch = None if place is None else place.epochs.get(epochs[at])
            if place is None or epoch is None or not place.takes_batches or not self._is_next(place, epoch, at):
                break
            header, timestamp = headers[at], messages[at].timestamp_ns / 1e9
            interval = header[INTERVAL] / 1000
            epoch.seq += 1
            late = self._fleet.hear(place, epoch, timestamp, header[AGE], interval)
            if late or now - timestamp > STALE_INTERVALS * header[INTERVAL] / 1000:
                self._late_values += self._counts[-1]
            self._late.append(late)
            self._rows.append(place.row)
            if len(place.epochs) > 1 or not self._fleet.parts.roster.rows.shows_gauges[epoch.row]:
                place.elect(self._fleet.parts.roster.rows)
            at += 1
        return at

    def settle(self) -> dict[str, int]:
        """Merge the values of the frames that were applied last; return counts, as an ingest keeps them."""
        columns, counts = self._read.header_columns, np.array(self._counts, np.int64)
        first, end = columns[self._begin, FIRST_SECTION], columns[self._begin + len(counts), FIRST_SECTION]
        sections, tables = self._read.sections[first:end], self._fleet.parts.slots.tables
        for form in self._forms:
            kind = LAID_OUT[form]
            offsets = np.array(self._offsets, np.int64)
            kind.merge(tables[kind], self._kernels, (self._read.bytes, sections, offsets))
        self._fleet.parts.arrivals.add(np.array(self._rows, np.int64), counts, np.array(self._late, np.bool_))
        merged = {Status.APPLIED.value: len(counts), "values": sum(self._counts), "late": self._late_values}
        self._forget()
        return merged

    def _forget(self) -> None:
        self._offsets: list[int] = []
        self._rows: list[int] = []
        self._counts: list[int] = []
        self._late: list[bool] = []
        self._forms: set[int] = set()
        self._late_values = 0

    def _is_next(self, place: Place, epoch: Epoch, at: int) -> bool:
        """Tell whether a delta is next in its epoch, and of series that lie in blocks; note where they lie."""
        header = self._read.headers[at]
        flags = SHARED * epoch.shared + EPHEMERAL * place.ephemeral
        if (
            epoch.seq + 1 != header[SEQ]
            or epoch.gapped
            or epoch.huge
            or epoch.run is not None
            or header[FLAGS] != flags
        ):
            return False
        maps, offsets, count = epoch.maps, [], 0
        sections = self._read.deciding[header[FIRST_SECTION] : self._read.headers[at + 1][FIRST_SECTION]]
        for row in sections:
            places = maps.get(LAID_OUT[row[WIDTH]])
            if places is None or not places.covers(row[LOW], row[HIGH]):
                return False
            offsets.append(places.offset)
            count += row[COUNT]
        for row in sections:
            self._forms.add(row[WIDTH])
        self._offsets += offsets
        self._counts.append(count)
        return True
