"""Drive the agent's `Publisher` step by step, as `fog_agent.edge.sender.Sender` drives it in its loops."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from fog_agent.core.event_log import EventFrame
from fog_agent.core.publication import Publication
from fog_agent.core.publisher import Publisher, Severity
from fog_agent.core.writer import Encoded
from fog_bus.ports import Outcome, Publish
from fog_proving.sim.books import Violation
from fog_schema.limits import PAYLOAD_MARGIN

DEADLINE: Final = 5.0
"""Seconds that an agent takes to stop."""


class Agent:
    """Publish one publication's frames and events.

    Args:
        max_bytes: how long a frame may be.
        clock: the time, seconds.

    Attributes:
        publication: what it publishes.
        publisher: decides everything.
    """

    def __init__(self, publication: Publication, max_bytes: int, clock: Callable[[], float]) -> None:
        rng = Random(publication.epoch.writer.epoch)
        self.publisher = Publisher(publication, now=clock(), phase=0.0, rng=rng, report=_report)
        self.publication = publication
        self._max_payload = max_bytes + PAYLOAD_MARGIN
        self._clock = clock

    def next_frame(self) -> Encoded | None:
        """Return the frame to send, if its time has come."""
        self._connect(online=True)
        return self.publisher.next_frame(self._clock())

    def next_events(self) -> EventFrame | None:
        """Return the event frame to send, if its time has come."""
        self._connect(online=True)
        return self.publisher.next_events(self._clock())

    def answered(self, frame: Encoded | EventFrame, answer: Publish) -> bool:
        """Tell the publisher what became of a frame; return whether it was acknowledged."""
        if answer.outcome is Outcome.ACKED:
            self.publisher.acknowledged(frame, self._clock())
            return True
        self.publisher.refused(frame, answer, self._clock())
        return False

    def finish(self, *, online: bool) -> None:
        """Begin to end the epoch, with a connection or without one."""
        self._connect(online=online)
        self.publisher.finish(self._clock(), DEADLINE)

    @property
    def until_frame(self) -> float:
        """Seconds until there may be something to send."""
        return max(0.0, min(self.publisher.frame_at, self.publisher.events_at) - self._clock())

    @property
    def until_tick(self) -> float:
        """Seconds until an interval ends."""
        return max(0.0, self.publisher.tick_at - self._clock())

    def _connect(self, *, online: bool) -> None:
        self.publisher.connection(self._max_payload if online else None, self._clock())


def _report(severity: Severity, _key: str, text: str) -> None:
    if severity is Severity.ERROR:  # the product logs it and goes on; here it must not happen
        raise Violation(text)
