"""Decide when an aggregator may show its numbers; before, ``/metrics`` answers 503 and nothing goes to a parent."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

from fog_aggregator.core.places.epoch import Epoch

ROUND_INTERVALS: Final = 3
SHORTEST_ROUND: Final = 5.0
"""A writer whose acknowledgement was lost, as when the server began anew, sends again only after 3 s."""
LONGEST_ROUND: Final = 60.0


class Readiness:
    """Caught up with the streams and, when counts could be missing, one round of keyframes. Once ready, always ready.

    Args:
        needs_round: There was no checkpoint, or the stream is not what the checkpoint says.
    """

    def __init__(self, *, needs_round: bool) -> None:
        self.needs_round = needs_round
        self.ready = False
        self._asked = False
        self._progress_at: float | None = None
        self._awaited: AbstractSet[Epoch] = frozenset()
        self._answered: set[Epoch] = set()

    def doubt(self) -> None:
        """Need a round of keyframes, from its beginning, as messages may be missing."""
        self.needs_round = True
        self._progress_at, self._awaited = None, frozenset()
        self._answered.clear()

    def begins_round(self, *, caught_up: bool) -> bool:
        """Tell whether to ask every node for a keyframe now: once, when all that the streams held was read.

        A message that a stream lost does not show as a gap in the messages that it held.
        """
        if self.ready or self._asked or not (caught_up and self.needs_round):
            return False
        self._asked = True
        return True

    def update(
        self,
        *,
        caught_up: bool,
        awaited: Callable[[], AbstractSet[Epoch]],
        nodes: int,
        longest_interval: float,
        now: float,
    ) -> bool:
        """Look again; return True when it has just become ready.

        Args:
            caught_up: The last sequence seen at connecting is reached, on every stream.
            awaited: Returns the epochs that want a keyframe, and whose writers were heard lately.
            nodes: Nodes known.
            longest_interval: The longest interval of these, seconds.
            now: Monotonic seconds.
        """
        if self.ready or not caught_up:
            return False
        if self.needs_round and nodes:
            waited = now - self._note_whole(awaited(), now)
            longest = min(max(SHORTEST_ROUND, ROUND_INTERVALS * longest_interval), LONGEST_ROUND)
            self.ready = not self._awaited or waited >= longest
        else:
            self.ready = True
        return self.ready

    def _note_whole(self, awaited: AbstractSet[Epoch], now: float) -> float:
        """Take note of the epochs that have become whole, and return when one did last: so long others are waited for.

        Each counts once: one that turns gapped again delays nobody.
        """
        answered = {epoch for epoch in self._awaited if not epoch.gapped}
        if answered or self._progress_at is None:
            self._progress_at = now
        self._answered |= answered
        self._awaited = awaited - self._answered
        return self._progress_at

    def why_not(self) -> str:
        """Say for people why it is not ready; empty when it is."""
        if self.ready:
            return ""
        if self._progress_at is None:
            return "catching up with the stream"
        return f"waiting for a round of keyframes from the nodes: {len(self._awaited)} are missing"
