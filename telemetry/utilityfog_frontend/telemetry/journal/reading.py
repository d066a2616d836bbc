"""Read what a dead process has left in its journal: the epochs that are to be ended in its name. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from utilityfog_frontend.telemetry.model import Family, Labels, Value, subtract_values

from .kinds import Shape, read_family, shape_of
from .layout import (
    ACKNOWLEDGED,
    AT_BANKS,
    AT_BATCH,
    AT_MAGIC,
    AT_ORDINAL,
    AT_PUBLICATION,
    AT_SEGMENTS,
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
    HEADER_BYTES,
    IDENTITY,
    IDS,
    LAST_SENT,
    MAGIC,
    NEXT_ID,
    PUBLICATIONS,
    RELEASED,
    SEGMENTS,
    SEQ,
    SERIES,
    SETTLED,
    STATE,
    STORES,
    STORES_LENGTH,
    VALUE,
    VERSION,
    WIDTH,
    JournalError,
    read_text,
    split_head,
    unsigned,
)


@dataclass(frozen=True, slots=True)
class LeftSeries:
    """A series as its process has left it.

    Attributes:
        family: its family.
        labels: sorted by name.
        id: its number in the epoch; None when it was never told one.
        removed: it was removed, or reset.
        value: what it counted in the epoch.
    """

    family: Family
    labels: Labels
    id: int | None
    removed: bool
    value: Value


@dataclass(frozen=True, slots=True)
class LeftEpoch:
    """An epoch whose final is not known to be in the stream.

    Attributes:
        place: its bank in the header.
        epoch: its number.
        seq: the last one that may have been used.
        next_id: every id below it may have been used.
        birth: unix seconds.
        last_sent: unix seconds of the last frame that may have been sent; None when none was.
        final_sent: unix seconds since which a final may be in the stream; None when none was encoded.
        series: all that the final has to say.
    """

    place: int
    epoch: int
    seq: int
    next_id: int
    birth: float
    last_sent: float | None
    final_sent: float | None
    series: tuple[LeftSeries, ...]


@dataclass(frozen=True, slots=True)
class Left:
    """All that a process has left.

    Attributes:
        identity: facts about the process, for people.
        publication: where and how it was published; None when no agent was ever attached.
        epochs: those that are to be ended, in their order.
        file: has counts that are in these epochs: it is to be removed before any of them is ended; empty for none.
    """

    identity: Mapping[str, Any]
    publication: Mapping[str, Any] | None
    epochs: tuple[LeftEpoch, ...]
    file: str = ""


def read(image: bytes) -> Left:
    """Read a journal whose process is dead.

    Raises:
        JournalError: it is none, of another version, or not whole.
    """
    if len(image) < HEADER_BYTES:
        raise JournalError("torn", f"a journal has at least {HEADER_BYTES} bytes, and this one {len(image)}")
    try:
        return _read(image, memoryview(image)[: len(image) // CELL * CELL].cast("q"))
    except (ValueError, TypeError, KeyError) as error:  # a text that is well formed, and not ours
        raise JournalError("torn", f"a journal cannot say this: {error!r}") from error


def _read(image: bytes, ints: memoryview) -> Left:
    if ints[AT_MAGIC] != MAGIC or ints[AT_VERSION] != VERSION:
        raise JournalError("version", f"this is no journal of version {VERSION} of this machine's byte order")
    ordinal, bank = ints[AT_ORDINAL], ints[AT_PUBLICATION]
    if ordinal < 1 or not 0 <= bank <= len(PUBLICATIONS):
        raise JournalError("torn", f"a journal cannot have the ordinal {ordinal} and the publication {bank}")
    file = ""
    if ints[AT_BATCH]:
        image, file = _with_batch(image, ints)
        ints = memoryview(image)[: len(image) // CELL * CELL].cast("q")
    records = _Records(image, ints)
    epochs = [records.epoch(ordinal - 1, ended=True)] if ordinal > 1 else []
    epochs.append(records.epoch(ordinal, ended=False))
    publication = read_text(image, *PUBLICATIONS[bank - 1]) if bank else None
    return Left(read_text(image, *IDENTITY), publication, tuple([epoch for epoch in epochs if epoch is not None]), file)


def _with_batch(image: bytes, ints: memoryview) -> tuple[bytes, str]:
    """Make the counts of a batch that its process has begun; the journal with them, and the file that has them too."""
    at, last = ints[AT_BATCH] // CELL, len(ints)
    cells, kind = split_head(ints[at]) if HEADER_BYTES // CELL <= at < last else (0, 0)
    begin, end = at + STORES, at + STORES + (ints[at + STORES_LENGTH] if cells > STORES else 0)
    if kind not in {BATCH, SETTLED} or not begin <= end < at + cells <= last:
        raise JournalError("torn", f"there is no batch at byte {at * CELL}")
    counted = bytearray(image)
    begin = end if kind == SETTLED else begin
    while begin < end:
        to, length = ints[begin], ints[begin + 1] * CELL
        begin += 2
        if length <= 0 or begin + length // CELL > end or not HEADER_BYTES <= to <= len(image) - length:
            raise JournalError("torn", f"the batch at byte {at * CELL} is not whole")
        counted[to : to + length] = image[begin * CELL : begin * CELL + length]
        begin += length // CELL
    return bytes(counted), str(read_text(image, end * CELL, (at + cells - end) * CELL)["file"])


class _Records:
    """The records of a journal."""

    def __init__(self, image: bytes, ints: memoryview) -> None:
        self._image = image
        self._ints = ints
        self._floats = memoryview(image)[: len(ints) * CELL].cast("d")
        self._families: dict[int, tuple[Family, Shape]] = {}
        self._series: list[int] = []
        for at, cells, kind in self._walk():
            if kind == FAMILY:
                family = read_family(read_text(image, (at + 1) * CELL, (cells - 1) * CELL))
                self._families[at * CELL] = family, shape_of(family)
            elif kind == SERIES and ints[at + STATE] != RELEASED:
                self._series.append(at)

    def epoch(self, ordinal: int, *, ended: bool) -> LeftEpoch | None:
        """Read one of the two epochs; None when its final is in the stream, or it has nothing to say."""
        bank, ints = AT_BANKS[ordinal & 1], self._ints
        if ints[bank + ACKNOWLEDGED]:
            return None
        series = tuple(self._members(ordinal, ended=ended))
        seq = ints[bank + SEQ]
        if not seq and all(one.value == one.family.zero for one in series):
            return None
        birth, sent, final = (self._floats[bank + cell] for cell in (BIRTH, LAST_SENT, FINAL_SENT))
        epoch, next_id = unsigned(ints[bank + EPOCH]), ints[bank + NEXT_ID]
        return LeftEpoch(bank, epoch, seq, next_id, birth, sent or None, final or None, series)

    def _members(self, ordinal: int, *, ended: bool) -> Iterator[LeftSeries]:
        """Yield the series of an epoch that have anything to say in it."""
        ints, bank = self._ints, ordinal & 1
        for at in self._series:
            closed, id_ = ints[at + CLOSED], ints[at + IDS[bank]]
            if 0 < closed < ordinal or (ended and not id_):
                continue
            try:
                family, shape = self._families[ints[at + FAMILY_AT]]
            except KeyError:
                raise JournalError("torn", f"the record at byte {at * CELL} is of a family that is not there") from None
            length = shape.cells
            if ints[at + WIDTH] != length or split_head(ints[at])[0] <= VALUE + 3 * length:
                raise JournalError("torn", f"the record at byte {at * CELL} is too short for its family")
            until = VALUE + (2 - bank) * length if ended and closed != ordinal else VALUE  # the other bank's beginning
            value = self._value(shape, at + until)
            value = subtract_values(value, self._value(shape, at + VALUE + (1 + bank) * length))
            if not id_ and value == family.zero:
                continue
            cells = split_head(ints[at])[0] - (text := VALUE + 3 * length)
            labels = read_text(self._image, (at + text) * CELL, cells * CELL)
            pairs = tuple([(name, label) for name, label in labels])
            yield LeftSeries(family, pairs, id_ - 1 if id_ else None, ints[at + STATE] == ENDED, value)

    def _value(self, shape: Shape, at: int) -> Value:
        return shape.read(self._image, at * CELL)

    def _walk(self) -> Iterator[tuple[int, int, int]]:
        """Yield where each record begins, its length and its kind.

        Raises:
            JournalError: the segments are longer than the file, or a record is longer than its segment.
        """
        start = HEADER_BYTES // CELL
        for size in self._ints[AT_SEGMENTS : AT_SEGMENTS + SEGMENTS]:
            end = start + size // CELL
            if size < 0 or end > len(self._ints):
                raise JournalError("torn", f"the segment at byte {start * CELL} of {size} bytes is cut off")
            at = start
            while at < end and (first := self._ints[at]):
                cells, kind = split_head(first)
                if cells < 1 or at + cells > end or (kind == SERIES and cells <= VALUE):
                    raise JournalError("torn", f"the record at byte {at * CELL} is cut off")
                yield at, cells, kind
                at += cells
            start = end
