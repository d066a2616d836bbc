"""Find the expected nodes that are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.places.expected import NOBODY_EXPECTED, Expected
from fog_schema.paths import Path

MISSING_SECONDS: Final = 1800.0
"""For so long the streams must have been read to their end before a node that was never heard is a loss."""


class Absence:
    """Remember which expected nodes of a fleet are known. Its user holds the fleet while it is asked."""

    def __init__(self) -> None:
        self._known: tuple[int, frozenset[Path]] = (-1, frozenset())

    def forget(self) -> None:
        """Find out anew what is known: the fleet is another one."""
        self._known = (-1, frozenset())

    def missing(
        self,
        fleet: Fleet,
        expected: Expected,
        nodes_heard: Callable[[Path], int],
        branch_over: Callable[[Path], Path | None],
        *,
        waits: bool,
    ) -> list[tuple[Path, int]]:
        """Count the nodes that are not known, by path.

        Args:
            fleet: The nodes that are.
            expected: The nodes that an operator expects.
            nodes_heard: Returns how many nodes were heard at and under a path.
            branch_over: Returns the branch that a path lies at or under: only its aggregator knows what is there.
            waits: Leaves out nodes that were never heard, until the streams were read to their end for half an hour.
        """
        learned, quarantine = fleet.parts.roster.learned, fleet.quarantine
        if self._known[0] != fleet.places_version:
            places, excused = fleet.places, learned.excused
            known = (path for path in expected.paths if branch_over(path) or path in places or path in excused)
            self._known = (fleet.places_version, frozenset(known))
        if waits and fleet.observed_seconds < MISSING_SECONDS:
            expected = NOBODY_EXPECTED
        counted = {under: nodes_heard(under) for under in expected.counts}
        found = expected.missing(self._known[1], counted, learned.missing)
        return [one for one in found if quarantine.over(one[0]) is None] if quarantine.in_force else found
