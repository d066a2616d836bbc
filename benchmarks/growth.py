"""Draw how the cost of an aggregator grows with its fleet: a chart in SVG, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 420
LEFT: Final = 70
RIGHT: Final = 230
TOP: Final = 20
BOTTOM: Final = 50
FONT: Final = 'font-family="sans-serif" font-size="12"'
CENTRED: Final = 'text-anchor="middle" fill="#333333"'
COLOURS: Final = ("#0b6e99", "#b5521b", "#3f7d20", "#7a3e9d", "#a3123a", "#555555")


def chart(lines: Mapping[str, Mapping[int, float]]) -> str:
    """Return the SVG of lines of seconds over nodes, each with its name at its end.

    Args:
        lines: by name, the seconds at each number of nodes; both above zero.
    """
    nodes = sorted({count for line in lines.values() for count in line})
    values = [value for line in lines.values() for value in line.values()]
    across = _Axis(nodes[0], nodes[-1], LEFT, WIDTH - RIGHT)
    lowest, highest = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))
    up = _Axis(lowest, highest, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *_grid(across, up, nodes),
    ]
    ends = _apart([(up.at(line[max(line)]), name) for name, line in lines.items()])
    for colour, (name, line) in zip(COLOURS * len(lines), lines.items(), strict=False):
        points = " ".join(f"{across.at(count):.1f},{up.at(value):.1f}" for count, value in sorted(line.items()))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{ends[name] + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>\n"])


class _Axis:
    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = math.log10(low), math.log10(high)
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """Return where a value lies, in pixels."""
        share = (math.log10(value) - self.low) / ((self.high - self.low) or 1.0)
        return self._start + share * (self._end - self._start)


def _grid(across: _Axis, up: _Axis, nodes: list[int]) -> list[str]:
    parts = []
    for power in range(round(up.low), round(up.high) + 1):
        y = up.at(10**power)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#333333">{10.0**power:g} s</text>')
    for count in nodes:
        x = across.at(count)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" {CENTRED}>{count:,}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 10}" {CENTRED}>nodes of 100 counters</text>')
    return parts


def _apart(ends: list[tuple[float, str]]) -> dict[str, float]:
    """Return where each name stands: at the end of its line, at least a line of text below the one above it."""
    places, last = {}, -math.inf
    for y, name in sorted(ends):
        last = places[name] = max(y, last + 15)
    return places
