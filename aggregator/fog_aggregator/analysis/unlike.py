"""Tell whether a place is unlike its siblings, and where a change is, by rules that people can check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf, isfinite
from statistics import median
from typing import Final

from fog_aggregator.analysis.blame import Blame
from fog_aggregator.analysis.shares import standard_deviation
from fog_schema.paths import Path

FEWEST: Final = 4
"""With fewer others nothing is unlike them."""
FACTOR: Final = 3.0
"""A value so many times the median of the others, or so small a part of it, is unlike them."""
DISTANCE: Final = 6.0
"""And it is so many standard deviations away, by a robust estimate."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """One value beside others.

    Attributes:
        ratio: The value divided by the median of the others; infinite where that is 0.
        distance: From their median in standard deviations, estimated by the median absolute deviation; infinite where
            all others are equal and this one is not.
    """

    ratio: float
    distance: float

    @property
    def is_unlike(self) -> bool:
        """Tell whether it is both far in ratio and far in distance."""
        return (self.ratio >= FACTOR or self.ratio <= 1 / FACTOR) and abs(self.distance) >= DISTANCE


def likeness(value: float, others: Sequence[float]) -> Likeness | None:
    """Compare a value with others; None with too few finite ones, or where it is none itself."""
    known = [other for other in others if isfinite(other)]
    if len(known) < FEWEST or not isfinite(value):
        return None
    middle = median(known)
    apart = [abs(other - middle) for other in known]
    sigma = standard_deviation(apart)
    away = value - middle
    distance = away / sigma if sigma else (0.0 if not away else inf if away > 0 else -inf)
    ratio = value / middle if middle else (1.0 if not value else inf if value > 0 else -inf)
    return Likeness(ratio, distance)


class Spread(Enum):
    """How a change lies in the tree."""

    NONE = "nothing has changed"
    DOWN = "under one place"
    BEYOND = "more than all of it; others fell"
    EVEN = "spread evenly"
    MOSTLY = "more in one place than elsewhere"


@dataclass(frozen=True, slots=True)
class Where:
    """The way down to where a change is.

    Attributes:
        spread: How it lies.
        way: The places on the way, each with its share of the change of the first place.
    """

    spread: Spread
    way: Sequence[tuple[Path, float]] = ()


def where(found: Blame, nodes_at: Callable[[Path], int]) -> Where:
    """Read where a change is out of the way down that was found for it.

    It is spread evenly where the child with most of it has less than twice its share of the nodes.
    """
    first = found.steps[0]
    if not first.part.change:
        return Where(Spread.NONE)
    way = [(step.path, step.share or 0.0) for step in found.steps[1:]]
    if found.path not in (first.path, *(path for path, _ in way)):
        way.append((found.path, found.share or 0.0))
    if way:
        return Where(Spread.BEYOND if max(share for _, share in way) > 1 else Spread.DOWN, way)
    if not first.children:
        return Where(Spread.EVEN)
    top = max(first.children, key=lambda child: child.share.contribution or 0.0)
    share, nodes = top.share.contribution or 0.0, nodes_at(first.path)
    if share < 2 * nodes_at(top.path) / max(1, nodes):
        return Where(Spread.EVEN)
    return Where(Spread.MOSTLY, [(top.path, share)])
