"""Say over how many seconds rates are taken at a place."""

from __future__ import annotations

from typing import Final

from fog_aggregator.analysis.expressions import least_window, window_of
from fog_aggregator.network import NetworkCollector
from fog_schema.paths import Path

MOST: Final = 0.9
"""The share of a place's live nodes whose frames a window of its total must have: one of many that sends seldom does
not make rates be those of hours."""


def least_window_at(network: NetworkCollector, path: Path, step: float) -> int:
    """Return how many seconds the rate of a path's total must be taken over to be even, for most of its live nodes.

    Args:
        network: Knows how often nodes send.
        path: The path.
        step: How often the history keeps totals, seconds.
    """
    return least_window(network.inventory(lambda fleet: fleet.interval(path, MOST)), step)


def window_among(network: NetworkCollector, path: Path, step: float) -> str:
    """Return the window in which places at and under a path are compared, each for itself: for half of the nodes."""
    return window_of(least_window(network.inventory(lambda fleet: fleet.interval(path, 0.5)), step))
