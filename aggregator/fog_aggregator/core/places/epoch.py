"""Hold one epoch of a place, as far as it was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from fog_aggregator.core.columns import Int64s
from fog_aggregator.core.families.words import Profile
from fog_aggregator.core.kinds import Kind, SlotHolder
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.places.rows import STALE_INTERVALS
from fog_schema.frames import KEYFRAME, Frame

CLOSED: Final = 0
"""The id of the pseudo-epoch that holds a path's closed total; its ids are series numbers."""


@dataclass(slots=True)
class Run:
    """Parts of a keyframe that came without a break.

    Attributes:
        next_part: the number of the part that must be next.
        ids: the ids so far, by kind.
        profile: in which words families were described so far; None when that is not known.
    """

    next_part: int = 0
    ids: list[tuple[Kind, Int64s]] = field(default_factory=list)
    profile: Profile | None = ()


@dataclass(slots=True, eq=False)
class Epoch(SlotHolder):
    """One run of one writer at a path, as far as it was read.

    Attributes:
        id: its number, drawn by its writer.
        seq: the last frame's number; nothing at or below it changes anything.
        birth: server's time of a frame less the epoch's age in it, the earliest seen, seconds.
        usual: the same difference as its frames have it when nothing holds them up, seconds.
        last_seen: server's time of its last frame.
        observed: the fleet's observed time at its last frame.
        shared: its writer says that others write at the same path.
        gapped: a frame is missing, or it was never complete: a keyframe is wanted.
        returning: it was closed without its final: its next keyframe is a baseline.
        run: how far the keyframe under way has come.
        gaps: how many gaps there were.
        keyframes: how many keyframes were complete.
    """

    id: int
    seq: int = 0
    birth: float = float("inf")
    usual: float = float("inf")
    last_seen: float = 0.0
    observed: float = 0.0
    shared: bool = False
    gapped: bool = True
    returning: bool = False
    run: Run | None = None
    gaps: int = 0
    keyframes: int = 0

    def number(self, frame: Frame, outcome: Outcome) -> None:
        """Take the frame's number: a hole before it is a gap (R12.2), and breaks a keyframe's run of parts (R12.9)."""
        outcome.missing = frame.seq - self.seq - 1
        if outcome.missing:
            self.gapped = True
            self.gaps += 1
        if outcome.missing or frame.kind != KEYFRAME or (self.run and self.run.next_part != frame.part):
            self.run = None
        if frame.kind == KEYFRAME and frame.part == 0:
            self.run = Run()
        self.seq = frame.seq

    def see(self, timestamp: float, age_ms: int, interval: float, observed: float) -> bool:
        """Take note of when a frame came, and of the age that it tells; return whether it came late."""
        self.observed = observed
        birth = timestamp - age_ms / 1000
        if birth < self.birth:
            self.birth = max(birth, 0.0)
        if birth <= self.usual:
            is_late, self.usual = False, birth
        else:
            is_late = self._is_late(birth, timestamp - self.last_seen, interval)
        self.last_seen = max(self.last_seen, timestamp)
        return is_late

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock."""
        self.birth += seconds
        self.usual += seconds
        self.last_seen += seconds

    def _is_late(self, birth: float, pause: float, interval: float) -> bool:
        """Tell whether a frame was held up for more than 3 intervals; `pause` is the time since the one before.

        Frames that come one an interval are no burst, however old they are: clocks drift, and one that slept stays
        behind. So what is usual goes after them.
        """
        lag = birth - self.usual
        if interval / 2 < pause < 2 * interval:
            self.usual += lag / 8
        return lag > STALE_INTERVALS * interval
