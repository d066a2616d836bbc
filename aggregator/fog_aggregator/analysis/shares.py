"""How much each part of a sum contributes to its change, and how far each is from the others.

Explanatory power and surprise are those of Adtributor (Bhagwan, Kumar, Ramjee, Varghese, Mohapatra, Manoharan and Shah,
"Adtributor: Revenue Debugging in Advertising Systems", NSDI 2014), with the earlier moment as the forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import fmean, median
from typing import Final

LEAST: Final = 0.1
"""A part that contributes less is no explanation (the paper's T_EEP)."""
ENOUGH: Final = 0.67
"""Parts that contribute so much together explain a change (the paper's T_EP)."""
_FEWEST: Final = 3
"""With fewer parts nothing is far from the others."""
_SIGMA_OF_MAD: Final = 1.4826
"""Standard deviations that a median absolute deviation stands for, where values are normal."""
_SIGMA_OF_MEAN: Final = 1.2533
"""The same for a mean absolute deviation (Iglewicz and Hoaglin, 1993)."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a sum at two moments."""

    before: float
    after: float

    @property
    def change(self) -> float:
        """Return how much it changed."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Share:
    """The role of one part in the change of a sum.

    Attributes:
        contribution: its change divided by that of the sum: explanatory power; None where the sum did not change.
        surprise: how much its share of the sum changed, as Jensen-Shannon divergence; from 0 to 0.35.
        distance: of its change from the median of all, in standard deviations estimated by the median absolute
            deviation; None where there are too few parts, or all the others are alike.
    """

    contribution: float | None
    surprise: float
    distance: float | None


def shares(parts: Sequence[Part], siblings: Sequence[bool] | None = None) -> list[Share]:
    """Return the role of each part in the change of their sum.

    Args:
        parts: the parts.
        siblings: which of them are alike, so that they have a distance from each other; None for all.
    """
    before, after = sum(part.before for part in parts), sum(part.after for part in parts)
    change, alike = sum(part.change for part in parts), siblings or [True] * len(parts)
    apart = iter(distances([part.change for part, is_one in zip(parts, alike, strict=True) if is_one]))
    return [
        Share(part.change / change if change else None, surprise(part, before, after), next(apart) if is_one else None)
        for part, is_one in zip(parts, alike, strict=True)
    ]


def surprise(part: Part, before: float, after: float) -> float:
    """Return how much the share of a part changed; 0 where there are no shares, as a sum is not above zero.

    Args:
        part: the part.
        before: the sum at the earlier moment.
        after: the sum at the later one.
    """
    p, q = (part.before / before if before > 0 else 0.0), (part.after / after if after > 0 else 0.0)
    if p < 0 or q < 0 or not p + q:
        return 0.0
    return 0.5 * sum(one * log(2 * one / (p + q)) for one in (p, q) if one)


def standard_deviation(apart: Sequence[float]) -> float:
    """Estimate it robustly from how far values are from their median; 0 where all are equal."""
    return _SIGMA_OF_MAD * median(apart) or _SIGMA_OF_MEAN * fmean(apart)


def distances(values: Sequence[float]) -> list[float | None]:
    """Return how far each value is from the median of all, see `Share`."""
    if len(values) < _FEWEST:
        return [None] * len(values)
    middle = median(values)
    apart = [abs(value - middle) for value in values]
    sigma = standard_deviation(apart)
    return [(value - middle) / sigma if sigma else None for value in values]


def explanation(found: Sequence[Share], least: float = LEAST, enough: float = ENOUGH) -> list[int]:
    """Return the places of the parts that explain the change together: the most surprising ones first, until enough.

    Empty when they do not reach `enough`.
    """
    known = [(share.surprise, share.contribution, place) for place, share in enumerate(found)]
    wanted: list[int] = []
    explained = 0.0
    for _, contribution, place in sorted(known, key=lambda one: (-one[0], one[2])):
        if contribution is not None and contribution >= least:
            wanted.append(place)
            explained += contribution
            if explained >= enough:
                return wanted
    return []
