"""The checkpoints of a simulated aggregator: what its disk is to a real one."""

from __future__ import annotations

from typing import Generic, TypeVar

from fog_aggregator.core.checkpoint import CheckpointError, Writable
from fog_proving.sim.books import Violation

T = TypeVar("T")


class Shelf(Generic[T]):
    """A `CheckpointStore` in memory, with a note for each checkpoint. It outlives the runs of its aggregator.

    Args:
        of_none: The note where no checkpoint is left.
    """

    def __init__(self, of_none: T) -> None:
        self._files: dict[int, bytes] = {}
        self._aside: dict[int, bytes] = {}
        self._damaged: set[int] = set()
        self._notes = {0: of_none}

    @property
    def newest(self) -> int:
        """The number of the newest one that is undamaged; 0 without any."""
        return max(self._files.keys() - self._damaged, default=0)

    @property
    def newest_note(self) -> T:
        """The note of this one."""
        return self._notes[self.newest]

    def note(self, note: T) -> None:
        """Take the note of the newest one, unless it has one."""
        self._notes.setdefault(self.newest, note)

    def damage(self, count: int) -> None:
        """Damage the newest ones."""
        for number in self.numbers()[max(0, len(self._files) - count) :]:
            data = self._files[number]
            self._files[number] = data[: len(data) * 3 // 4]
            self._damaged.add(number)

    def numbers(self, *, aside: bool = False) -> list[int]:
        """Return the numbers of those in use, or of those set aside, in ascending order."""
        return sorted(self._aside if aside else self._files)

    def name(self, number: int) -> str:
        """Name one for people."""
        return f"checkpoint {number}"

    def read(self, number: int, most: int = -1) -> bytes:
        """Return the bytes of one, or the first of them."""
        data = self._files[number]
        return data if most < 0 else data[:most]

    def write(self, number: int, image: Writable) -> int:
        """Write one; return its size in bytes."""
        self._files[number] = b"".join(image.chunks())
        return len(self._files[number])

    def set_aside(self, number: int, _: CheckpointError) -> None:
        """Keep a damaged one apart from those in use."""
        self._aside[number] = self._files.pop(number)

    def remove(self, number: int, *, aside: bool = False) -> None:
        """Remove one.

        Raises:
            Violation: then there would be none to go on from when the newest is damaged.
        """
        del (self._aside if aside else self._files)[number]
        if not aside and len(self._files) < 2:
            raise Violation("the checkpoint before the newest one is not kept")
