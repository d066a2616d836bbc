"""Name what an engine asks of the house around it: a counter of losses, a log, and the read side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from fog_aggregator.core.fleet.event_list import EventList
from fog_schema.paths import Path

Say: TypeAlias = Callable[[str, str, Exception | None], None]
"""Log a warning: the reason by which lines are limited, the text, and the error of a fault of our own."""


class Counts(Protocol):
    """Counts of what was read and what was lost."""

    def frames_applied(self, tally: Counter[str]) -> None:
        """Add what came of a batch of frames."""

    def refused(self, reason: str) -> None:
        """Count a message that is no frame."""

    def events_listed(self, events: EventList) -> None:
        """Take over the totals of the list of events."""


class ReadSide(Protocol):
    """The side of an aggregator that shows the fleet."""

    def forget_ended(self) -> None:
        """Forget what was shown of nodes and series that are gone: they may begin anew."""

    def disagreements(self) -> Mapping[str, Path]:
        """Return the families on which nodes disagree, each with a node whose variant is not shown."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The things that an engine has around it.

    Attributes:
        read_side: Shows the fleet.
        counts: Takes the counts of messages, values and losses.
        say: Takes warnings.
    """

    read_side: ReadSide
    counts: Counts
    say: Say
