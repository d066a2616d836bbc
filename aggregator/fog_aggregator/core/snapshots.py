"""A view of the fleet as family snapshots, the language of every exporter."""

from __future__ import annotations

from collections import defaultdict

from fog_aggregator.core.columns import Bools
from fog_aggregator.core.histograms import Bounds
from fog_aggregator.core.lifecycle import live_rows
from fog_aggregator.core.ratchet import Ratchet
from fog_aggregator.core.reading import Found, Reading
from fog_aggregator.core.rollup import Planner
from fog_aggregator.core.samples import Labeller, LazySeries, Samples
from fog_aggregator.core.state import State
from fog_aggregator.core.tree import View
from fog_aggregator.core.versions import Versions, described
from fog_schema.paths import Path
from utilityfog_frontend.telemetry.model import FamilySnapshot


class Snapshots:
    """Turns views of a state into snapshots. Not thread-safe; what it returns is, and refers to the state no more.

    Args:
        ratchet: keeps exported fractional counters from falling when floats are added in another order.
    """

    def __init__(self, state: State, planner: Planner, versions: Versions, ratchet: Ratchet) -> None:
        self._state = state
        self._planner = planner
        self._versions = versions
        self._ratchet = ratchet

    def collect(self, view: View, now: float, wanted: Bools | None = None) -> list[FamilySnapshot]:
        """Every family that somebody in the view has, in the order of names.

        Args:
            view: which numbers.
            now: server's time.
            wanted: which series, by their numbers; all when None.
        """
        paths = self._planner.grouping(view).paths
        live = live_rows(self._state, now)
        reading = Reading(self._state, self._planner, view, wanted)
        found: Found = defaultdict(list)
        reading.counters(found, lambda samples: self._hold(samples, view, paths))
        reading.gauges(found, live)
        bounds = reading.histograms(found, lambda kinds: self._versions.shown_bounds(kinds, live))
        for family in self._versions.hidden(found, live):
            del found[family]
        return self._families(found, bounds, Labeller(list(self._state.catalog.series), paths, view.level))

    def _families(self, found: Found, bounds: dict[int, Bounds], labeller: Labeller) -> list[FamilySnapshot]:
        families = self._state.catalog.families
        return [
            FamilySnapshot(described(families[number], bounds.get(number, ())), LazySeries(found[number], labeller))
            for number in sorted(found, key=lambda number: families[number].key)
        ]

    def _hold(self, samples: Samples, view: View, paths: list[Path]) -> list[float]:
        """The values of fractional counters, none below what was exported of it before."""
        whose = [_whose(view, path) for path in paths]
        return [
            self._ratchet.hold((*whose[group], series), value)
            for series, group, value in zip(
                samples.series.tolist(), samples.group.tolist(), samples.values.tolist(), strict=True
            )
        ]


def _whose(view: View, group: Path) -> tuple[bool, Path]:
    """Whether a group of a view is a node alone or its subtree, and the path: the same number has the same name."""
    if view.level is None:
        return view.own, view.under
    return len(group) <= view.level, group
