"""Describe a question to a fleet: which nodes and series (`Selection`), added up to which groups (`Grouping`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from fog_aggregator.core.series import Labels
from fog_schema.paths import Path


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    """Select series by one label. A label that a series does not have is the empty text, as in Prometheus.

    Attributes:
        label: the label's name.
        value: the value to compare with.
        equal: whether the value must be this one, or must not.
    """

    label: str
    value: str
    equal: bool = True

    def matches(self, labels: Labels) -> bool:
        """Tell whether a series with these labels is selected."""
        found = next((value for name, value in labels if name == self.label), "")
        return (found == self.value) is self.equal


@dataclass(frozen=True, slots=True)
class Selection:
    """Select nodes by their place in the tree, and series by name and labels.

    Attributes:
        under: only nodes at and under this path; all for the empty one.
        own: only the node at `under` itself.
        names: only families that have a sample of one of these names; all when empty.
        matchers: only series that all of them match.
        without: no family of one of these names.
    """

    under: Path = ()
    own: bool = False
    names: frozenset[str] = frozenset()
    matchers: tuple[Matcher, ...] = ()
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Grouping:
    """Say what is added up together: nodes by level or by what they tell of themselves, series by labels.

    Attributes:
        level: nodes whose paths are equal when cut to ``level + 1`` tokens; None: all nodes.
        info: nodes that tell the same for this key of their information, as a tree of one level. Without a level.
        by: series of one family that are equal in these labels, all others left out; None: each for itself.
    """

    level: int | None = None
    info: str | None = None
    by: tuple[str, ...] | None = None


EVERYTHING: Final = Selection()
TOGETHER: Final = Grouping()


class ViewKey(NamedTuple):
    """Identify a view: plans are remembered by it."""

    selection: Selection = EVERYTHING
    grouping: Grouping = TOGETHER
