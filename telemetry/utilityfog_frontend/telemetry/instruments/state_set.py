"""Gauges of a fixed shape."""

from collections.abc import Sequence

from utilityfog_frontend.telemetry.support import arguments
from utilityfog_frontend.telemetry.support.arguments import shown

from .labeled import LabeledGauge


class StateSet:
    """Which of several states holds: for each a gauge that is 1 or 0, labelled with the metric's own name.

    The gauges add up along the tree: the fleet shows how many nodes are in each state. Safe from any thread; a reader
    may catch the moment of a change, when two are 1.

    Raises:
        ValueError: no states, or one given twice.
        TypeError: not a sequence of strings.
    """

    def __init__(self, gauge: LabeledGauge, states: Sequence[str]) -> None:
        self.gauge = gauge
        self._gauges = {state: gauge.labels(state) for state in check_states(gauge.name, states)}

    @property
    def states(self) -> list[str]:
        """All of them."""
        return list(self._gauges)

    def set(self, state: str) -> None:
        """Make `state` the one that holds.

        Raises:
            ValueError: not one of the states.
            TypeError: not a string.
        """
        if arguments.text(f"a state of {self.gauge.name!r}", state) not in self._gauges:
            raise ValueError(
                f"state set {self.gauge.name!r} has no state {shown(state)}, only {', '.join(self._gauges)}"
            )
        self._gauges[state].set(1)
        for other, gauge in self._gauges.items():
            if other != state:
                gauge.set(0)

    def refuse_others(self, states: Sequence[str]) -> None:
        """Refuse to be taken for a state set with other states.

        Raises:
            ValueError: says which states there are.
        """
        if self.states != list(states):
            name = self.gauge.name
            raise ValueError(
                f"state set {name!r} is registered already, and its states differ: {self.states} there, {list(states)} "
                "here; choose another name, or the same states"
            )


def check_states(name: str, states: object) -> list[str]:
    """Return the states of the state set `name` as a list.

    Raises:
        ValueError: no states, or one given twice.
        TypeError: not a sequence of strings.
    """
    arguments.text("metric name", name)
    given = arguments.items(f"state set {name!r} needs a sequence of names of states", states)
    names = [arguments.text(f"state set {name!r}: the name of a state", one) for one in given]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"state set {name!r} needs states that differ, not {names}")
    return names
