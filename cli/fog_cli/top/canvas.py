"""A widget that shows lines of text, and draws anew only those that are different."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from fog_cli.top.screen.compose import Row

_COLOURS: Final = {
    "critical": "red",
    "departed": "red",
    "unread": "red",
    "warning": "yellow",
    "stale": "yellow",
    "missing": "cyan",
    "quarantined": "magenta",
    "note": "cyan",
    "ended": "green",
    "ok": "green",
    "chart": "blue",
}
"""The terminal's own colours, which its user has chosen: readable on its background, dark or light."""
_STRONG: Final = frozenset({"bold", "critical"})


def styles(*, colours: bool) -> Mapping[str, Style]:
    """Return the style of each kind of text. Without colours its signs, bold and reverse are left."""
    plain = {"": Style(), "faint": Style(dim=True), "bold": Style(bold=True), "selected": Style(reverse=True)}
    return plain | {
        kind: Style(color=colour if colours else None, bold=kind in _STRONG) for kind, colour in _COLOURS.items()
    }


class Canvas(Widget):
    """Lines of text.

    Args:
        colours: Whether texts may have colours.

    Attributes:
        rows: The lines that are shown.
    """

    def __init__(self, *, colours: bool) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self._styles = styles(colours=colours)

    def show(self, rows: list[Row]) -> None:
        """Show other lines."""
        before, self.rows = self.rows, rows
        for place, row in enumerate(rows):
            if place >= len(before) or before[place].line != row.line:
                self.refresh(Region(0, place, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Return one line, as Textual asks for it."""
        if y >= len(self.rows):
            return Strip.blank(self.size.width)
        segments = [Segment(text, self._styles.get(kind, Style())) for text, kind in self.rows[y].line]
        return Strip(segments).adjust_cell_length(self.size.width)
