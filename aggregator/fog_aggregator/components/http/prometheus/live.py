"""The present of the fleet as a source of samples: for views whose past nobody keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from fog_aggregator.history.routing import Level, NodeOwn, Subtree, View
from fog_aggregator.network import NetworkCollector
from fog_aggregator.promql.errors import EvaluationError, QueryTimeoutError
from fog_aggregator.promql.labels import NAME, Labels, Matcher, MatchKind, make_labels
from fog_aggregator.promql.storage import Selection, parts_of_moment
from fog_aggregator.query.selection import TOGETHER, Grouping, ViewKey
from fog_aggregator.query.selection import Selection as Nodes
from fog_aggregator.sources.ports import Room
from fog_aggregator.sources.unkept import Unkept
from fog_schema.paths import Path
from utilityfog_frontend.telemetry.exposition.kinds import number_samples

MOST_SERIES: Final = 100_000
REACH: Final = 60_000
"""Milliseconds: who asks for a moment so long ago means now, by a clock of its own or at a step of its own."""

_ONLY_NOW: Final = "the past of these series is not kept: the answer is of this moment alone"
_EVERY: Final = 1_000
"""Series after which one looks whether the request is still wanted."""


def _never() -> bool:
    return False


class LiveSource(Unkept):
    """Every view of a fleet, with one sample for each series: now. Any thread may ask.

    Args:
        network: The fleet.
        expired: Tells whether the request has ended.
    """

    def __init__(self, network: NetworkCollector, expired: Callable[[], bool] = _never) -> None:
        self._network = network
        self._expired = expired

    def until(self, expired: Callable[[], bool], room: Room) -> LiveSource:
        """Return the same source for one request, which ends when `expired` says so; it has one value of a series."""
        del room
        return LiveSource(self._network, expired)

    def holds(self, view: View) -> bool:
        """Tell that every view has a present."""
        del view
        return True

    def select(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find the series of a view that fulfil every matcher, with their values now if that is between the times.

        Raises:
            QueryError: there are too many, or the request has ended.
        """
        now = round(self._network.now() * 1000)
        moment = min(now, end)
        if not start <= moment or moment < now - REACH:
            return Selection((), (_ONLY_NOW,))
        found = list(self._found(view, matchers))
        return Selection(parts_of_moment(found, moment), (_ONLY_NOW,) if found else ())

    def series(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """List the series of a view that there are now, whatever the times."""
        del start, end
        return [labels for labels, _ in self._found(view, matchers)]

    def _found(self, view: View, matchers: Sequence[Matcher]) -> Iterator[tuple[Labels, float]]:
        names = frozenset(one.value for one in matchers if one.name == NAME and one.kind is MatchKind.EQUAL)
        key = _view_key(view, names)
        if key is None:
            return
        conditions = [*matchers, *(view.path_matchers if isinstance(view, Level) else ())]
        tests = [(matcher.name, matcher.test()) for matcher in conditions]
        added = () if isinstance(view, Level) else view.labels
        count = 0
        for family in self._network.collect(*key):
            for place, (name, own, value) in enumerate(number_samples(family)):
                if place % _EVERY == 0 and self._expired():
                    raise QueryTimeoutError("the query ended before the fleet was read")
                labels = {**dict(own), **dict(added), NAME: name}
                if all(test(labels.get(label, "")) for label, test in tests):
                    count += 1
                    if count > MOST_SERIES:
                        raise EvaluationError(f"a selector may find {MOST_SERIES} series of the present: select fewer")
                    yield make_labels(labels), value


def _view_key(view: View, names: frozenset[str]) -> ViewKey | None:
    """Return the same view in the words of the read side; None for groups that a level does not have."""
    if isinstance(view, NodeOwn):
        return ViewKey(Nodes(view.path, own=True, names=names), TOGETHER)
    if not isinstance(view, Level):
        under: Path = view.path if isinstance(view, Subtree) else ()
        return ViewKey(Nodes(under, names=names), TOGETHER)
    under = view.under or ()
    if len(under) > view.level + 1:
        return None
    return ViewKey(Nodes(under, names=names), Grouping(level=view.level))
