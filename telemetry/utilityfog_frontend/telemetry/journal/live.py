"""The journal of a process that lives: what is written when. Pure: time, randomness and room are handed in."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from utilityfog_frontend.telemetry.model import Family, Labels, Value

from .kinds import Shape, family_text, shape_of
from .layout import (
    ACKNOWLEDGED,
    AT_BANKS,
    AT_BATCH,
    AT_MAGIC,
    AT_ORDINAL,
    AT_PUBLICATION,
    AT_VERSION,
    BATCH,
    BIRTH,
    CELL,
    CLOSED,
    ENDED,
    EPOCH,
    FAMILY,
    FAMILY_AT,
    FINAL_SENT,
    IDENTITY,
    IDS,
    LAST_SENT,
    MAGIC,
    NEXT_ID,
    PUBLICATIONS,
    RELEASED,
    SEQ,
    SERIES,
    SETTLED,
    STATE,
    STORES,
    STORES_LENGTH,
    VALUE,
    VERSION,
    WIDTH,
    pack_text,
    signed,
    unsigned,
)
from .slots import Grow, Region, Slot, Slots

_RUN: Final = struct.Struct("=qq")

SEQS_RESERVED: Final = 1024
"""Seqs that are reserved at a time: after a loss of power, when the disk may have less than the memory had, the number
on the disk is still above those that were used."""


class LiveJournal:
    """The records of one process. Not thread-safe, save for the stores into values.

    Args:
        header: `HEADER_BYTES` zeros, the beginning of the file.
        grow: makes the file longer.
        identity: facts about the process, for people.
        epoch: a random number from 1 to 2^64 - 1.
        now: unix seconds.
    """

    def __init__(
        self, header: bytearray | memoryview, grow: Grow, identity: Mapping[str, Any], *, epoch: int, now: float
    ) -> None:
        self._header = Region(header, 0)
        self._slots = Slots(self._header, grow)
        self._shapes: dict[Family, tuple[Shape, int]] = {}
        self._series: dict[int, tuple[Slot, Shape]] = {}
        self._publication: Mapping[str, Any] | None = None
        self._batch: Slot | None = None
        self._write_text(IDENTITY, identity)
        self._begin(1, epoch, now)
        self._header.ints[AT_VERSION] = VERSION
        self._header.ints[AT_MAGIC] = MAGIC

    # Series

    def add(self, family: Family, labels: Labels) -> tuple[Slot, Shape] | None:
        """Give a place to a new series; None when there is no more room, or the family's values are no counts."""
        if not family.type.incremental:
            return None
        known = self._shapes.get(family) or self._add_family(family)
        if known is None:
            return None
        shape, family_at = known
        text = pack_text([list(pair) for pair in labels])
        at_text = VALUE + 3 * shape.cells
        slot = self._slots.allocate(at_text + -(-len(text) // CELL))
        if slot is None:
            return None
        ints, at = slot.region.ints, slot.at
        ints[at + FAMILY_AT], ints[at + WIDTH] = family_at, shape.cells
        slot.write(at_text, text)
        slot.commit(SERIES)
        self._series[slot.address] = slot, shape
        return slot, shape

    def end(self, slot: Slot) -> None:
        """Note that a series was removed."""
        if self._has(slot):
            slot.region.ints[slot.at + STATE] = ENDED

    def release(self, slot: Slot) -> None:
        """Note that no frame needs to bear a series any more."""
        if self._has(slot):
            del self._series[slot.address]
            slot.region.ints[slot.at + STATE] = RELEASED
            slot.released = True

    # Batches

    def begin_batch(self, counts: Mapping[Slot, Sequence[float]], file: str) -> bool:
        """Note counts that are about to be made, and the file that has them; from now on they are as good as made.

        Returns:
            False when there is no room: nothing is noted.
        """
        stores = bytearray()
        for slot, numbers in counts.items():
            shape = self._series[slot.address][1]
            at = VALUE * CELL
            stores += _RUN.pack(slot.address + at, shape.cells)
            stores += shape.add(slot.region.bytes, slot.at * CELL + at, numbers)
        text = pack_text({"file": file})
        place = self._place_of_batch(STORES + (len(stores) + len(text)) // CELL + 1)
        if place is None:
            return False
        place.write(STORES, bytes(stores) + text)
        place.region.ints[place.at + STORES_LENGTH] = len(stores) // CELL
        place.commit(BATCH)
        self._header.ints[AT_BATCH] = place.address
        return True

    def settle_batch(self) -> None:
        """Note that all counts of the batch are made; its file is still there."""
        if self._batch is not None:
            self._batch.commit(SETTLED)

    def end_batch(self) -> None:
        """Note that all counts of the batch are made, and its file is gone."""
        self._header.ints[AT_BATCH] = 0

    def _place_of_batch(self, cells: int) -> Slot | None:
        """Return a place, that of the last batch if it is long enough; else twice as long: old ones are of no use."""
        if self._batch is None or self._batch.cells < cells:
            longer = self._slots.allocate(max(cells, 2 * self._batch.cells if self._batch is not None else 0))
            if longer is None:
                return None
            if self._batch is not None:
                self._batch.released = True
            self._batch = longer
        return self._batch

    # The publication

    @property
    def publication(self) -> Mapping[str, Any] | None:
        """Where and how the counts are published; None before an agent was attached."""
        return self._publication

    def publish(self, publication: Mapping[str, Any]) -> None:
        """Note where and how the counts are published: plain values."""
        bank = 2 if self._header.ints[AT_PUBLICATION] == 1 else 1
        self._write_text(PUBLICATIONS[bank - 1], publication)
        self._header.ints[AT_PUBLICATION] = bank
        self._publication = publication

    # The epoch

    @property
    def epoch(self) -> int:
        """The present epoch."""
        return unsigned(self._header.ints[self._bank + EPOCH])

    def reserve(self, epoch: int, seq: int, now: float) -> None:
        """Note that a frame of an epoch may be sent from now on, unix seconds: the present one, or the one before."""
        ints, bank = self._header.ints, self._bank
        if epoch != self.epoch:  # its final is encoded again
            bank = AT_BANKS[self._ordinal - 1 & 1]
        self._header.floats[bank + LAST_SENT] = now
        if ints[bank + SEQ] < seq:
            ints[bank + SEQ] = seq + SEQS_RESERVED

    def number(self, ids: Iterable[tuple[Slot, int]], next_id: int) -> None:
        """Note the ids of series in the present epoch, and that ids below `next_id` may have been used."""
        self._header.ints[self._bank + NEXT_ID] = next_id
        at = IDS[self._ordinal & 1]
        for slot, id_ in ids:
            slot.region.ints[slot.at + at] = id_ + 1

    def end_epoch(
        self, origins: Iterable[tuple[Slot, Value]], closed: Iterable[Slot], *, epoch: int, now: float
    ) -> None:
        """End the present epoch, whose final is encoded and not sent yet, and begin the next one.

        Args:
            origins: what each series that lives on had counted according to the final; the next epoch begins there.
            closed: series that ended in this epoch: the next one does not know them.
            epoch: the next one's number.
            now: unix seconds.
        """
        ordinal = self._ordinal
        following = ordinal + 1 & 1
        begin = {slot.address: value for slot, value in origins}
        for address, (slot, shape) in self._series.items():
            value = begin.get(address)
            data = bytes(shape.cells * CELL) if value is None else shape.pack(value)
            slot.write(VALUE + (1 + following) * shape.cells, data)
            slot.region.ints[slot.at + IDS[following]] = 0
        for slot in closed:
            slot.region.ints[slot.at + CLOSED] = ordinal
        self._header.floats[self._bank + FINAL_SENT] = now
        self._begin(ordinal + 1, epoch, now)

    def acknowledge(self) -> None:
        """Note that the final of the epoch before is in the stream."""
        ordinal = self._ordinal
        self._header.ints[AT_BANKS[ordinal - 1 & 1] + ACKNOWLEDGED] = 1
        for slot, _ in list(self._series.values()):
            if 0 < slot.region.ints[slot.at + CLOSED] < ordinal:
                self.release(slot)

    def image(self) -> bytes:
        """Return what stands in the file."""
        return b"".join(bytes(region.bytes) for region in (self._header, *self._slots.regions))

    def _has(self, slot: Slot) -> bool:
        """Tell whether a place is in this journal, and not in that of the process this one was forked from."""
        known = self._series.get(slot.address)
        return known is not None and known[0] is slot

    @property
    def _ordinal(self) -> int:
        return self._header.ints[AT_ORDINAL]

    @property
    def _bank(self) -> int:
        return AT_BANKS[self._header.ints[AT_ORDINAL] & 1]

    def _begin(self, ordinal: int, epoch: int, now: float) -> None:
        bank, ints = AT_BANKS[ordinal & 1], self._header.ints
        ints[bank + EPOCH] = signed(epoch)
        ints[bank + SEQ] = ints[bank + NEXT_ID] = ints[bank + ACKNOWLEDGED] = 0
        floats = self._header.floats
        floats[bank + BIRTH], floats[bank + LAST_SENT], floats[bank + FINAL_SENT] = now, 0.0, 0.0
        ints[AT_ORDINAL] = ordinal

    def _add_family(self, family: Family) -> tuple[Shape, int] | None:
        text = pack_text(family_text(family))
        slot = self._slots.allocate(1 + -(-len(text) // CELL))
        if slot is None:
            return None
        slot.write(1, text)
        slot.commit(FAMILY)
        self._shapes[family] = shape_of(family), slot.address
        return self._shapes[family]

    def _write_text(self, place: tuple[int, int], text: Mapping[str, Any]) -> None:
        at, limit = place
        data = pack_text(text)
        if len(data) > limit:
            raise ValueError(f"{len(data)} bytes do not fit into the {limit} that a journal has for them: {text!r}")
        self._header.bytes[at : at + len(data)] = data
