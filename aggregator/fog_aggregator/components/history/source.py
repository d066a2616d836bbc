"""Answer selectors from the history, as a source of samples beside others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from fog_aggregator.components.history.present import OwnPresent
from fog_aggregator.history.finding import Found
from fog_aggregator.history.routing import LEVEL, NODE, PATH, Level, NodeOwn, Subtree, View, Whole, is_own_name
from fog_aggregator.history.step import WHOLE, Depth
from fog_aggregator.history.store import HistoryStore
from fog_aggregator.promql.errors import EvaluationError
from fog_aggregator.promql.labels import Labels, Matcher, MatchKind, make_labels
from fog_aggregator.promql.storage import Part, Selection
from fog_aggregator.sources.ports import Room, enough_room
from fog_schema.paths import format_path

_INSTEAD: Final = f"; ask for a level above, for one node with {NODE}, or raise the limit"
_INSTEAD_OF_FAMILY: Final = f"; ask for one node with {NODE}, or raise the limit"
MOST_VALUES: Final = 50_000_000
"""Values that one selector may find: 450 MB while it is answered."""


def _never() -> bool:
    return False


class HistorySource:
    """The past of the whole, of levels and of the subtrees that are groups of a level. Any thread may ask.

    Args:
        store: Has the steps.
        lock: Held while the store is read or written.
        present: Adds the present of the aggregator's own series.
        from_zero: A counter that began while it was watched has a zero at the step before its first: `increase()` then
            has its first counts as well, which alerts on losses are about.
        expired: Tells whether the request has ended; then reading ends too.
        room: Asked before values are read.
    """

    def __init__(
        self,
        store: HistoryStore,
        lock: threading.Lock,
        present: OwnPresent,
        *,
        from_zero: bool = False,
        expired: Callable[[], bool] = _never,
        room: Room = enough_room,
    ) -> None:
        self._expired = expired
        self._room = room
        self._present = present
        self._from_zero = from_zero
        self._store = store
        self._lock = lock

    @property
    def oldest(self) -> int | None:
        """The time of the oldest step in milliseconds; None without any."""
        with self._lock:
            return self._store.oldest

    @property
    def newest(self) -> int | None:
        """The time of the newest step in milliseconds; None without any."""
        with self._lock:
            return self._store.newest

    def until(self, expired: Callable[[], bool], room: Room) -> HistorySource:
        """Return the same source for one request, which ends when `expired` says so, and has `room` for values."""
        zero = self._from_zero
        return HistorySource(self._store, self._lock, self._present, from_zero=zero, expired=expired, room=room)

    def holds(self, view: View) -> bool:
        """Tell whether the view is kept: a subtree is that if its level fits; a node's own past lies in the stream.

        A level that does not fit is answered for here as well: by an error that says so.
        """
        if self.newest is None:
            return False
        return isinstance(view, Whole | Level) or (isinstance(view, Subtree) and self._is_kept(len(view.path) - 1))

    def select(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find the series of a view that fulfil every matcher, with their samples from `start` to `end`.

        Raises:
            QueryError: the level is not kept, the samples are too many, a regular expression cannot be read, or the
                request has ended.
        """
        found, lost, instead = self._find(view, matchers, start, end)
        if found.size > MOST_VALUES:
            raise EvaluationError(
                f"the selector finds {len(found.labels)} series with {found.size} values, more than {MOST_VALUES}: "
                "ask for fewer series or a shorter range"
            )
        self._room(found.size)
        parts = found.read(births=self._from_zero, expired=self._expired)
        if lost and not parts:
            raise EvaluationError(lost + instead)
        warnings = (f"{lost}; what is shown ends where it no longer fitted",) if lost else ()
        if isinstance(view, Whole) and any(map(is_own_name, matchers)):
            return Selection(self._present.extend(parts, matchers, self.newest or 0, end), warnings)
        if isinstance(view, Level) and view.level <= self._store.choice.deepest:
            return Selection(parts, warnings)
        return Selection(
            [Part(_labelled(part.labels, view), part.times, part.values, part.offsets) for part in parts], warnings
        )

    def series(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """List the series of a view that fulfil every matcher and may have a sample from `start` to `end`.

        Raises:
            QueryError: the level is not kept, or a regular expression cannot be read.
        """
        del start, end
        found, lost, instead = self._find(view, matchers, 0, -1)
        if lost and not found.labels:
            raise EvaluationError(lost + instead)
        return _labelled(found.labels, view)

    def _find(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> tuple[Found, str, str]:
        """Find series, and say why their level, or family, is not kept any more, and what helps; empty where it is."""
        with self._lock:
            depth, conditions = self._place(view)
            found = self._store.find(depth, (*matchers, *conditions), start, end)
            lost, families = self._store.choice.left_out.get(depth), self._store.choice.families
        if lost is not None:
            left = f"{lost.limit} of --history-series were left for it"
            return found, f"level {depth} is not kept: it has {lost.series} series, and {left}", _INSTEAD
        name = families.asked_for(matchers)
        return found, families.why_not(name) if name else "", _INSTEAD_OF_FAMILY

    def _place(self, view: View) -> tuple[Depth, tuple[Matcher, ...]]:
        """Return the level that has a view, and the conditions that choose its groups."""
        if isinstance(view, Level):
            return min(view.level, max(0, self._store.choice.deepest)), view.path_matchers
        if isinstance(view, Subtree):
            return len(view.path) - 1, (Matcher(MatchKind.EQUAL, PATH, format_path(view.path)),)
        if isinstance(view, NodeOwn):
            raise EvaluationError(f"the past of one node is not kept here: {format_path(view.path)}")
        return WHOLE, ()

    def _is_kept(self, depth: Depth) -> bool:
        with self._lock:
            return depth in self._store.series


def _labelled(every: Sequence[Labels], view: View) -> list[Labels]:
    """Give series the labels that named the view, in place of those of the level that has it."""
    if isinstance(view, Subtree):
        return [tuple(pair for pair in labels if pair[0] != LEVEL) for labels in every]
    if isinstance(view, Level):
        return [make_labels({**dict(labels), LEVEL: str(view.level)}) for labels in every]
    return list(every)
