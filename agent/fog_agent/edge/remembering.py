"""Remember what a frame tells of totals outside of the process before the frame is published."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from fog_agent.core.publication import Publication
from fog_agent.edge.state_file import StateFile
from fog_bus.ports import Bus, Publish, RequestCallback


class RememberingBus:
    """A bus for one publication: the readings that a frame stands on are in a state file before it is sent.

    In this order an agent that is killed between the two loses what the one frame told; in the other one, the next life
    would count it again.
    """

    def __init__(self, bus: Bus, publication: Publication, state: StateFile) -> None:
        self._bus = bus
        self._publication = publication
        self._state = state
        self._remembered: bytes | None = None

    @property
    def max_payload(self) -> int | None:
        """As the bus's."""
        return self._bus.max_payload

    async def connected(self, deadline: float | None = None) -> bool:
        """As the bus's."""
        return await self._bus.connected(deadline)

    async def publish(self, subject: str, payload: bytes, deadline: float) -> Publish:
        """Remember, in a thread, what the frame tells, and publish it; a repetition tells nothing new."""
        frame = self._publication.in_flight
        if frame is not None and frame.data is payload and frame.marks and payload is not self._remembered:
            await asyncio.to_thread(self._state.remember, frame)
            self._remembered = payload
        return await self._bus.publish(subject, payload, deadline)

    async def send(self, subject: str, payload: bytes, *, message_id: str = "") -> bool:
        """As the bus's."""
        return await self._bus.send(subject, payload, message_id=message_id)

    async def listen(self, subjects: Iterable[str], callback: RequestCallback) -> None:
        """As the bus's."""
        await self._bus.listen(subjects, callback)
