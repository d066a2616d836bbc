"""Texts in a terminal's cells: escaped, measured, cut. A line is spans of text, each of a kind that has a colour."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

Span: TypeAlias = tuple[str, str]
"""A text and its kind: a state, a severity, "bold", "faint" or nothing."""
Line: TypeAlias = Sequence[Span]
ELLIPSIS: Final = "…"


def printable(text: str) -> str:
    """Escape a node's text for a terminal, which would obey control and direction characters."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def harmless(line: Line) -> list[Span]:
    """Escape each text of a line."""
    return [(printable(text), kind) for text, kind in line]


def cells(text: str) -> int:
    """Return how many cells of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


@lru_cache(maxsize=4096)
def _cells(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def cut(text: str, most: int) -> str:
    """Shorten a text to so many cells, with an ellipsis at its end."""
    if cells(text) <= most:
        return text
    end, used = 0, 1
    while end < len(text) and used + _cells(text[end]) <= most:
        used += _cells(text[end])
        end += 1
    return text[:end] + ELLIPSIS if most > 0 else ""


def padded(text: str, to: int, *, right: bool = False) -> str:
    """Fill a text up to so many cells."""
    space = " " * max(0, to - cells(text))
    return space + text if right else text + space


def wrapped(text: str, most: int) -> list[str]:
    """Break a text into lines of at most so many cells, between words where that is possible."""
    lines, line = list[str](), ""
    for word in text.split(" "):
        rest = word
        if line and cells(line) + 1 + cells(rest) <= most:
            line = f"{line} {rest}"
            continue
        if line:
            lines.append(line)
        while cells(rest) > most > 0:
            end = len(rest)
            while cells(rest[:end]) > most and end > 1:
                end -= 1
            lines.append(rest[:end])
            rest = rest[end:]
        line = rest
    return [*lines, line] if line or not lines else lines


def plain(line: Line) -> str:
    """Return a line without its kinds, nor blanks at its end."""
    return "".join(text for text, _ in line).rstrip()


def size_of(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cells(text) for text, _ in line)


def fitted(line: Line, to: int) -> list[Span]:
    """Cut a line to so many cells, or fill it up."""
    found, left = list[Span](), to
    for text, kind in line:
        here = cut(text, left)
        if here:
            found.append((here, kind))
            left -= cells(here)
        if here != text:
            break
    return [*found, (" " * left, "")] if left > 0 else found
