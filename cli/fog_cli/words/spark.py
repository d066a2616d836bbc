"""Drawings of a line's height: sparklines, bars, and the states of nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from fog_cli.words.text import Span

STEPS: Final = "▁▂▃▄▅▆▇█"
SIGNS: Final = {"critical": "■", "warning": "▲", "note": "○", "ended": "✓", "ok": "✓"}
"""The shape of each severity: it can be told without a colour."""
SWATCHES: Final = {
    "live": "█",
    "stale": "▚",
    "departed": "✖",
    "missing": "□",
    "quarantined": "▒",
    "unread": "?",
    "ended": "✓",
    "retired": "·",
}
"""The sign of each state of a node."""


def resampled(values: Sequence[float], to: int) -> list[float]:
    """Return so many values, each the mean of those at its place; NaN where nothing is."""
    found = list[float]()
    for place in range(to):
        first = place * len(values) // to
        last = max(first + 1, (place + 1) * len(values) // to)
        here = [value for value in values[first:last] if math.isfinite(value)]
        found.append(sum(value / len(here) for value in here) if here else math.nan)
    return found


def spark(values: Sequence[float], to: int) -> str:
    """Draw values from zero up in so many cells; a gap is a blank."""
    shown = resampled(values, to) if values else [math.nan] * to
    low, top = _bounds(shown)
    return "".join(_step(value, low, top) for value in shown)


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value)]
    return min([0.0, *finite]), max([0.0, *finite])


def _step(value: float, low: float, top: float) -> str:
    if math.isnan(value):
        return " "
    return STEPS[min(7, int(_height(value, low, top) * 8))]


def _height(value: float, low: float, top: float) -> float:
    """Return where a value is between two others, from 0 to 1; halves of the largest numbers are far from infinity."""
    size = top / 2 - low / 2
    return min(1.0, max(0.0, (value / 2 - low / 2) / size)) if size > 0 else 0.0


def chart(values: Sequence[float], to: int, height: int) -> list[str]:
    """Draw values in so many cells and lines, from zero up; the top line first."""
    shown = resampled(values, to) if values else [math.nan] * to
    low, top = _bounds(shown)
    eighths = [-1 if math.isnan(value) else max(1, round(_height(value, low, top) * 8 * height)) for value in shown]
    return [
        "".join(_cell(size - 8 * line) if size >= 0 else " " for size in eighths) for line in range(height - 1, -1, -1)
    ]


def _cell(eighths: int) -> str:
    return " " if eighths <= 0 else STEPS[min(8, eighths) - 1]


def bar(nodes: Mapping[str, int], to: int) -> list[Span]:
    """Draw states as a bar of so many cells: each state with a node has at least one; none where it is too short."""
    states = {state: number for state, number in nodes.items() if number and state in SWATCHES}
    everything = sum(states.values())
    if not everything:
        return []
    sizes = {state: max(1, number * to // everything) for state, number in states.items()}
    largest = max(sizes, key=lambda state: sizes[state])
    sizes[largest] += to - sum(sizes.values())
    if sizes[largest] < 1:
        return []
    return [(SWATCHES[state] * size, state) for state, size in sizes.items()]
