"""Know the nodes that are expected although no inventory names them: they were heard on two days, and are gone."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

import numpy as np

from fog_aggregator.core.budget.budget import LEARNED_BYTES, path_bytes
from fog_aggregator.core.columns import Bools, Float64s, Int64s
from fog_aggregator.core.places.rows import Rows
from fog_aggregator.core.saved import DamagedError, Saved, as_list, as_path
from fog_schema.paths import Path, is_under

_DAY: Final = 86_400.0


def heard_on_two_days(rows: Rows, places: Int64s, first_seen: Float64s) -> Bools:
    """Tell which places are of nodes to expect, by their rows: heard on two days (UTC), by the server's clock.

    Nodes that come and go (ephemeral), and those that have ended in good order, are not expected.

    Args:
        rows: of all places.
        places: the rows of the places.
        first_seen: the server's time of the first frame of each.
    """
    expected = rows.counts_itself & ~(rows.ephemeral | rows.ended)
    expected[places] &= np.floor(first_seen / _DAY) < np.floor(rows.last_seen[places] / _DAY)
    return expected


class LearnedNodes:
    """The nodes that were heard on two days and have retired since.

    As long as a node has not retired its place tells when it was heard, and nothing is kept here. One that comes back
    stays, until its place tells the same once more: else it would not be expected when it falls silent on that day.

    Args:
        limit: the bytes that they may take; 0 to learn nothing. Beyond it no node is kept: those that are missing stay.
        named: the paths of an inventory.

    Attributes:
        bytes: what they take.
        here: how many nodes that have not retired are expected, as of the last `review`.
        excused: nodes of the inventory that have retired, and had ended in good order or come and go.
    """

    def __init__(self, limit: int = 0, named: Container[Path] = frozenset()) -> None:
        self.limit = limit
        self.excused: set[Path] = set()
        self._named = named
        self.bytes = 0
        self.here = 0
        self._is_missing: dict[Path, bool] = {}

    def __len__(self) -> int:
        """Count the nodes that are expected, those included that are there."""
        return self.here + len(self._is_missing)

    @property
    def missing(self) -> list[Path]:
        """The nodes that have not come back."""
        return [path for path, is_missing in self._is_missing.items() if is_missing]

    @property
    def back(self) -> list[Path]:
        """The nodes that have come back, and whose places do not tell yet that they are to be expected."""
        return [path for path, is_missing in self._is_missing.items() if not is_missing]

    def retire(self, path: Path, *, expected: bool) -> bool:
        """Take note that a node retires, by whether its place tells that it is to be expected.

        Return False if it had to be kept, and there is no room.
        """
        if path not in self._is_missing:
            if not (self.limit and expected):
                return True
            if self.bytes + _bytes_of(path) > self.limit:
                return False
            self.bytes += _bytes_of(path)
        self._is_missing[path] = True
        return True

    def come_back(self, path: Path) -> None:
        """Take note that a node is heard that was not known."""
        self.excused.discard(path)
        if path in self._is_missing:
            self._is_missing[path] = False

    def excuse(self, path: Path) -> None:
        """Take note that a node retires after an orderly end, or that says that it comes and goes."""
        self.discard(path)
        if path in self._named:
            self.excused.add(path)

    def discard(self, path: Path) -> None:
        """Expect a node no more that was learned."""
        if self._is_missing.pop(path, None) is not None:
            self.bytes -= _bytes_of(path)

    def forget(self, under: Path) -> list[Path]:
        """Expect the missing nodes at and under a path no more; return them."""
        gone = [path for path in self.missing if is_under(path, under)]
        for path in gone:
            self.discard(path)
        return gone

    def review(self, expected: Bools, row_of: Mapping[Path, int]) -> None:
        """Take note which places tell for themselves that their nodes are to be expected.

        Args:
            expected: see `heard_on_two_days`.
            row_of: the rows of those that have come back.
        """
        for path, row in row_of.items():
            if expected[row]:
                self.discard(path)
        self.here = int(expected.sum())

    def image(self) -> Saved:
        """Return the nodes; which of them are missing follows from the places."""
        return Saved({"nodes": list(self._is_missing), "excused": list(self.excused)})

    def restore(self, saved: Saved) -> None:
        """Take over the nodes of a checkpoint, as missing ones; none, where nothing is learned."""
        for path in map(as_path, saved.value("nodes", as_list)):
            if not path or path in self._is_missing:
                raise DamagedError(f"the node {path} cannot be there, or is there twice")
            self.retire(path, expected=True)
        excused = map(as_path, saved.value("excused", as_list))
        self.excused = {path for path in excused if path in self._named}

    def connect(self, places: Container[Path]) -> None:
        """Find after a restoration which nodes are there."""
        for path in (*self.missing, *self.excused):
            if path in places:
                self.come_back(path)


def _bytes_of(path: Path) -> int:
    return LEARNED_BYTES + path_bytes(path)
