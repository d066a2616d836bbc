"""The storage of the fleet: asks the source that keeps the view which a selector names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fog_aggregator.history.routing import Level, NodeOwn, Subtree, View, route
from fog_aggregator.promql.errors import EvaluationError
from fog_aggregator.promql.labels import NAME, Labels, Matcher, MatchKind
from fog_aggregator.promql.storage import Selection
from fog_aggregator.sources.confined import ConfinedStorage
from fog_aggregator.sources.coverage import partial_coverage
from fog_aggregator.sources.ports import Confinable, Descending, NamedStorage, Room, ViewSource, for_request
from fog_schema.paths import Path, format_path


class FleetStorage:
    """Finds for every selector the one source that keeps its view. Any thread may ask.

    Args:
        sources: Asked in this order; the first that holds the view answers.
        named: Series of rules. A selector of one of their names means these and no view, whatever labels it compares.
        warns: Whether answers say where nodes were silent, which is one more question for each selector.
    """

    def __init__(self, sources: Sequence[ViewSource], named: NamedStorage | None = None, *, warns: bool = True) -> None:
        self._sources = sources
        self._named = named
        self._warns = warns

    def until(self, expired: Callable[[], bool], room: Room) -> FleetStorage:
        """Return the same storage for one request, which ends when `expired` says so."""
        sources = [for_request(source, expired, room) for source in self._sources]
        return FleetStorage(sources, self._named, warns=self._warns)

    def passed_on(self, branch: Path) -> FleetStorage:
        """Return the same storage for a question that was passed on to us for a branch: it goes down only."""
        sources = [one.passed_on(branch) if isinstance(one, Descending) else one for one in self._sources]
        return FleetStorage(sources, self._named, warns=self._warns)

    def under(self, root: Path) -> ConfinedStorage:
        """Return the storage of what lies at and under a path; series of rules may be about any place."""
        names = self._named.names() if self._named is not None else frozenset()
        sources = [one.under(root) if isinstance(one, Confinable) else one for one in self._sources]
        return ConfinedStorage(FleetStorage(sources, warns=self._warns), root, names)

    def keeps(self, view: View, since: int) -> bool:
        """Tell whether some source keeps samples of a view since a time in milliseconds."""
        old_enough = (source for source in self._sources if source.oldest is not None and source.oldest <= since)
        return any(source.holds(view) for source in old_enough)

    @property
    def oldest(self) -> int | None:
        """The time of the oldest sample of all sources; None without samples."""
        return min((one.oldest for one in self._sources if one.oldest is not None), default=None)

    @property
    def newest(self) -> int | None:
        """The time of the newest sample of all sources."""
        return max((one.newest for one in self._sources if one.newest is not None), default=None)

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find the series that fulfil every matcher, with their samples from `start` to `end`, both included.

        Raises:
            QueryError: the labels name no view, or nobody keeps it.
        """
        named = self._named_by(matchers)
        if named is not None and _name(matchers):
            return named.select(matchers, start, end)
        routed = route(matchers)
        found = self._source(routed.view).select(routed.view, routed.matchers_left, start, end)
        warnings = self._coverage(routed.view, end) if found.parts and self._warns else ()
        more = named.select(matchers, start, end) if named is not None else Selection(())
        return Selection((*found.parts, *more.parts), (*found.warnings, *more.warnings, *warnings))

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """List the series that fulfil every matcher and may have a sample from `start` to `end`, both included.

        Raises:
            QueryError: as `select`.
        """
        named = self._named_by(matchers)
        if named is not None and _name(matchers):
            return named.series(matchers, start, end)
        routed = route(matchers)
        found = self._source(routed.view).series(routed.view, routed.matchers_left, start, end)
        return found if named is None else (*found, *named.series(matchers, start, end))

    def _named_by(self, matchers: Sequence[Matcher]) -> NamedStorage | None:
        """Return the series of rules if the selector can mean some: it has one of their names, or no whole name."""
        name = _name(matchers)
        if self._named is None or (name and name not in self._named.names()):
            return None
        return self._named

    def _coverage(self, view: View, end: int) -> tuple[str, ...]:
        """Say where numbers are of a part of the nodes; others who were asked have said so in their answers."""
        source = self._source(view)
        if not isinstance(source, Descending):
            return partial_coverage(source, view, end)
        own = (one for one in self._sources if not isinstance(one, Descending) and one.holds(view))
        return next((partial_coverage(one, view, end) for one in own), ()) if isinstance(view, Level) else ()

    def _source(self, view: View) -> ViewSource:
        for source in self._sources:
            if source.holds(view):
                return source
        raise EvaluationError(f"no samples of {_described(view)} are kept")


def _name(matchers: Sequence[Matcher]) -> str:
    """Return the name that a selector gives whole; empty if it gives none."""
    equal = (matcher.value for matcher in matchers if matcher.name == NAME and matcher.kind is MatchKind.EQUAL)
    return next(equal, "")


def _described(view: View) -> str:
    if isinstance(view, Level):
        return f"level {view.level}"
    if isinstance(view, Subtree):
        return f"the subtree of {format_path(view.path)}"
    return f"the node {format_path(view.path)}" if isinstance(view, NodeOwn) else "the whole fleet"
