"""Know which orders were read, by what they bear in their stream: whoever reads them, and when, it is the same.

The time that a reader takes an order for follows the steps of the server's clock, and is cut where a message bears one
at which it cannot have been stored. Two readers of one stream may take it for different times.
"""

from __future__ import annotations

from typing import Final

from fog_schema.paths import Path

MOST_READ: Final = 4_096
"""Orders that are remembered."""


class ReadOrders:
    """The orders that were read, those in vain among them: each by its path and its stamp, nanoseconds.

    Attributes:
        known: the orders, in the order in which they were read.
        since: of stamps up to here some may have been forgotten.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[Path, int], None] = {}
        self.since = 0

    def add(self, path: Path, stamp: int) -> bool | None:
        """Take note of an order; tell whether it was read before, None where nobody knows any more."""
        if (path, stamp) in self.known:
            return True
        answer = None if stamp <= self.since else False
        self.known[path, stamp] = None
        if len(self.known) > MOST_READ:
            oldest = next(iter(self.known))
            del self.known[oldest]
            self.since = max(self.since, oldest[1])
        return answer
