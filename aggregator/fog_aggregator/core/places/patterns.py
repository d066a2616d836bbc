"""Which paths come as rollups from aggregators of their own, and are not read node by node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fog_schema.paths import Path

ANY: Final = "*"
"""In a pattern: one token, whichever."""


@dataclass(frozen=True, slots=True)
class BranchPatterns:
    """The branches of an aggregator: paths, in which a token may be ``*``; none lies under another."""

    patterns: Sequence[Path] = ()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.patterns)

    def has(self, path: Path) -> bool:
        """Whether a path is a branch."""
        return any(len(pattern) == len(path) and _fits(pattern, path) for pattern in self.patterns)

    def cover(self, path: Path) -> bool:
        """Whether a path lies at or under a branch."""
        return any(len(pattern) <= len(path) and _fits(pattern, path) for pattern in self.patterns)

    def branch_over(self, path: Path) -> Path | None:
        """Return the branch that a path is or lies under; None for any other."""
        lengths = (len(pattern) for pattern in self.patterns if len(pattern) <= len(path) and _fits(pattern, path))
        return next((path[:length] for length in lengths), None)

    def meet(self, path: Path) -> bool:
        """Whether a path lies at, under or above a branch."""
        return any(_fits(pattern, path) for pattern in self.patterns)


def places_outside(path: Path, branches: BranchPatterns) -> tuple[Path, ...] | None:
    """Return where nodes of a subtree may stand that are in none of its branches, as patterns of paths.

    None where that cannot be said: of branches that are named, others may stand beside them. Of fog with the branches
    `fog/*` it is fog alone, with `fog/*/*` fog and `fog/*`; of fog with the branch fog/0 it is None.
    """
    if len(branches.patterns) != 1 or {*branches.patterns[0][len(path) :]} != {ANY}:
        return None
    depths = range(max(1, len(path)), len(branches.patterns[0]))
    return tuple(path + (ANY,) * (depth - len(path)) for depth in depths)


def _fits(pattern: Path, path: Path) -> bool:
    return all(wanted in (ANY, token) for wanted, token in zip(pattern, path, strict=False))
