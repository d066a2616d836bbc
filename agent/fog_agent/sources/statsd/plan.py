"""Say how lines of statsd are read, and how much is remembered of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .mapping import Buckets, Mappings

DEFAULT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds, as most timers are between a millisecond and half a minute."""
ENTITY: Final = "dd.internal.entity_id"
"""A tag that DogStatsD's clients add for their own agent: the id of a pod."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a listener remembers.

    Attributes:
        series: in all; and families, as no family is ever forgotten: the collector remembers each for good.
        new_series: in a second.
        idle: seconds without a line after which a series ends; its counts stay in the totals of the fleet.
        interval: seconds for which a set's distinct values are counted.
        events: in a second, changes of service checks among them.
    """

    series: int = 10_000
    new_series: int = 1_000
    idle: float = 3_600.0
    interval: float = 10.0
    events: int = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """How lines are read.

    Attributes:
        dialect: `statsd` or `dogstatsd`: the same line means different things in them.
        buckets: of histograms for which no mapping has others.
        mappings: other names and labels.
        drop_tags: names of tags that are left out.
        limits: how much is remembered.
    """

    dialect: str
    buckets: Buckets = DEFAULT_BUCKETS
    mappings: Mappings = field(default_factory=Mappings)
    drop_tags: frozenset[str] = frozenset([ENTITY])
    limits: Limits = Limits()


class Allowance:
    """Let so many things happen in a second, and as many at once. Times are handed in.

    Args:
        rate: how many in a second.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._left = float(rate)
        self._asked: float | None = None

    def take(self, now: float) -> bool:
        """Tell whether one more may happen. A clock that went back gives no time."""
        elapsed = 0.0 if self._asked is None else max(0.0, now - self._asked)
        self._asked = now
        self._left = min(self._rate, self._left + elapsed * self._rate)
        if self._left < 1:
            return False
        self._left -= 1
        return True
