"""The writers of a swarm's process: their counts in one table, their frames encoded many at a time. Pure.

They keep the rules of writers (schema/SPEC.md, section 11) with less than an agent needs: all have the same series
for as long as they live, and a keyframe is one frame. One frame of a writer is on its way, and is repeated until it is
acknowledged; meanwhile it goes on counting, and its next delta has all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fog_cli.swarm.families import Families
from fog_schema.codec import encode
from fog_schema.columns import F64, U8, U16, U32, U64, array_column, pack_ints
from fog_schema.frames import DELTA, FINAL, KEYFRAME, LAST_PART, Frame, Numbers
from fog_schema.paths import Path

BUSY: Final = 0.65
"""So many of a node's counters change in an interval."""
MOST_COUNTED: Final = 8
"""A counter that changes grows by less than this."""
INFO: Final = {"role": "swarm", "version": "1"}
_WIDTHS: Final = ((2**8, U8, "<u1"), (2**16, U16, "<u2"), (2**32, U32, "<u4"), (2**64, U64, "<u8"))


@dataclass(slots=True, eq=False)
class Writer:
    """One node, and its present epoch.

    Attributes:
        path: Where it is in the tree.
        row: Its row in the tables.
        subject: Where it publishes.
        epoch: Its epoch's id.
        born: Monotonic seconds at which the epoch began.
        seq: The number of its last frame.
        keyframe_due: Its next frame is a keyframe.
        in_flight: The frame that is not acknowledged yet, or empty bytes.
        bears_keyframe: The frame in flight is a keyframe.
        has_hole: A frame of the epoch was lost, and no keyframe was acknowledged since.
        is_leaving: The frame in flight is the epoch's last, and another node takes its row.
        is_gone: It has left.
    """

    path: Path
    row: int
    subject: str
    epoch: int = 0
    born: float = 0.0
    seq: int = 0
    keyframe_due: bool = True
    in_flight: bytes = b""
    bears_keyframe: bool = False
    has_hole: bool = False
    is_leaving: bool = False
    is_gone: bool = False


@dataclass(slots=True)
class Tally:
    """Counts of the deeds of a process's writers.

    Attributes:
        frames: Frames encoded.
        keyframes: How many of them are keyframes.
        lost: Frames that were not sent, as a loss.
        restarted: Epochs that ended without a final.
        ended: Epochs that ended with a final.
    """

    frames: int = 0
    keyframes: int = 0
    lost: int = 0
    restarted: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class Chances:
    """How likely it is at each interval of a node that something happens to it, from 0 to 1.

    Attributes:
        leave: It ends in good order, and a new node takes its place.
        restart: It ends without a word, and begins anew at its path.
        lose: Its frame is lost.
    """

    leave: float = 0.0
    restart: float = 0.0
    lose: float = 0.0


class Writers:
    """All writers of one process. Not thread-safe.

    Args:
        families: The series of each node.
        rows: How many nodes there are.
        interval: Seconds between two frames of a node.
        chances: How likely faults are.
        rng: All chance comes from here.

    Attributes:
        tally: Counts of their deeds.
    """

    def __init__(
        self, families: Families, rows: int, interval: float, chances: Chances, rng: np.random.Generator
    ) -> None:
        self.families = families
        self.tally = Tally()
        self._interval_ms = round(interval * 1000)
        self._chances = chances
        self._rng = rng
        self._values = np.zeros((rows, families.counters), np.int64)
        """The counts of the present epochs …"""
        self._encoded = np.zeros_like(self._values)
        """… and the part of them that encoded frames have."""
        self._closed = np.zeros(families.counters, np.int64)
        """The counts of ended epochs."""

    def begin(self, writer: Writer, now: float) -> None:
        """Begin an epoch, with nothing counted yet."""
        self._values[writer.row] = self._encoded[writer.row] = 0
        writer.epoch = int(self._rng.integers(1, 2**64, dtype=np.uint64))
        writer.born, writer.seq = now, 0
        writer.keyframe_due, writer.has_hole = True, False

    def interval(self, writers: Sequence[Writer], now: float) -> Iterator[tuple[Writer, bytes]]:
        """Let an interval of some writers pass: they count, and each whose last frame is acknowledged encodes one.

        Yields:
            The writers that have something to send, with their frames.
        """
        chances = self._chances
        leaves, restarts, loses = self._rng.random((3, len(writers))).tolist()
        deltas: list[Writer] = []
        keyframes: list[Writer] = []
        for writer, leave, restart in zip(writers, leaves, restarts, strict=True):
            if restart < chances.restart and not (writer.in_flight or writer.has_hole):
                self._restart(writer, now)
            if not writer.in_flight:
                writer.is_leaving = leave < chances.leave
                (keyframes if writer.keyframe_due or writer.is_leaving else deltas).append(writer)
        self._count([writer.row for writer in writers])
        for writer, frame, lose in zip(deltas, self._deltas(deltas, now), loses, strict=False):
            if lose < chances.lose:
                writer.has_hole = True
                self.tally.lost += 1
            else:
                yield self._send(writer, frame)
        for writer in keyframes:
            yield self._send(writer, self._keyframe(writer, now))

    def finals(self, writers: Iterable[Writer], now: float) -> Iterator[tuple[Writer, bytes]]:
        """Encode the final of each of some writers whose last frame is acknowledged."""
        for writer in writers:
            writer.is_leaving = True
            yield self._send(writer, self._keyframe(writer, now))

    def acknowledged(self, writer: Writer) -> None:
        """Note that a writer's frame is in the stream."""
        writer.in_flight = b""
        if writer.bears_keyframe:
            writer.bears_keyframe = writer.has_hole = False
        if writer.is_leaving:
            writer.is_gone = True
            self._close(writer)
            self.tally.ended += 1

    def book(self) -> dict[str, int]:
        """Return what all epochs have told, by the counters' names."""
        return self.families.book(self._closed + self._encoded.sum(axis=0))

    def _restart(self, writer: Writer, now: float) -> None:
        self._close(writer)
        self.begin(writer, now)
        self.tally.restarted += 1

    def _close(self, writer: Writer) -> None:
        self._closed += self._encoded[writer.row]
        self._values[writer.row] = self._encoded[writer.row] = 0

    def _count(self, rows: list[int]) -> None:
        shape = (len(rows), self.families.counters)
        counted = self._rng.integers(1, MOST_COUNTED, shape, np.int64)
        counted *= self._rng.random(shape) < BUSY
        self._values[rows] += counted

    def _send(self, writer: Writer, frame: Frame) -> tuple[Writer, bytes]:
        writer.in_flight = encode(frame)
        return writer, writer.in_flight

    def _deltas(self, writers: list[Writer], now: float) -> Iterator[Frame]:
        rows = [writer.row for writer in writers]
        counted = self._values[rows] - self._encoded[rows]
        self._encoded[rows] = self._values[rows]
        changed = counted != 0
        bits = np.packbits(changed, axis=1, bitorder="little")
        ends = changed.sum(axis=1).cumsum().tolist()
        code, dtype = next((code, dtype) for limit, code, dtype in _WIDTHS if counted.max(initial=0) < limit)
        columns, size = counted[changed].astype(dtype).tobytes(), np.dtype(dtype).itemsize
        begin = 0
        for writer, end, bitmap, gauges in zip(writers, ends, bits, self._gauges(len(rows)), strict=True):
            frame = self._header(writer, DELTA, now)
            frame.gauges = gauges
            if end > begin:
                column = array_column(code, columns[begin * size : end * size])
                frame.counters = Numbers(self.families.changed(bitmap.tobytes()), column)
            begin = end
            yield frame

    def _keyframe(self, writer: Writer, now: float) -> Frame:
        self._encoded[writer.row] = values = self._values[writer.row]
        frame = self._header(writer, KEYFRAME, now)
        frame.flags = LAST_PART | (FINAL if writer.is_leaving else 0)
        frame.definitions = self.families.definitions
        frame.counters = Numbers(self.families.counter_ids, pack_ints(values.tolist()))
        [frame.gauges] = self._gauges(1)
        frame.info, frame.events_held = INFO, (0, 0)
        writer.keyframe_due, writer.bears_keyframe = False, True
        self.tally.keyframes += 1
        return frame

    def _gauges(self, count: int) -> Iterator[Numbers | None]:
        if not self.families.gauges:
            yield from [None] * count
            return
        for row in self._rng.random((count, self.families.gauges)):
            yield Numbers(self.families.gauge_ids, array_column(F64, row.astype("<f8").tobytes()))

    def _header(self, writer: Writer, kind: int, now: float) -> Frame:
        writer.seq += 1
        self.tally.frames += 1
        age = round((now - writer.born) * 1000)
        return Frame(kind, writer.epoch, writer.seq, age_ms=age, interval_ms=self._interval_ms)
