"""Know which state our totals come from: it is saved with them, and travels with them (R13.17). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fog_aggregator.core.commands.revisions import Revisions
from fog_aggregator.core.places.origin import Origin
from fog_aggregator.core.saved import DamagedError, Saved, as_count
from fog_schema.limits import MAX_EPOCH, MAX_WHOLE
from fog_schema.paths import Path


class OwnOrigin:
    """The incarnation and the revision of an aggregator's own state. A part of its checkpoint.

    Args:
        drawn: a random number from 1 to 2^64 - 1: the incarnation, unless a checkpoint has another one.

    Attributes:
        revisions: those that the revision is made of.
    """

    def __init__(self, drawn: int) -> None:
        self.revisions = Revisions()
        self._incarnation = drawn
        self._revision = 0

    def resume(self, stamps: Iterable[int]) -> None:
        """Go on from a checkpoint, with the stamps of the orders that it has, in their order."""
        if self.revisions.own is None:
            for stamp in stamps:
                self.revisions.order(stamp)

    def at(self, below: Mapping[Path, int]) -> Origin:
        """Return it, where the branches have these revisions. It is never lower than what was said before."""
        self.revisions.hear(below)
        if (lacking := self._revision - self.revisions.total) > 0:  # an earlier program said it
            self.revisions.own = (self.revisions.own or 0) + lacking
        self._revision = self.revisions.total
        return Origin(self._incarnation, self._revision)

    def image(self) -> Saved:
        """Return what must be the same after a restart; earlier programs read when the last order was given."""
        return Saved(
            {"incarnation": self._incarnation, "revision": self._revision, "ordered_at": self.revisions.own or 0}
        )

    def restore(self, saved: Saved) -> None:
        """Take over what a checkpoint has."""
        incarnation = saved.value("incarnation", as_count)
        revision, ordered_at = saved.value("revision", as_count), saved.value("ordered_at", as_count)
        if not 0 < incarnation <= MAX_EPOCH or max(revision, ordered_at) > MAX_WHOLE:
            raise DamagedError(f"{incarnation}, {revision} and {ordered_at} are no origin")
        self._incarnation, self._revision = incarnation, revision
        self.revisions.own = None  # unless their own part tells
