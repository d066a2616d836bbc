"""Publishing by callback, which some adapters can: an agent alone in its turn of the loop needs no task for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from fog_bus.ports import Publish

Answered: TypeAlias = Callable[[Publish], None]
"""Called once with what became of a publish, on the event loop. Must not raise."""


@runtime_checkable
class Posting(Protocol):
    """A `Bus` may have this beside `publish`."""

    def post(self, subject: str, payload: bytes, deadline: float, answered: Answered) -> bool:
        """Publish as `publish` does, and call back once this has returned.

        Returns:
            False, and nothing was sent, where `publish` has to do it.
        """
