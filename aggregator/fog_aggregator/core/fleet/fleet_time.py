"""Know what time it is for a fleet, and how much of it was observed."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Float64s
from fog_aggregator.core.places.rows import STALE_INTERVALS
from fog_aggregator.core.saved import Saved, as_flag, as_number
from fog_aggregator.kernels.layout import SETTLED_AT

SETTLING_SECONDS: Final = 20.0
"""After the server was away nodes may take so long to come back, as the pauses between their attempts to connect grow
to 15 s."""
OUTAGE_PACES: Final = 3
"""A gap between two timestamps of a backlog longer than so many of the shortest intervals: nobody could send in it."""


class FleetTime:
    """The fleet's time.

    Args:
        horizon: seconds of silence after which an epoch is closed, and that a tombstone lasts.
        caught_up: the fleet goes back to a checkpoint, or has read the streams to their end since, so that a frame of
            an unknown epoch older than the horizon is a ghost (R12.21): a copy of a store was put back.

    Attributes:
        now: the newest server timestamp read, seconds.
        present: the time that the server tells now, the earlier one while in doubt; 0 while it is not known.
        audible_seconds: for how long a node that had sent something would have been heard, seconds: what its silence is
            measured in, so that no node is silent for time in which the reader heard nothing.
        pace: what one timestamp may add to the audible time at most, beyond the one before. 0 while the streams are
            read to their end, as a clock tells then. In a backlog the shortest interval of all nodes: a longer gap
            means that nobody could send. Infinite for a fleet that no engine drives: timestamps are its time.
        settled_at: the timestamp in a backlog from which time counts again, after a gap that was an outage.
        observed_seconds: for how long the streams were read to their end (R12.19): what horizons are measured in, so
            that nothing is given up for a silence that was the reader's own.
        began_at: the server timestamp of the earliest frame that these books have counted: the fleet's totals began
            then. Infinite before any; -infinite where a checkpoint does not tell.
        needs_keyframe_round: counts may be missing that were shown before: nothing must be shown before a round of
            keyframes, nor after a restart (R12.34).
    """

    def __init__(self, horizon: float, *, caught_up: bool = False) -> None:
        self.horizon = horizon
        self.caught_up = caught_up
        self.now = 0.0
        self.present = 0.0
        self.audible_seconds = 0.0
        self.pace = math.inf
        self.settled_at = -math.inf
        self.observed_seconds = 0.0
        self.began_at = math.inf
        self.needs_keyframe_round = True

    def read(self, timestamp: float) -> None:
        """Take note of a server timestamp."""
        if timestamp > self.now:
            gap = timestamp - self.now
            if self.pace and gap > OUTAGE_PACES * self.pace and self.now:
                self.settled_at = timestamp + SETTLING_SECONDS
            self.audible_seconds += min(gap, self.pace, max(0.0, timestamp - self.settled_at))
            self.now = timestamp

    def as_array(self) -> Float64s:
        """Return the time as a kernel takes it (`fog_aggregator.kernels.layout.NOW`), with the rules' constants."""
        constants = float(OUTAGE_PACES), SETTLING_SECONDS, float(STALE_INTERVALS)
        moved = self.now, self.audible_seconds, self.settled_at
        return np.array([*moved, self.pace, self.observed_seconds, *constants])

    def take_over(self, clock: Float64s) -> None:
        """Take over what a kernel has made of `as_array`."""
        self.now, self.audible_seconds, self.settled_at = clock[: SETTLED_AT + 1].tolist()

    def audible_by(self, timestamp: float) -> float:
        """Return the audible time at a timestamp that was just read: now, unless it is part of a backlog."""
        return self.audible_seconds - (self.now - timestamp) if self.pace else self.audible_seconds

    def audible_at(self, now: float) -> float:
        """Return the audible time at `now` (server's time)."""
        return self.audible_seconds + max(0.0, now - self.now) if self.pace == math.inf else self.audible_seconds

    def observe(self, seconds: float, now: float) -> None:
        """Let time pass in which the streams were read to their end."""
        self.observed_seconds += seconds
        if self.pace == math.inf:
            self.read(now)
        self.now = max(self.now, now)
        self.present = now
        self.caught_up = True

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock."""
        self.now += seconds
        self.settled_at += seconds
        self.began_at += seconds

    def is_ghost(self, timestamp: float) -> bool:
        """Tell whether the first frame of an epoch is too old to be one, by what the server tells now (R12.21)."""
        return self.caught_up and timestamp < self.present - self.horizon

    def image(self) -> Saved:
        """Return the time."""
        return Saved(
            {
                "now": self.now,
                "audible_seconds": self.audible_seconds,
                "observed_seconds": self.observed_seconds,
                "needs_keyframe_round": self.needs_keyframe_round,
            }
        )

    def restore(self, saved: Saved) -> None:
        """Take over the time of a checkpoint: it was caught up then."""
        self.now = saved.value("now", as_number)
        self.audible_seconds = saved.value("audible_seconds", as_number)
        self.observed_seconds = saved.value("observed_seconds", as_number)
        self.needs_keyframe_round = saved.value("needs_keyframe_round", as_flag)
        self.caught_up = True
        self.began_at = -math.inf


class Books:
    """Save since when a fleet's books are kept (R12.52): a part of its own, as older checkpoints do not tell.

    Args:
        time: the fleet's.
    """

    def __init__(self, time: FleetTime) -> None:
        self._time = time

    def image(self) -> Saved:
        """Return when they began."""
        return Saved({"began_at": self._time.began_at})

    def restore(self, saved: Saved) -> None:
        """Take over when they began, after the time."""
        self._time.began_at = float(saved.value("began_at", as_number))
