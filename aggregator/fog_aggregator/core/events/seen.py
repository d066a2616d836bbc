"""Know which numbers of an epoch's events were seen (R12.24)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

from fog_aggregator.core.saved import DamagedError, as_integer, as_list


@dataclass(slots=True)
class Seen:
    """Which numbers of an epoch were seen: disjoint ascending ranges, both ends included."""

    ranges: list[tuple[int, int]] = field(default_factory=list)
    last_seen: float = 0.0

    @property
    def last(self) -> int:
        """Return the highest number seen."""
        return self.ranges[-1][1] if self.ranges else 0

    def add(self, number: int) -> bool:
        """Note a number; return False when it was seen before."""
        at = bisect_right(self.ranges, (number, 2**63)) - 1
        if at >= 0 and number <= self.ranges[at][1]:
            return False
        joins_left = at >= 0 and self.ranges[at][1] == number - 1
        joins_right = at + 1 < len(self.ranges) and self.ranges[at + 1][0] == number + 1
        low = self.ranges[at][0] if joins_left else number
        high = self.ranges[at + 1][1] if joins_right else number
        self.ranges[at + (not joins_left) : at + 1 + joins_right] = [(low, high)]
        return True

    def holes(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return the ranges from `first` to `last` that were not seen."""
        holes = []
        for low, high in self.ranges:
            if low > first:
                holes.append((first, min(low - 1, last)))
            first = max(first, high + 1)
            if first > last:
                break
        if first <= last:
            holes.append((first, last))
        return [(low, high) for low, high in holes if low <= high]

    def close_below(self, number: int) -> int:
        """Give up the holes below `number` and below the last one seen; return how many numbers that were.

        Numbers before the first one seen came before our time: they are given up uncounted.
        """
        given_up_to = min(number - 1, self.last)
        if given_up_to < 1:
            return 0
        between = self.holes(self.ranges[0][0], given_up_to)
        above = [(low, high) for low, high in self.ranges if low > given_up_to + 1]
        joined = max([high for low, high in self.ranges if low <= given_up_to + 1], default=0)
        self.ranges = [(1, max(joined, given_up_to)), *above]
        return sum(high - low + 1 for low, high in between)


def as_ranges(value: Any) -> list[tuple[int, int]]:
    """Check that a value is a list of disjoint ascending ranges."""
    ranges: list[tuple[int, int]] = []
    for pair in as_list(value):
        low, high = map(as_integer, as_list(pair)) if len(as_list(pair)) == 2 else (1, 0)
        if low > high or (ranges and low <= ranges[-1][1]):
            raise DamagedError(f"{value!r} is not a list of ascending ranges")
        ranges.append((low, high))
    return ranges
