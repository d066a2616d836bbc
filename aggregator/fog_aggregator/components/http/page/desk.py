"""Publish commands that logins of the HTTP interface order."""

from __future__ import annotations

from typing import Final

from fog_bus.ports import Outcome, Publish, Refusal, Transport
from fog_schema.commands import Command, encode_command
from fog_schema.errors import FrameError
from fog_schema.paths import Path
from fog_schema.subjects import Subjects

ACK_SECONDS: Final = 5.0


class CommandDesk:
    """Publishes with the aggregator's own connection: the server says whether it may.

    Args:
        bus: The connection.
        subjects: The subjects of commands.
    """

    def __init__(self, bus: Transport, subjects: Subjects) -> None:
        self._bus = bus
        self._subjects = subjects

    async def publish(self, path: Path, command: Command) -> Publish:
        """Publish a command to all who read a path, and wait until it is stored."""
        try:
            data = encode_command(command)
        except FrameError as error:
            return Publish(Outcome.REFUSED, Refusal.OTHER, error.detail)
        return await self._bus.publish(self._subjects.control(path), data, ACK_SECONDS)
