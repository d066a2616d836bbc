"""The nodes that numbers stand on, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fog_cli.words.numbers import DASH, count, share
from fog_cli.words.spark import SWATCHES
from fog_cli.words.text import Span

ALWAYS: Final = ("live", "stale", "departed", "missing", "quarantined")
SHOWN: Final = (*ALWAYS, "unread")
"""The states of nodes that are known or expected, and have not ended."""
_WORDS: Final = {
    "departed": "departed",
    "stale": "stale",
    "missing": "missing",
    "quarantined": "in quarantine",
    "unread": "below a branch that nobody reads",
}
Nodes = Mapping[str, int]


def expected(nodes: Nodes) -> int:
    """Return how many nodes are known and expected: those that ended in good order are not."""
    return sum(nodes.get(state, 0) for state in SHOWN)


def not_live(nodes: Nodes) -> str:
    """Say what is not live: ``12 nodes are stale, 3 missing``."""
    parts = list[str]()
    for state, word in _WORDS.items():
        if number := nodes.get(state, 0):
            verb = "" if parts else "node is " if number == 1 else "nodes are "
            parts.append(f"{count(number)} {verb}{word}")
    return ", ".join(parts)


def standing(nodes: Nodes | None) -> str:
    """Say on which share of the nodes numbers stand; a dash where that is not known."""
    return f"numbers stand on {share(nodes.get('live', 0), expected(nodes)) if nodes else DASH}"


def states(nodes: Nodes | None) -> list[Span]:
    """Show how many nodes are in each state: zero is faint, and what is not known is a dash."""
    found = list[Span]()
    for state in SHOWN:
        number = nodes.get(state, 0) if nodes else None
        if state not in ALWAYS and not number:
            continue
        kind = state if number else "faint"
        found += [
            (f"{SWATCHES[state]} ", kind),
            (f"{state} ", "faint"),
            (f"{count(number)}  ", kind if number else "faint"),
        ]
    return found
