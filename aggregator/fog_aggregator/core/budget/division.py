"""Divide the memory of an aggregator among what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024
WORKING: Final = 32 * MIB
"""For the loops: a batch of messages, buffers of connections, threads."""
SMALLEST_STATE: Final = 16 * MIB
DEFAULT_SHARE: Final = 0.5
"""Of what the machine or the cgroup has. The rest is for the child that writes checkpoints, and for queries."""


class MemoryTooSmallError(ValueError):
    """The memory that was given is less than the program itself needs; the text says how much that is."""


@dataclass(frozen=True, slots=True)
class Division:
    """The parts of a memory, bytes.

    Attributes:
        total: all of it.
        program: the program without any data, and its loops.
        history: the steps of the history.
        past: answers to questions about the past.
        events: the list of events, and as much for the numbers that were seen.
        caches: what would be computed again.
        state: nodes, label sets, values, and the reserve for one answer.
    """

    total: int
    program: int
    history: int
    past: int
    events: int
    caches: int
    state: int


def divide(total: int, program: int, history: int, past: int) -> Division:
    """Divide a memory.

    Args:
        total: all of it, bytes.
        program: what the process takes before it has read anything.
        history: what the history may take by its own option.
        past: what answers about the past may take by theirs.

    Raises:
        MemoryTooSmallError: nothing would be left for the fleet.
    """
    program += WORKING
    history, past = min(history, total // 8), min(past, total // 16)
    events, caches = min(64 * MIB, total // 16), min(256 * MIB, total // 16)
    state = total - program - history - past - events - caches
    if state < SMALLEST_STATE:
        needed = -(-(program + SMALLEST_STATE) * 16 // (11 * MIB))
        raise MemoryTooSmallError(
            f"a memory of {total // MIB} MiB is too small: the program alone takes {program // MIB}. "
            f"Give --memory {needed}MiB or more"
        )
    return Division(total, program, history, past, events, caches, state)
