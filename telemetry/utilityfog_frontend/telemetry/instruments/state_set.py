"""Gauges of a fixed shape."""

from collections.abc import Sequence

from .labeled import LabeledGauge


class StateSet:
    """Which of several states holds: for each a gauge that is 1 or 0, labelled with the metric's own name.

    The gauges add up along the tree: the fleet shows how many nodes are in each state. Safe from any thread; a reader
    may catch the moment of a change, when two are 1.

    Raises:
        ValueError: no states, or one given twice.
    """

    def __init__(self, gauge: LabeledGauge, states: Sequence[str]) -> None:
        if not states or len(set(states)) != len(states):
            raise ValueError(f"state set {gauge.name!r} needs states that differ, not {list(states)}")
        self.gauge = gauge
        self._gauges = {state: gauge.labels(state) for state in states}

    @property
    def states(self) -> list[str]:
        """All of them."""
        return list(self._gauges)

    def set(self, state: str) -> None:
        """Make `state` the one that holds.

        Raises:
            ValueError: not one of the states.
        """
        if state not in self._gauges:
            raise ValueError(f"state set {self.gauge.name!r} has no state {state!r}, only {', '.join(self._gauges)}")
        self._gauges[state].set(1)
        for other, gauge in self._gauges.items():
            if other != state:
                gauge.set(0)
