"""Name the part of a tree that an engine reads, and the subjects that this takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from fog_aggregator.core.engine.defaults import DEPARTED_SECONDS
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_schema.paths import Path
from fog_schema.subjects import Subjects

METRICS: Final = "metrics"
EVENTS: Final = "events"
ROLLUPS: Final = "rollups"
CONTROL: Final = "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The part of the tree that an engine reads, and how.

    Attributes:
        subjects: Turns subjects into paths.
        path: The subtree that is read; everything for the empty path.
        branches: The paths below it that other aggregators publish as rollups.
        places: Where nodes may stand that are in no branch, where that can be said: patterns as of branches. Then the
            streams are asked for these alone. None to read all of the subtree, and leave out what is in branches.
        branch_events: Whether the events of branches' nodes are listed too.
        metrics: The name of the stream of metrics, where no other one is found.
        events: The name of the stream of events.
        rollups: The name of the stream of rollups, which is read where there are branches.
        control: The name of the stream of commands; empty to read none.
        departed_after: Seconds of silence after which a node has departed.
    """

    subjects: Subjects
    path: Path = ()
    branches: BranchPatterns = field(default_factory=BranchPatterns)
    places: tuple[Path, ...] | None = None
    branch_events: bool = False
    metrics: str
    events: str
    rollups: str
    control: str = ""
    departed_after: float = DEPARTED_SECONDS

    @property
    def names(self) -> dict[str, str]:
        """The streams that are read where no others are found, and the kind of each."""
        names = {self.metrics: METRICS, self.events: EVENTS}
        if self.branches:
            names[self.rollups] = ROLLUPS
        if self.control:
            names[self.control] = CONTROL
        return {name: kind for name, kind in names.items() if self.filters(kind)}

    def reads(self, kind: str, subjects: Sequence[str]) -> bool:
        """Tell whether a stream of a kind may have messages that are read, by the filters of the subjects it takes."""
        if not self.branches or kind not in (METRICS, EVENTS) or (kind == EVENTS and self.branch_events):
            return True
        head = f"{self.subjects.of(kind, ())}."
        taken = (one.removeprefix(head).removesuffix(".>") for one in subjects if one.startswith(head))
        return not subjects or not all(self.branches.cover(tuple(one.split("."))) for one in taken)

    def is_selective(self, kind: str) -> bool:
        """Tell whether the streams of a kind are asked for our subjects alone: few among many."""
        return self.places is not None and (kind == METRICS or (kind == EVENTS and not self.branch_events))

    def filters(self, kind: str, *, selective: bool = True) -> list[str]:
        """List the filters of the subjects of a kind that are read; where not selective, those of branches too."""
        if kind == CONTROL:
            return self.subjects.commands(self.path)
        if selective and self.places is not None and self.is_selective(kind):
            return [self.subjects.of(kind, place) for place in self.places]
        return self.subjects.subtree(kind, self.path)
