"""Decide when an aggregator may show its numbers; before, ``/metrics`` answers 503 and nothing goes to a parent."""

from __future__ import annotations

from typing import Final

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
        self._caught_up_at: float | None = None
        self._asked = False

    def begins_round(self, *, caught_up: bool) -> bool:
        """Tell whether to ask every node for a keyframe now: once, when all that the streams held was read.

        A message that a stream lost does not show as a gap in the messages that it held.
        """
        if self.ready or self._asked or not (caught_up and self.needs_round):
            return False
        self._asked = True
        return True

    def update(self, *, caught_up: bool, gapped: int, nodes: int, longest_interval: float, now: float) -> bool:
        """Look again; return True when it has just become ready.

        Args:
            caught_up: The last sequence seen at connecting is reached, on every stream.
            gapped: Epochs that still want a keyframe.
            nodes: Nodes known.
            longest_interval: The longest interval of these, seconds.
            now: Monotonic seconds.
        """
        if self.ready or not caught_up:
            return False
        if self._caught_up_at is None:
            self._caught_up_at = now
        longest = min(max(SHORTEST_ROUND, ROUND_INTERVALS * longest_interval), LONGEST_ROUND)
        round_over = not gapped or now - self._caught_up_at >= longest
        self.ready = not self.needs_round or not nodes or round_over
        return self.ready

    def why_not(self) -> str:
        """Say for people why it is not ready; empty when it is."""
        if self.ready:
            return ""
        if self._caught_up_at is None:
            return "catching up with the stream"
        return "waiting for a round of keyframes from the nodes"
