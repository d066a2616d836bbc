"""The nodes of a unit test: a fleet whose states the test says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fog_aggregator.rules.unit_tests.model import UnitTest
from fog_aggregator.rules.verdicts.coverage import MOST_LISTED, Fate, Standing
from fog_aggregator.rules.verdicts.reads import Scope
from fog_schema.paths import Path

_SPOKEN_FOR: Final = frozenset({Fate.LIVE, Fate.SILENT})


class UnitTestFleet:
    """Knows the states of nodes at a time that is moved on by hand."""

    horizon: Final = 7 * 86_400_000

    def __init__(self, test: UnitTest) -> None:
        self._test = test
        self._now: Mapping[Path, Fate] = {}

    def advance(self, now: int) -> None:
        """Let time pass, up to a time."""
        place = (now - self._test.start) // self._test.interval
        states = {path: states[min(place, len(states) - 1)] for path, states in self._test.coverage.items() if states}
        self._now = {path: state for path, state in states.items() if state is not None}

    def standing(self, scope: Scope) -> Standing:
        """Tell how the nodes of a scope are; a test does not say which metrics they have."""
        mine = {path: state for path, state in self._now.items() if scope.holds(path)}
        count = list(mine.values()).count
        listed = {path: state for path, state in mine.items() if state in _SPOKEN_FOR}
        nodes = listed if len(listed) <= MOST_LISTED else None
        return Standing(count(Fate.LIVE), count(Fate.SILENT), count(Fate.ENDED), nodes)

    def fate(self, path: Path) -> Fate:
        """Tell what became of a node."""
        return self._now.get(path, Fate.GONE)

    def last_word(self, scope: Scope) -> int | None:
        """Tell that nobody is overdue: a test says at once who is silent."""
        del scope
        return None
