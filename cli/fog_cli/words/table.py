"""Rows of cells as aligned lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fog_cli.words.text import Line, Span, cells, cut, harmless, padded

GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, whether its texts stand at its right end, and the cells that it may take (0: any)."""

    title: str
    right: bool = False
    most: int = 0


def table(columns: Sequence[Column], rows: Sequence[Sequence[Span]], *, header: bool = True) -> list[Line]:
    """Lay rows out; the first line has the titles. Columns in which nothing stands are left out."""
    rows = [harmless(row) for row in rows]  # before they are measured
    shown = [place for place in range(len(columns)) if not rows or any(row[place][0] for row in rows)]
    widths = {place: _size(columns[place], [row[place][0] for row in rows], header=header) for place in shown}
    titles = [[(one.title, "faint") for one in columns]] if header else []
    return [_line([(row[place], columns[place], widths[place]) for place in shown]) for row in (*titles, *rows)]


def _size(column: Column, texts: Sequence[str], *, header: bool) -> int:
    size = max(map(cells, [*texts, column.title if header else ""]), default=0)
    return min(size, column.most) if column.most else size


def _line(row: Sequence[tuple[Span, Column, int]]) -> list[Span]:
    found = list[Span]()
    for place, ((text, kind), column, size) in enumerate(row):
        last = place == len(row) - 1
        shown = cut(text, size)
        found.append((shown if last and not column.right else padded(shown, size, right=column.right), kind))
        if not last:
            found.append((GAP, ""))
    return found
