"""Know which state our totals come from: it is saved with them, and travels with them (R13.17). Pure."""

from __future__ import annotations

from fog_aggregator.core.places.origin import Origin
from fog_aggregator.core.saved import DamagedError, Saved, as_count
from fog_schema.limits import MAX_EPOCH, MAX_WHOLE


class OwnOrigin:
    """The incarnation and the revision of an aggregator's own state. A part of its checkpoint.

    Args:
        drawn: a random number from 1 to 2^64 - 1: the incarnation, unless a checkpoint has another one.
    """

    def __init__(self, drawn: int) -> None:
        self._incarnation = drawn
        self._revision = 0
        self._ordered_at = 0

    def at(self, ordered_at: float) -> Origin:
        """Return it, when an operator last took counts out of the totals, or in again, at a time (milliseconds).

        The revision only grows, also when the server's clock is set back.
        """
        if round(ordered_at) != self._ordered_at:
            self._ordered_at = max(0, min(round(ordered_at), MAX_WHOLE))
            self._revision = max(self._ordered_at, self._revision + 1)
        return Origin(self._incarnation, self._revision)

    def image(self) -> Saved:
        """Return what must be the same after a restart."""
        return Saved({"incarnation": self._incarnation, "revision": self._revision, "ordered_at": self._ordered_at})

    def restore(self, saved: Saved) -> None:
        """Take over what a checkpoint has."""
        incarnation = saved.value("incarnation", as_count)
        revision, ordered_at = saved.value("revision", as_count), saved.value("ordered_at", as_count)
        if not 0 < incarnation <= MAX_EPOCH or max(revision, ordered_at) > MAX_WHOLE:
            raise DamagedError(f"{incarnation}, {revision} and {ordered_at} are no origin")
        self._incarnation, self._revision, self._ordered_at = incarnation, revision, ordered_at
