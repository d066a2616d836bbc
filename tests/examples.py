"""How many examples a property is tried with, as the run asks for it."""

from __future__ import annotations

from hypothesis import settings

FULL = 100
"""Examples of a property that names no number: Hypothesis' own default."""


def examples(number: int) -> int:
    """Return `number` by the profile of this run: less of them in a short run, more in a long one."""
    return max(1, number * settings().max_examples // FULL)
