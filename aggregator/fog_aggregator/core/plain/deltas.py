"""Apply the plain deltas of many messages by kernels, from bytes to tables, without a frame for any of them.

A kernel reads what is plain by its bytes (`fog_aggregator.kernels.compiled.deltas`). Whether it can be merged so
depends on its epoch: known, whole so far, and this is its next frame, of series that lie in a block. Another kernel
moves its epoch at once (`EpochColumns`); its values are merged when the run is settled, all in a few calls. A frame
that is not plain ends a run: it is applied by `Fleet.apply`, after what came before it. The outcome is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.core.costs.accounts import Account
from fog_aggregator.core.costs.slices import Run
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds import LAID_OUT
from fog_aggregator.core.outcome import Status
from fog_aggregator.core.places.rows import STALE_INTERVALS
from fog_aggregator.core.plain.reading import MOST_FRAMES, Reading
from fog_aggregator.core.plain.tickets import ticket_of
from fog_aggregator.kernels.layout import ALONE, FIRST_SECTION, INTERVAL, MOST_SECTIONS, NUMBER, ROW, TICKET, WIDTH
from fog_aggregator.kernels.ports import Kernels


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
        self._senders: Sequence[Account | None] = ()
        self._tickets: Int64s = np.zeros(0, np.int64)
        self._begin = self._end = self._late_values = 0
        self._offsets: Int64s = np.zeros(MOST_FRAMES * MOST_SECTIONS, np.int64)
        self._counts: Int64s = np.zeros(MOST_FRAMES, np.int64)
        self._places: Int64s = np.zeros(MOST_FRAMES, np.int64)
        self._late: Bools = np.zeros(MOST_FRAMES, np.bool_)

    def read(self, run: Run, senders: Sequence[Account | None]) -> None:
        """Read messages, at most MOST_FRAMES, and find the epochs of those that are plain deltas.

        Args:
            run: the messages, which follow each other in the stream.
            senders: the account of each; None where a frame must not be read, or is nobody's.
        """
        read, roster = self._read, self._fleet.parts.roster
        read.read(run.messages, run.sizes)
        tickets = np.array([0 if one is None else one.ticket for one in senders], np.int64)
        epochs = roster.rows.epochs.integers[tickets & ROW]
        known = (tickets != 0) & (tickets == epochs[:, TICKET]) & (read.epochs == epochs[:, NUMBER].view(np.uint64))
        self._senders, self._tickets = senders, np.where(known, tickets, 0)
        for at in (read.plain & ~known).nonzero()[0].tolist():
            if (sender := senders[at]) is not None:
                sender.ticket = self._tickets[at] = ticket_of(roster, sender.path, int(read.epochs[at]))

    def look_again(self, at: int) -> None:
        """Find the epoch of the messages of a sender behind one that was applied otherwise, and may have changed it."""
        if (sender := self._senders[at]) is None:
            return
        behind = [place for place in range(at + 1, len(self._senders)) if self._senders[place] is sender]
        if not behind:
            return
        epochs = self._read.epochs
        number = epochs[behind[0]]
        if ticket := ticket_of(self._fleet.parts.roster, sender.path, int(number)):
            sender.ticket = self._tickets[[place for place in behind if epochs[place] == number]] = ticket

    def apply(self, at: int, now: float) -> int:
        """Move the state by the plain deltas from a place on; return the place after those that were applied.

        Args:
            at: the place, among the messages that were read.
            now: the server's time, by which values may come late.
        """
        self._begin = self._end = at
        if not self._tickets[at]:
            return at
        read, parts, tickets = self._read, self._fleet.parts, self._tickets[at:]
        rows, stamps, headers = parts.roster.rows, read.stamps[at:], read.headers[at:]
        epochs, clock = (rows.epochs.integers, rows.epochs.times, rows.epochs.blocks), parts.time.as_array()
        applied = self._offsets, self._counts, self._places, self._late
        places = rows.last_seen, rows.audible_at, rows.interval, rows.ended
        frames = headers, read.sections, tickets, stamps
        if not (count := int(self._kernels.advance(frames, epochs, places, clock, applied))):
            return at
        parts.time.take_over(clock)
        self._end = at + count
        self._elect(tickets[:count] & ROW)
        late = self._late[:count] | (now - stamps[:count] / 1e9 > STALE_INTERVALS * headers[:count, INTERVAL] / 1000)
        self._late_values = int(self._counts[:count][late].sum())
        return self._end

    def _elect(self, epochs: Int64s) -> None:
        """Choose the epochs whose gauges count at the places of some epochs, where it may be others than before."""
        roster = self._fleet.parts.roster
        alone = roster.rows.epochs.integers[epochs, ALONE].astype(np.bool_)
        for at in (~alone | ~roster.rows.shows_gauges[epochs]).nonzero()[0].tolist():
            if (sender := self._senders[self._begin + at]) is not None and (place := roster.get(sender.path)):
                place.elect(roster.rows)

    def settle(self) -> dict[str, int]:
        """Merge the values of the frames that were applied last; return counts, as an ingest keeps them."""
        first, end = self._read.headers[[self._begin, self._end], FIRST_SECTION]
        sections, offsets = self._read.sections[first:end], self._offsets[: end - first]
        count = self._end - self._begin
        tables, counts, late = self._fleet.parts.slots.tables, self._counts[:count], self._late[:count]
        for form in set(sections[:, WIDTH].tolist()):
            kind = LAID_OUT[form]
            kind.merge(tables[kind], self._kernels, (self._read.bytes, sections, offsets))
        self._fleet.parts.arrivals.add(self._places[:count], counts, late)
        return {Status.APPLIED.value: count, "values": int(counts.sum()), "late": self._late_values}
