"""Pauses between attempts: they grow, and are spread, so that a fleet does not come back all at once."""

from __future__ import annotations

import random


def backoff(attempt: int, rng: random.Random, *, first: float = 0.5, longest: float = 15.0) -> float:
    """Return the seconds to wait before trying again: doubled with each attempt (from 0), jittered down to a fifth.

    A fleet that lost its server at one instant comes back spread over the pause.
    """
    return min(longest, first * 2.0 ** min(attempt, 60)) * rng.uniform(0.2, 1.0)
