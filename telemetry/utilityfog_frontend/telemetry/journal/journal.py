"""The journal of a collector: its series are begun here, and the agent that publishes it notes what it sends."""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from utilityfog_frontend.telemetry.instruments.counter import CounterSeries
from utilityfog_frontend.telemetry.instruments.gate import Gate
from utilityfog_frontend.telemetry.instruments.histogram import HistogramSeries
from utilityfog_frontend.telemetry.instruments.series import Series
from utilityfog_frontend.telemetry.model import Family, Labels, Value

from .kinds import Shape
from .live import LiveJournal
from .series import JournaledCounterSeries, JournaledHistogramSeries
from .slots import Slot

Open = Callable[[int, float], LiveJournal | None]
"""Begins a journal for this process, with the epoch's number and unix seconds; None when there is no room for it."""


def draw_epoch() -> int:
    """Draw a random number from 1 to 2^64 - 1; epochs have no order."""
    return int.from_bytes(os.urandom(8), "little") or 1


class Journal:
    """Keeps a collector's counts where a kill -9 does not reach them. Safe from any thread.

    Args:
        open_: begins the journal of this process, and in a forked child the child's.
        clock: unix seconds.
        draw: gives a new epoch's number.
    """

    def __init__(self, open_: Open, clock: Callable[[], float], draw: Callable[[], int] = draw_epoch) -> None:
        self._open = open_
        self._clock = clock
        self._draw = draw
        self._lock = threading.RLock()
        self._claimed: object = None
        self._counted: Path | None = None  # a file whose counts are made, which is not removed yet
        self._live = open_(draw(), clock())
        self._makers: Final[dict[type[Series], Callable[..., Series]]] = {
            CounterSeries: JournaledCounterSeries,
            HistogramSeries: lambda *args, **slot: JournaledHistogramSeries(*args, **slot, clock=clock),
        }

    @property
    def directory(self) -> Path | None:
        """Where the journals of other processes are; None when it is kept in memory."""
        return getattr(self._open, "directory", None)

    @property
    def file(self) -> Path | None:
        """The journal of this process; None when it is kept in memory, or there was no room for it."""
        return getattr(self._open, "file", None) if self.running else None

    @property
    def running(self) -> bool:
        """Whether there is a journal: there was room for it."""
        return self._live is not None

    def begin(
        self, series_type: type[Series], family: Family, labels: Labels, created: float, gate: Gate
    ) -> Series | None:
        """Begin a series in the journal; None when its kind is not kept there, or there is no more room."""
        maker = self._makers.get(series_type)
        if maker is None or self._live is None:
            return None
        with self._lock:
            place: tuple[Slot, Shape] | None = self._live.add(family, labels)
        return maker(family, labels, created, gate, slot=place[0], shape=place[1]) if place else None

    def end(self, series: object) -> None:
        """Note that a series was removed or reset."""
        slot = _slot_of(series)
        if slot is not None and self._live is not None:
            with self._lock:
                self._live.end(slot)

    def count(self, counts: Iterable[tuple[Any, float]], file: Path) -> bool:
        """Count numbers, and remove the file that has them, in one step: a kill -9 leaves both to be done, or none.

        A number that is not kept in the journal is counted all the same, for as long as the process lives.

        Args:
            counts: counters and histograms to which nobody else writes meanwhile, and what each is to take.
            file: is removed; if it cannot be, before the next call counts anything. Where the journal has no room,
                it is removed before it is counted: a kill -9 between the two loses it.

        Returns:
            False when nothing is counted: the file, or that of an earlier call, cannot be removed.
        """
        with self._lock:
            if not self._is_counted_removed():
                return False
            listed = list(counts)
            by_slot: dict[Slot, list[float]] = {}
            for instrument, number in listed:
                slot = _slot_of(instrument._series)  # noqa: SLF001 - an instrument is of this library, too
                if slot is not None:
                    by_slot.setdefault(slot, []).append(number)
            if self._live is not None and self._live.begin_batch(by_slot, str(file)):
                self._counted = file
            elif not _is_removed(file):
                return False
            for instrument, number in listed:
                instrument._record(number)  # noqa: SLF001 - as above
            if self._counted is not None:
                self._of_this_process.settle_batch()
            self._is_counted_removed()
            return True

    def _is_counted_removed(self) -> bool:
        """Remove the file whose counts are made, if there is one; tell whether none is left."""
        if self._counted is not None:
            if not _is_removed(self._counted):
                return False
            self._counted = None
            self._of_this_process.end_batch()
        return True

    # For the agent that publishes the collector

    def claim(self, key: object) -> bool:
        """Take the journal for one publication of the collector; False when another one has it, or no room was."""
        with self._lock:
            if self._live is None or self._claimed not in (None, key):
                return False
            self._claimed = key
            self._lock_again()
            return True

    def publish(self, publication: Mapping[str, Any]) -> None:
        """Note where and how the counts are published.

        Raises:
            ValueError: this is longer than a journal has room for.
        """
        with self._lock:
            self._of_this_process.publish(publication)

    @property
    def epoch(self) -> int:
        """The present epoch's number."""
        return self._of_this_process.epoch

    def reserve(self, epoch: int, seq: int) -> None:
        """Note that a frame of an epoch with this seq may be sent from now on."""
        self._lock_again()
        self._of_this_process.reserve(epoch, seq, self._clock())

    def number(self, ids: Iterable[tuple[object, int]], next_id: int) -> None:
        """Note the ids of series in the present epoch, and that all below `next_id` may have been used."""
        numbered = [(slot, id_) for series, id_ in ids if (slot := _slot_of(series)) is not None]
        with self._lock:
            self._of_this_process.number(numbered, next_id)

    def release(self, series: object) -> None:
        """Note that no frame needs to bear a series any more."""
        slot = _slot_of(series)
        if slot is not None:
            with self._lock:
                self._of_this_process.release(slot)

    def end_epoch(self, origins: Mapping[Any, Any], closed: Iterable[object]) -> None:
        """End the present epoch, whose final is encoded and not sent yet (see `LiveJournal.end_epoch`)."""
        begun: list[tuple[Slot, Value]] = [
            (slot, value) for series, value in origins.items() if (slot := _slot_of(series)) is not None
        ]
        slots = [slot for series in closed if (slot := _slot_of(series)) is not None]
        with self._lock:
            self._of_this_process.end_epoch(begun, slots, epoch=self._draw(), now=self._clock())

    def acknowledge(self) -> None:
        """Note that the final of the epoch before is in the stream."""
        with self._lock:
            self._of_this_process.acknowledge()

    def renew(self) -> None:
        """In a forked child: a journal of its own, under the path of the parent's until it has an agent."""
        self._lock = threading.RLock()
        self._claimed = None
        self._counted = None  # the parent removes it
        parents = self._live
        self._live = self._open(self._draw(), self._clock())
        if self._live is not None and parents is not None and parents.publication is not None:
            self._live.publish(parents.publication)

    @property
    def _of_this_process(self) -> LiveJournal:
        if self._live is None:
            raise RuntimeError("there is no journal: nobody may claim it")
        return self._live

    def _lock_again(self) -> None:
        """See `JournalFiles.lock_again`."""
        lock_again = getattr(self._open, "lock_again", None)
        if lock_again is not None:
            lock_again()


def _is_removed(file: Path) -> bool:
    """Remove a file; tell whether it is gone."""
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _slot_of(series: object) -> Slot | None:
    return getattr(series, "slot", None)
