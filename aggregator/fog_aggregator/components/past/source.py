"""The past as a source of samples for queries, which are evaluated in threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from fog_aggregator.components.past.errors import PastError
from fog_aggregator.components.past.past import Past
from fog_aggregator.history.routing import NodeOwn, Subtree, View
from fog_aggregator.promql.errors import EvaluationError, UnavailableError
from fog_aggregator.promql.labels import Labels, Matcher
from fog_aggregator.promql.storage import Selection
from fog_aggregator.sources.ports import Room
from fog_aggregator.sources.unkept import Unkept
from fog_aggregator.tasks import wait_in_thread

_LATER: Final = 503
_LISTED_MS: Final = 3_600_000


def _never() -> bool:
    return False


class PastSource(Unkept):
    """Samples of nodes, and of subtrees, as the stream has them. Threads ask it; never the event loop's.

    Args:
        past: reads the stream.
        expired: tells whether the request has ended; then reading ends too.
    """

    def __init__(self, past: Past, expired: Callable[[], bool] = _never) -> None:
        self._past = past
        self._expired = expired

    def until(self, expired: Callable[[], bool], room: Room) -> PastSource:
        """Return the same source for one request, which ends when `expired` says so; it has bounds of its own."""
        del room
        return PastSource(self._past, expired)

    def holds(self, view: View) -> bool:
        """Tell whether a view can be read from the stream: a node, or a subtree."""
        return isinstance(view, NodeOwn | Subtree)

    def select(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find the series of a view that fulfil every matcher, with their samples from `start` to `end`.

        Raises:
            EvaluationError: the stream cannot be read within the bounds.
            UnavailableError: the stream cannot be read now.
            QueryTimeoutError: the request has ended.
        """
        if not isinstance(view, NodeOwn | Subtree):
            raise EvaluationError("the stream has the past of nodes and subtrees alone")
        try:
            question = self._past.samples(view, start / 1000, end / 1000)
            answer = wait_in_thread(self._past.loop, question, self._expired)
        except PastError as error:
            if error.status == 404:  # as for any series that nobody has
                return Selection((), (str(error),))
            raise (UnavailableError if error.status == _LATER else EvaluationError)(str(error)) from None
        late = answer.known_since * 1000 > start
        warnings = (
            (f"counts before {answer.known_since:.3f} are not known: the stream has no keyframe",) if late else ()
        )
        return Selection(answer.select(matchers, start, end), warnings)

    def series(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """List the series of a view that fulfil every matcher and have a sample in the last hour before `end`.

        Raises:
            QueryError: as `select`.
        """
        found: list[Labels] = []
        end = min(end, self._past.now_ms())
        for part in self.select(view, matchers, max(start, end - _LISTED_MS), end).parts:
            found += [labels for labels, size in zip(part.labels, part.sizes, strict=True) if size]
        return found
