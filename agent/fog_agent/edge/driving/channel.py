"""Frames that go to one subject of a bus, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from fog_agent.core.schedule import NOW
from fog_agent.edge.driving.calls import Frame, Next
from fog_bus.ports import Bus, Publish
from fog_bus.posting import Posting

ACK_SECONDS: Final = 3.0

Published: TypeAlias = Callable[["Channel", Frame, Publish | None, BaseException | None], None]
"""Called with a channel, its frame, and what became of it; None comes with what the bus raised."""


class Channel:
    """The way of one kind of frames.

    Args:
        bus: carries them.
        subject: where they go.
        next_frame: gives the next one.
        published: is told what became of each.

    Attributes:
        busy: a frame is asked for, or in flight.
        at_once: ask for a frame whatever the publisher says, as it has to be told of a connection.
        not_before: ask for none earlier.
    """

    def __init__(self, bus: Bus, subject: str, next_frame: Next, published: Published) -> None:
        self.next_frame = next_frame
        self.busy = self.at_once = False
        self.not_before = NOW
        self._bus = bus
        self._post = bus.post if isinstance(bus, Posting) else None
        self._subject = subject
        self._published = published
        self._task: asyncio.Task[Publish] | None = None

    def publish(self, frame: Frame) -> None:
        """Publish a frame: by callback, or in a task where the bus has no other way."""
        answered = partial(self._answered, frame)
        if self._post is None or not self._post(self._subject, frame.data, ACK_SECONDS, answered):
            self._task = asyncio.ensure_future(self._bus.publish(self._subject, frame.data, ACK_SECONDS))
            self._task.add_done_callback(partial(self._ended, frame))

    def cancel(self) -> None:
        """Wait for no answer any more."""
        if self._task is not None:
            self._task.cancel()

    def _answered(self, frame: Frame, answer: Publish) -> None:
        self._published(self, frame, answer, None)

    def _ended(self, frame: Frame, task: asyncio.Task[Publish]) -> None:
        self._task = None
        if task.cancelled():  # by the bus, or as the sender was stopped
            self._published(self, frame, None, None)
            return
        error = task.exception()
        self._published(self, frame, None if error else task.result(), error)
