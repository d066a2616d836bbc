"""Show one subtree of the fleet as if it were the whole: to who may not see more."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from fog_aggregator.history.routing import LEVEL, PATH, Level, Whole, is_own_name, route
from fog_aggregator.promql.errors import EvaluationError
from fog_aggregator.promql.labels import NAME, Labels, Matcher, MatchKind
from fog_aggregator.promql.storage import Selection, SeriesStorage
from fog_aggregator.sources.ports import Room, for_request
from fog_schema.paths import Path, format_path, is_under


class ConfinedStorage:
    """Finds series at and under a path alone. Any thread may ask.

    Args:
        storage: Finds them by the labels that name a view.
        root: The path.
        of_the_whole: Names of series that are of the whole fleet, whatever labels they have.
    """

    def __init__(self, storage: SeriesStorage, root: Path, of_the_whole: frozenset[str] = frozenset()) -> None:
        self._storage = storage
        self._root = root
        self._of_the_whole = of_the_whole

    @property
    def oldest(self) -> int | None:
        """The time of the oldest sample of the fleet; None without samples."""
        return self._storage.oldest

    @property
    def newest(self) -> int | None:
        """The time of the newest sample of the fleet."""
        return self._storage.newest

    def until(self, expired: Callable[[], bool], room: Room) -> ConfinedStorage:
        """Return the same storage for one request, which ends when `expired` says so."""
        return ConfinedStorage(for_request(self._storage, expired, room), self._root, self._of_the_whole)

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find the series under the path that fulfil every matcher, with their samples from `start` to `end`.

        Raises:
            QueryError: as the storage, and for what lies elsewhere or is of the whole fleet.
        """
        return self._storage.select(confined(matchers, self._root, self._of_the_whole), start, end)

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """List the series under the path that fulfil every matcher and may have a sample from `start` to `end`.

        Raises:
            QueryError: as `select`.
        """
        return self._storage.series(confined(matchers, self._root, self._of_the_whole), start, end)


def confined(
    matchers: Sequence[Matcher], root: Path, of_the_whole: frozenset[str] = frozenset()
) -> tuple[Matcher, ...]:
    """Return the matchers of a selector that names no more than what lies at and under a path.

    The whole becomes the subtree of the path, and of a level the groups there are left. The outcome does not depend on
    which other places there are.

    Raises:
        BadQueryError: the labels name no view.
        EvaluationError: they name one that lies elsewhere, or series of the whole fleet.
    """
    text = format_path(root)
    for matcher in matchers:
        named = matcher.value if matcher.name == NAME and matcher.kind is MatchKind.EQUAL else ""
        if named in of_the_whole or is_own_name(matcher):
            raise EvaluationError(f"{named} is of the whole fleet, and {text} alone is shown to you")
    view = route(matchers).view
    if isinstance(view, Whole):
        return (*matchers, Matcher(MatchKind.EQUAL, PATH, text))
    if not isinstance(view, Level):
        _check(view.path, root)
        return tuple(matchers)
    if view.under is not None:
        _check(view.under, root)
    if view.level < len(root) - 1:
        raise EvaluationError(f'{LEVEL}="{view.level}" lies above {text}: ask for level {len(root) - 1} or more')
    return (*matchers, Matcher(MatchKind.REGEX, PATH, f"{re.escape(text)}{_BELOW}"))


_BELOW: Final = "(/.*)?"


def _check(path: Path, root: Path) -> None:
    if not is_under(path, root):
        raise EvaluationError(f"{format_path(root)} alone is shown to you, and not {format_path(path)}")
