"""Name the branches that no aggregator reads: their nodes send, and are in no number. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from fog_aggregator.core.places.patterns import ANY, BranchPatterns
from fog_schema.errors import PathError
from fog_schema.paths import Path, is_under
from fog_schema.subjects import Subjects


class Unread:
    """The branches from which no rollup has come, with the nodes that a stream has frames of. Any thread may read.

    Args:
        is_heard: Tells whether a rollup of a branch has come: from then on its aggregator says how its nodes are.

    Attributes:
        found: How many nodes each branch has, as it was last looked; 0 of one that was configured and where none is.
    """

    def __init__(self, is_heard: Callable[[Path], bool]) -> None:
        self.found: Mapping[Path, int] = {}
        self._is_heard = is_heard

    def under(self, path: Path) -> list[tuple[Path, int]]:
        """Return those at and under a path, in path order, with the number of their nodes."""
        found = sorted(self.found.items()) if self.found else []
        return [one for one in found if is_under(one[0], path) and not self._is_heard(one[0])]

    def to_look_at(self, branches: BranchPatterns) -> list[Path]:
        """Return the branches, or patterns of them, below which nodes may be that nobody reads."""
        return [pattern for pattern in branches.patterns if ANY in pattern or not self._is_heard(pattern)]

    def never_heard(self, branches: BranchPatterns) -> Counter[Path]:
        """Return the branches that are configured by their whole path and sent no rollup, each with no nodes."""
        return Counter({path: 0 for path in self.to_look_at(branches) if ANY not in path})


def nodes_by_branch(subjects: Iterable[str], of: Subjects, branches: BranchPatterns) -> Counter[Path]:
    """Count the nodes at and below each branch, given the subjects that a stream has messages of.

    Args:
        subjects: Each once.
        of: Turns them into paths; one that is none's is left out.
        branches: Which paths are branches.
    """
    found: Counter[Path] = Counter()
    for subject in subjects:
        try:
            branch = branches.branch_over(of.path_of(subject)[1])
        except PathError:
            continue
        if branch is not None:
            found[branch] += 1
    return found
