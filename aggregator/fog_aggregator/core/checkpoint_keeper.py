"""Decide which checkpoint an aggregator goes on from, when it writes the next one, and which ones it keeps. Pure.

The bytes lie in a `CheckpointStore`: a directory of the service, the memory of a simulation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final, Protocol, TypeVar

from fog_aggregator.core.checkpoint import (
    START_BYTES,
    VERSION,
    CheckpointError,
    Image,
    LaterVersionError,
    Writable,
    check_whole,
    claimed_version,
    decoding,
    read_image,
)

T = TypeVar("T")

KEPT: Final = 2
"""Checkpoints that are kept: when the newest is damaged, the aggregator goes on from the one before."""
KEPT_ASIDE: Final = 3
"""Damaged checkpoints that are kept for people to look at."""
_DAY: Final = 86_400.0
_SAFELY: Final = 4
"""A checkpoint is at most this part as old as what the streams keep: the rest is for the aggregator's absence."""


class CheckpointStore(Protocol):
    """Where checkpoints lie, each under a number: those in use, and those that were set aside."""

    def numbers(self, *, aside: bool = False) -> list[int]:
        """Return the numbers of those in use, or of those set aside, in ascending order."""

    def name(self, number: int) -> str:
        """Name one for people."""

    def read(self, number: int, most: int = -1) -> bytes:
        """Return the bytes of one, or the first `most` of them.

        Raises:
            CheckpointError: They cannot be read any more.
        """

    def write(self, number: int, image: Writable) -> int:
        """Write one as a whole or not at all; return its size in bytes.

        Raises:
            OSError: Nothing was written.
        """

    def set_aside(self, number: int, why: CheckpointError) -> None:
        """Keep a damaged one apart from those in use."""

    def remove(self, number: int, *, aside: bool = False) -> None:
        """Remove one; it is no error when it is gone already."""


@dataclass(frozen=True, slots=True)
class SavingBudget:
    """Bound what checkpoints cost.

    Attributes:
        share: Of all time, at most so much goes into writing them; above 0, at most 1.
        bytes_a_day: So many are written in a day at most; inf without a bound.
    """

    share: float = 1.0
    bytes_a_day: float = inf

    def pause(self, took: float, size: int) -> float:
        """Return the seconds to wait after a checkpoint that took so long, and has so many bytes."""
        return max(took / self.share, size * _DAY / self.bytes_a_day) - took


class SavingSchedule:
    """Say when the next checkpoint is to be written, by the cost of the last one.

    It is due when `interval` has passed since writing the last one has ended, well or not, and when the budget allows
    it. Messages that were read since must still be in the streams after a crash: that goes before the budget, but half
    of the time is left for reading.

    Args:
        interval: Seconds that are between two at least.
        now: When the aggregator begins, monotonic seconds.
        budget: The bound of their cost.
    """

    def __init__(self, interval: float, now: float, budget: SavingBudget = SavingBudget()) -> None:
        self._interval = self._least = self._pause = interval
        self._ended_at = now
        self._budget = budget

    def ended(self, now: float, took: float = 0.0, size: int = 0) -> None:
        """Note that writing one has ended, how many seconds it took, and how many bytes it has."""
        self._ended_at = now
        self._least = max(self._interval, took)
        self._pause = max(self._interval, self._budget.pause(took, size))

    def pause(self, until_gap: float = inf) -> float:
        """Return the seconds between the end of the last one and the next.

        Args:
            until_gap: The seconds until a stream may remove what was not read, if reading stopped now.
        """
        return max(self._least, min(self._pause, until_gap / _SAFELY))

    def due_at(self, until_gap: float = inf) -> float:
        """Return when the next one is due, monotonic seconds; `until_gap` as for `pause`."""
        return self._ended_at + self.pause(until_gap)


class CheckpointKeeper:
    """Keep the checkpoints of one aggregator.

    Args:
        store: Has them.
    """

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store

    def refuse_later_versions(self) -> None:
        """Look at every checkpoint, not only at the newest: an earlier program may have written after a later one.

        Raises:
            LaterVersionError: One is of a later version. Nothing was changed.
        """
        for number in self._store.numbers():
            try:
                if (version := claimed_version(self._store.read(number, START_BYTES))) <= VERSION:
                    continue
                check_whole(self._store.read(number))  # else it is damaged, and only seems to be of a later version
            except CheckpointError:
                continue
            raise LaterVersionError(version, self._store.name(number))

    def load(self, use: Callable[[Image], T]) -> T | None:
        """Return the result of `use` for the newest checkpoint that is undamaged and that it can use; None without any.

        One that is damaged, or that `use` cannot decode, is set aside.

        Raises:
            LaterVersionError: One is of a later version. Nothing was changed.
        """
        self.refuse_later_versions()
        for number in reversed(self._store.numbers()):
            try:
                with decoding():
                    return use(read_image(self._store.read(number)))
            except CheckpointError as error:
                self._set_aside(number, error)
        return None

    def save(self, image: Writable) -> int:
        """Write a checkpoint under a number that none ever had, then remove all but the last two; return its size.

        Raises:
            OSError: Nothing was written, and nothing removed.
        """
        store = self._store
        size = store.write(max((*store.numbers(), *store.numbers(aside=True)), default=0) + 1, image)
        for number in store.numbers()[:-KEPT]:
            store.remove(number)
        return size

    def _set_aside(self, number: int, why: CheckpointError) -> None:
        self._store.set_aside(number, why)
        with contextlib.suppress(OSError):  # what cannot be tidied up does not keep it from going on
            for old in self._store.numbers(aside=True)[:-KEPT_ASIDE]:
                self._store.remove(old, aside=True)
