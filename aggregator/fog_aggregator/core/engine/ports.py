"""Name what an engine asks of the house around it: a counter of losses, a log, and the read side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from fog_aggregator.core.costs.accounts import USUAL_BUDGET, Budget
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.saved import Part
from fog_aggregator.kernels.ports import Kernels
from fog_bus.ports import Message
from fog_schema.commands import Command
from fog_schema.paths import Path

Take: TypeAlias = Callable[[Path, Command, float], None]
"""Do what a command to a path says that the server stored at a time; raises FrameError when that cannot be done."""

Say: TypeAlias = Callable[[str, str, Exception | None], None]
"""Log a warning: the reason by which lines are limited, the text, and the error of a fault of our own."""


def no_time() -> float:
    """Tell that no time has passed."""
    return 0.0


class Counts(Protocol):
    """Counts of what was read and what was lost."""

    def frames_applied(self, tally: Counter[str]) -> None:
        """Add what came of a batch of frames."""

    def refused(self, reason: str) -> None:
        """Count a message that is no frame."""

    def left_out(self, messages: Sequence[Message]) -> None:
        """Count messages whose paths had no time left for them."""

    def events_listed(self, events: EventList) -> None:
        """Take over the totals of the list of events."""


class ReadSide(Protocol):
    """The side of an aggregator that shows the fleet."""

    def forget_ended(self) -> None:
        """Forget what was shown of nodes and series that are gone: they may begin anew."""

    def forget_exported(self, places: Collection[Path]) -> None:
        """Forget what was shown of totals with some paths in them: an operator's order lowers them."""

    def disagreements(self) -> Mapping[str, Path]:
        """Return the families on which nodes disagree, each with a node whose variant is not shown."""


class StepTaker(Protocol):
    """Keeps the numbers of the fleet at steps of the streams' time."""

    @property
    def length(self) -> int:
        """Milliseconds from one step to the next."""

    @property
    def retention(self) -> int:
        """How long a step is kept, milliseconds: earlier ones need not be taken."""

    def take(self, at: int, *, live: bool) -> None:
        """Take the numbers as they are now, as those of the step at `at`, milliseconds since 1970.

        Args:
            at: The time of the step, of the streams' time.
            live: It is the present; else what was missed is being read.
        """


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The things that an engine has around it.

    Attributes:
        read_side: Shows the fleet.
        counts: Takes the counts of messages, values and losses.
        say: Takes warnings.
        take_command: Does what commands say that are not the engine's own; None to ignore them.
        parts: More that is saved in the checkpoint, of the same moment as the fleet, by name.
        history: Takes steps; None where nobody does.
        budget: The working time that each subject may take.
        kernels: They merge frames; None for numpy.
        incarnation: A number drawn at random, which the state has unless it goes on from a checkpoint (R13.17).
        clock: Measures how long work takes, seconds; without one it takes none, and no batch is cut into slices.
    """

    read_side: ReadSide
    counts: Counts
    say: Say
    take_command: Take | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    history: StepTaker | None = None
    clock: Callable[[], float] = no_time
    kernels: Kernels | None = None
    budget: Budget = USUAL_BUDGET
    incarnation: int = 1
