"""Find a name for a consumer, where the server lets us have a few names alone. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple


class Candidate(NamedTuple):
    """A name to try.

    Args:
        name: The name; empty for any.
        left: Whether a consumer of ours has it, which the server was not told to forget.
    """

    name: str
    left: bool = False


class ReaderNames:
    """The names that the consumers of one log may have, and those that were left behind with a lost connection.

    Args:
        names: The names; empty for any.
        forgotten_after: Seconds after which the server has forgotten what was left behind.
        rng: Draws, so that two programs that begin at once seldom try the same.
    """

    def __init__(self, names: Sequence[str], forgotten_after: float, rng: random.Random) -> None:
        self.names = tuple(names)
        self._forgotten_after = forgotten_after
        self._rng = rng
        self._left: dict[str, float] = {}

    def candidates(self, now: float) -> list[Candidate]:
        """Return the names to try, one after the other: first what we left behind a moment ago, monotonic seconds."""
        if not self.names:
            return [Candidate("")]
        mine = [name for name, since in self._left.items() if now - since < self._forgotten_after]
        self._left.clear()
        others = self._rng.sample([name for name in self.names if name not in mine], len(self.names) - len(mine))
        return [*(Candidate(name, left=True) for name in mine), *map(Candidate, others)]

    def leave(self, name: str, now: float) -> None:
        """Note that the server was not told to forget a consumer, monotonic seconds."""
        if name in self.names:
            self._left[name] = now
