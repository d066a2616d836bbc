"""Make the revision of an aggregator's totals of the orders that it has done, and of those done below it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from fog_aggregator.core.places.limits import MOST_REVISED, MOST_REVISION
from fog_aggregator.core.saved import DamagedError, Saved, as_count, as_path
from fog_schema.limits import MAX_WHOLE
from fog_schema.paths import Path


class Revisions:
    """The revision of our own orders, and that of each branch. A part of the checkpoint.

    Their sum grows with each order: also with one below a branch that is heard of after a later one below another. Each
    of them is of the newest order alone, so that aggregators which know the same newest ones agree, whatever else one
    of them has known; and it is of stamps as they stand in the stream, which no step of a clock moves. One that has
    never heard of a branch with orders, as it began blank after that had gone, stays lower: the sum of the other one
    must not fall, and nothing tells this one.

    Attributes:
        own: the newest stamp of our own orders, milliseconds, and one more for each that was stamped no later; None
            where a checkpoint does not tell.
        below: the revision of each branch, of 1,000 at most, and each at most 2^53.
    """

    def __init__(self) -> None:
        self.own: int | None = 0
        self.below: dict[Path, int] = {}

    @property
    def total(self) -> int:
        """The sum of all of them."""
        return min((self.own or 0) + sum(self.below.values()), MAX_WHOLE)

    def order(self, stamp: int) -> None:
        """Take note of an order of our own, by its stamp in its stream (nanoseconds), in the order of the stream."""
        self.own = min(max((self.own or 0) + 1, round(stamp / 1e6)), MAX_WHOLE)

    def hear(self, below: Mapping[Path, int]) -> None:
        """Take note of the revisions of branches; none becomes lower.

        A higher one than a branch can have is cut, and a newcomer beyond the most branches is left out: no branch can
        fill the sum, so that orders elsewhere would not change it any more.
        """
        for path, revision in below.items():
            if path in self.below or len(self.below) < MOST_REVISED:
                self.below[path] = max(self.below.get(path, 0), min(revision, MOST_REVISION))

    def image(self) -> Saved:
        """Return all of them."""
        return Saved({"own": self.own or 0, "below": list(self.below.items())})

    def restore(self, saved: Saved) -> None:
        """Take over what a checkpoint has.

        Raises:
            DamagedError: one is no revision.
        """
        own, below = saved.value("own", as_count), dict(saved.records("below", as_path, as_count))
        if max([own, *below.values()]) > MAX_WHOLE:
            raise DamagedError(f"{own} and {below} are no revisions")
        self.own, self.below = own, below
