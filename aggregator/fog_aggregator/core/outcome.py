"""Describe the outcome of a frame as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """The decision of a reader about a frame."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    FOLDED = "folded"
    """Of an epoch that is in the closed total: it was counted."""
    AWAITS_KEYFRAME = "awaits_keyframe"
    """A delta of an epoch that was closed without its final: only a keyframe can say where to go on."""
    TOO_OLD = "too_old"
    """Of an unknown epoch, and older than the horizon."""
    REFUSED = "refused"
    """A newcomer at a limit."""


LIMIT, RESERVED, VALUELESS, REPEATED = SERIES_REASONS = ("limit", "reserved", "valueless", "repeated")
"""Why series are refused: a limit, their name, no value in the frame, a label set that another id has."""


@dataclass(slots=True)
class Outcome:
    """The outcome of one frame.

    Attributes:
        status: the decision about it.
        values: values merged.
        missing: frames that are missing before it.
        unknown: values of ids that were not known, dropped; a keyframe brings them.
        refused_values: values refused alone: negative, not finite, 2^63 and more, of another type than defined.
        refused_by_reason: series that were refused, by one of SERIES_REASONS; None for none.
        saturated: sums that stay at 2^63 - 1, or at the largest double.
        new_epoch: the first frame of its epoch that was read.
        completed: it completed a keyframe: the epoch is exact.
        baseline: the keyframe is where an epoch goes on that had been closed early.
        late: it was stored later than its writer's frames are otherwise.
        row: the row of its place; -1 when it was not applied.
    """

    status: Status = Status.APPLIED
    values: int = 0
    missing: int = 0
    unknown: int = 0
    refused_values: int = 0
    refused_by_reason: dict[str, int] | None = None
    saturated: int = 0
    new_epoch: bool = False
    completed: bool = False
    baseline: bool = False
    late: bool = False
    row: int = -1

    @property
    def refused_series(self) -> int:
        """Count the series that were refused."""
        return sum(self.refused_by_reason.values()) if self.refused_by_reason else 0

    def refuse_series(self, reason: str, count: int) -> None:
        """Note that series were refused for one of SERIES_REASONS, if there were any."""
        if count:
            refused = self.refused_by_reason = self.refused_by_reason or {}
            refused[reason] = refused.get(reason, 0) + count
