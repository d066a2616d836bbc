"""Colours for terminals, and times for people. Pure."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Final

from fog_cli.words.text import Line, printable

_CODES: Final = {
    "live": "32",
    "stale": "33",
    "departed": "31",
    "ended": "2",
    "missing": "31",
    "quarantined": "33",
    "unread": "31",
    "retired": "2",
    "critical": "31",
    "warning": "33",
    "note": "36",
    "ok": "32",
    "faint": "2",
    "bold": "1",
}


class Paint:
    """Colours words, when it is to a terminal and NO_COLOR is not set."""

    def __init__(self, out: IO[str] | None = None, environ: Mapping[str, str] = os.environ) -> None:
        self._on = (out or sys.stdout).isatty() and not environ.get("NO_COLOR")

    def __call__(self, kind: str, text: str) -> str:
        """`text`, escaped, in the colour of a node's state, or of "faint" or "bold"."""
        text = printable(text)
        return f"\033[{_CODES[kind]}m{text}\033[0m" if self._on and text and kind in _CODES else text

    def line(self, line: Line) -> str:
        """Return a line of spans in their colours, without blanks at its end."""
        return "".join(self(kind, text) for text, kind in line).rstrip()


def show_time(unix: float) -> str:
    """``2026-11-24T06:00:00.000Z``."""
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def show_labels(labels: Mapping[str, str]) -> str:
    """``{a="1",b="2"}``, empty without labels."""
    if not labels:
        return ""
    pairs = (f'{printable(name)}="{escape(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def escape(value: str) -> str:
    """Return a label value as it stands between quotes."""
    return printable(value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n"))


def show_coverage(coverage: Mapping[str, int], paint: Paint) -> str:
    """``84 live, 1 stale``: states that nobody is in are left out."""
    return ", ".join(paint(state, f"{count} {state}") for state, count in coverage.items() if count) or "no nodes"
