"""Exponential histograms of OpenTelemetry as buckets with fixed bounds. Pure.

A series of OpenTelemetry changes its resolution as it goes, by merging neighbours two by two. A fleet adds histograms
up, so that the bounds here are the same on every node: powers of two, and the same number of steps between two of them.
"""

from dataclasses import dataclass, field
from typing import Any

MAX_BOUNDS = 256
"""Of one histogram, in a frame."""


@dataclass(frozen=True, slots=True)
class ExponentialBounds:
    """Which bounds exponential histograms get.

    With `scale` 1 each bound is 41 % above the one before, with 2 it is 19 %, with 3 it is 9 %: by so much at most is a
    quantile that is read from them off, upwards, between the lowest bound and the highest. Counts and sums are exact.
    Nothing is added to it while a series is at least as fine, which it is until its values span 2^80 (at scale 1). A
    coarser one puts a value at most one of its own buckets too high.

    Args:
        scale: steps between two powers of two, as a power of two: 1 is two steps, 2 is four.
        lowest: exponent of the lowest bound, 2^lowest: what is below it, zero or negative is counted there.
        highest: exponent of the highest bound: what is above it is counted in the bucket without a bound.

    Raises:
        ValueError: more than 256 bounds, or none.
    """

    scale: int = 1
    lowest: int = -20
    highest: int = 30

    def __post_init__(self) -> None:
        steps = (self.highest - self.lowest) << self.scale if 0 <= self.scale <= 8 else -1
        if not 0 < steps < MAX_BOUNDS:
            raise ValueError(
                f"exponential bounds from 2^{self.lowest} to 2^{self.highest} with scale {self.scale} are {steps + 1}: "
                f"give a scale from 0 to 8 with which they are 2 to {MAX_BOUNDS}"
            )

    @property
    def bounds(self) -> tuple[float, ...]:
        """The finite upper bounds."""
        steps = range(self.lowest << self.scale, (self.highest << self.scale) + 1)
        return tuple([2.0 ** (step / 2**self.scale) for step in steps])

    def place(self, counts: "Counts") -> tuple[int, ...]:
        """Return observations by bucket, one more than bounds: each source bucket goes where its upper bound lies."""
        first = self.lowest << self.scale
        placed = [0] * (((self.highest << self.scale) - first) + 2)
        placed[0] = counts.below
        for index, count in counts.positive.items():
            upper = _rescaled(index + 1, self.scale - counts.scale)
            placed[min(max(upper - first, 0), len(placed) - 1)] += count
        return tuple(placed)


@dataclass(slots=True)
class Counts:
    """Observations of an exponential histogram at some scale.

    Attributes:
        scale: the bucket with index i has values above 2^(i / 2^scale) and up to 2^((i + 1) / 2^scale).
        positive: observations by index.
        below: observations that were zero or negative.
    """

    scale: int
    positive: dict[int, int] = field(default_factory=dict)
    below: int = 0

    @classmethod
    def of(cls, point: Any) -> "Counts":
        """Take a data point of OpenTelemetry."""
        positive = {
            point.positive.offset + place: count for place, count in enumerate(point.positive.bucket_counts) if count
        }
        return cls(point.scale, positive, point.zero_count + sum(point.negative.bucket_counts))

    def since(self, earlier: "Counts") -> "Counts":
        """Subtract an earlier value of the series, at the coarser of both scales."""
        scale = min(self.scale, earlier.scale)
        now, before = self.at(scale), earlier.at(scale)
        grown = {index: max(0, count - before.get(index, 0)) for index, count in now.items()}
        return Counts(scale, grown, max(0, self.below - earlier.below))

    def at(self, scale: int) -> dict[int, int]:
        """Return the observations by index at another scale, which is not finer."""
        merged: dict[int, int] = {}
        for index, count in self.positive.items():
            coarse = index >> (self.scale - scale)
            merged[coarse] = merged.get(coarse, 0) + count
        return merged


def _rescaled(upper: int, finer: int) -> int:
    """Return the lowest bound at another scale that is not below the bound `upper`, in whole numbers."""
    return upper << finer if finer >= 0 else -(-upper >> -finer)
