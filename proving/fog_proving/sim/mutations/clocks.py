"""Mutations of the rules about servers' clocks."""

from __future__ import annotations

from typing import Any

from fog_aggregator.core.engine.clock import Dates, ServerClock
from fog_aggregator.core.engine.steps import StreamsTime
from fog_aggregator.core.fleet.fleet import Fleet
from fog_proving.sim.mutations import Patch, around, leaving_out, nothing


@leaving_out("R12.18", "a server's clock that is wrong for a moment is not believed")
def clock_believed() -> list[Patch]:
    """Take its last word."""

    def note(self: ServerClock, timestamp: float, now: float) -> None:
        self.offset = timestamp - now

    return [(ServerClock, "note", note)]


@leaving_out("R12.18", "... and one that has stepped is followed")
def clock_not_followed() -> list[Patch]:
    """Believe its first word for ever."""
    return [(ServerClock, "follow", lambda _: 0.0)]


@leaving_out("R12.18", "... and all that was dated by it moves with it")
def dates_stay() -> list[Patch]:
    """Let them stay."""
    return [(Fleet, "shift", nothing)]


@leaving_out("R12.55", "a message was stored before it was read, and after all before it was")
def stamps_believed() -> list[Patch]:
    """Take any stamp."""
    return [(Dates, "judge", lambda _, messages, __: messages)]


@leaving_out("R12.55", "... but an older copy of the stream may have been put back while nobody read")
def copies_are_new() -> list[Patch]:
    """Date its messages as if they had been stored since."""

    def begin(original: Any, self: Dates, *args: Any, **options: Any) -> None:
        drained_at = self._drained_at
        original(self, *args, **options)
        if options["goes_on"]:
            self._drained_at = drained_at

    return [around(Dates, "begin", begin)]


@leaving_out("R12.56", "a clock that was set back since the checkpoint has stepped")
def checkpoint_not_set_back() -> list[Patch]:
    """Let the checkpoint be ahead."""
    return [(StreamsTime, "set_back", lambda *_: 0.0)]
