"""Know how many bytes each part of a fleet takes, and how many are left for newcomers.

Numpy's columns are counted as they are, everything else by a constant for each item. The constants were measured with
`benchmarks/memory.py`, and each is above what was measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from sys import getsizeof
from typing import Final, NamedTuple

from fog_aggregator.core.series import Bounds, Labels
from fog_schema.paths import Path

PLACE_BYTES: Final = 1200
"""A path with its closed total, beside the tokens of the path."""
EPOCH_BYTES: Final = 1600
STONE_BYTES: Final = 400
LEARNED_BYTES: Final = 120
"""A node that is expected and has retired, beside the tokens of its path."""
FAMILY_BYTES: Final = 1000
"""A family, beside its texts."""
SERIES_BYTES: Final = 340
"""A label set, beside its labels."""
LABEL_BYTES: Final = 80
"""A label, beside its value."""
SHAPE_BYTES: Final = 300
"""A set of bounds of a family, beside each bound."""
BOUND_BYTES: Final = 40
"""A bound of a family's histograms."""
SLOT_BYTES: Final = 24
"""A value of an epoch, beside its row in the table: its id, when ids and rows are no block, and once more in a run."""
ANSWER_SLOT_BYTES: Final = 110
"""A value in one answer: where it goes in a view. The answer also copies the value itself."""
ANSWER_COPIES: Final = 4
"""So often a value is held while one answer is made."""
ANSWER_BYTES: Final = 16 * 1024 * 1024
"""One answer's text, a piece at a time, and what compresses it."""
LEARNED: Final = "learned"
"""A node that is expected and has retired, as what is refused when there is no room for it."""
RESTARTS: Final = 16
"""New paths do not get the last part of the memory: known paths, which begin new epochs, still have it."""
_NAMED: Final = 20

UNLIMITED: Final = 2**62


class Room(NamedTuple):
    """Say how much may be added to the catalog: entries, their bytes, and families among them."""

    entries: int
    bytes: int
    families: int


class Budget:
    """The bytes of a fleet by account, within a limit. Not thread-safe.

    Args:
        limit: all accounts together.
        share: of the limit, the part that one path may take.
        accounts: functions that tell what each account takes now.

    Attributes:
        refused: how many newcomers were refused, by what they were.
        named: some paths whose newcomers were refused since the last `take_named`, and whether it was their share of
            the memory that was taken, and not all of it.
    """

    def __init__(self, limit: int, share: float, accounts: Mapping[str, Callable[[], int]]) -> None:
        self.limit = limit
        self.share = share
        self.refused: Counter[str] = Counter()
        self.named: dict[Path, bool] = {}
        self._accounts = accounts

    @property
    def used(self) -> dict[str, int]:
        """Return the bytes of each account."""
        return {name: taken() for name, taken in self._accounts.items()}

    @property
    def room(self) -> int:
        """Return how many bytes are left, also below 0: a checkpoint may have brought more."""
        return self.limit - sum(taken() for taken in self._accounts.values())

    @property
    def room_for_paths(self) -> int:
        """Return how many bytes are left for paths that are not known."""
        return self.room - self.limit // RESTARTS

    def most_of_a_path(self) -> int:
        """Return how many bytes one path may take."""
        return int(self.limit * self.share)

    def refuse(self, path: Path, what: str, count: int = 1) -> None:
        """Count newcomers that were refused, if there were any."""
        if not count:
            return
        self.refused[what] += count
        if len(self.named) < _NAMED:
            self.named[path] = self.room > self.limit // RESTARTS

    def take_named(self) -> dict[Path, bool]:
        """Return `named`, and begin it anew."""
        named, self.named = self.named, {}
        return named


def path_bytes(path: Path) -> int:
    """Return what a path takes."""
    return getsizeof(path) + sum(map(getsizeof, path))


def family_bytes(name: str, _type: int, unit: str, help_: str) -> int:
    """Return what a family takes."""
    return FAMILY_BYTES + getsizeof(name) + getsizeof(unit) + getsizeof(help_)


def series_bytes(labels: Labels) -> int:
    """Return what a label set takes."""
    return SERIES_BYTES + sum(LABEL_BYTES + getsizeof(name) + getsizeof(value) for name, value in labels)


def shape_bytes(bounds: Bounds) -> int:
    """Return what one set of bounds of a family takes."""
    return SHAPE_BYTES + BOUND_BYTES * len(bounds)


def info_bytes(info: Mapping[str, str]) -> int:
    """Return what a node's information takes."""
    return sum(getsizeof(name) + getsizeof(value) + LABEL_BYTES for name, value in info.items())
